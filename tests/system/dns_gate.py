# SPDX-License-Identifier: Apache-2.0
"""A gate in front of a name server: it notes what is asked, and can hold questions until some
others have been asked, too, or delay every answer."""
import socket
import threading
import time

SECONDS = 5


def question_of(packet):
    """The name that a packet asks for, lower-cased."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii", "replace").lower())
        at += packet[at] + 1
    return ".".join(labels)


def receive_exactly(link, size):
    data = b""
    while len(data) < size:
        part = link.recv(size - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


class Gate:
    """with Gate(port) as gate: ... gate.port, gate.asked; answers come after (delay) seconds."""

    def __init__(self, port, delay=0):
        self.delay = delay
        self.target = ("127.0.0.1", port)
        self.asked = []
        self.together = set()
        self.condition = threading.Condition()
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", 0))
        self.port = self.datagrams.getsockname()[1]
        self.streams = socket.create_server(("127.0.0.1", self.port))

    def hold(self, *names):
        """From now on none of these is answered before all of them are asked."""
        self.together = set(names)
        self.asked = []

    def note(self, packet):
        with self.condition:
            self.asked.append(question_of(packet))
            self.condition.notify_all()
            if self.asked[-1] in self.together:
                self.condition.wait_for(lambda: self.together <= set(self.asked), SECONDS)
        time.sleep(self.delay)

    def answer(self, packet, peer):
        self.note(packet)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(SECONDS)
            link.sendto(packet, self.target)
            self.datagrams.sendto(link.recv(65535), peer)

    def relay(self, client):
        with client:
            size = receive_exactly(client, 2)
            packet = receive_exactly(client, int.from_bytes(size, "big"))
            self.note(packet)
            with socket.create_connection(self.target, SECONDS) as link:
                link.sendall(size + packet)
                size = receive_exactly(link, 2)
                client.sendall(size + receive_exactly(link, int.from_bytes(size, "big")))

    def serve_datagrams(self):
        while True:
            try:
                packet, peer = self.datagrams.recvfrom(65535)
            except OSError:
                return
            threading.Thread(target=self.answer, args=(packet, peer), daemon=True).start()

    def serve_streams(self):
        while True:
            try:
                client, _ = self.streams.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(client,), daemon=True).start()

    def __enter__(self):
        for serve in (self.serve_datagrams, self.serve_streams):
            threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.datagrams.close()
        self.streams.close()
