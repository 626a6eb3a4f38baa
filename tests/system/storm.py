# SPDX-License-Identifier: Apache-2.0
"""Busy senders, and kill -9 of the worker at random moments; the supervisor starts another."""
import hashlib
import json
import os
import random
import signal
import socket
import threading
import time

KILLS = int(os.environ.get("BARID_KILLS", "50"))
SESSIONS = 20


def choose_seed():
    seed = int(os.environ.get("BARID_SEED", str(random.randrange(1 << 30))))
    print(f"# seed {seed}", flush=True)
    return seed


class Sender(threading.Thread):
    """Sends messages as fast as it can; notes which were accepted."""

    def __init__(self, server, number, stop, seed, recipient):
        super().__init__(daemon=True)
        self.server, self.number, self.stop_flag = server, number, stop
        self.recipient = recipient
        self.random = random.Random(seed * 1000 + number)
        self.accepted = {}  # name -> sha256 of the body
        self.sent = 0

    def run(self):
        while not self.stop_flag.is_set():
            try:
                self.session()
            except OSError:
                time.sleep(0.01)  # nobody listens to us just now

    def expect(self, reader, code):
        while True:
            line = reader.readline()
            if not line:
                raise OSError("closed")
            if line[3:4] != b"-":
                if not line.startswith(code):
                    raise OSError(line)
                return

    def session(self):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as peer:
            reader = peer.makefile("rb")
            self.expect(reader, b"220")
            peer.sendall(b"EHLO client.example.com\r\n")
            self.expect(reader, b"250")
            while not self.stop_flag.is_set():
                self.message(peer, reader)

    def message(self, peer, reader):
        self.sent += 1
        name = f"{self.number}-{self.sent}"
        size = self.random.choice([10, 700, 4000, 60000, 400000 if self.sent % 40 == 0 else 100])
        body = self.random.randbytes(size).hex().encode()
        body = b"\r\n".join(body[i:i + 76] for i in range(0, len(body), 76)) + b"\r\n"
        peer.sendall(b"MAIL FROM:<bob@example.com>\r\nRCPT TO:<%s>\r\nDATA\r\n"
                     % self.recipient.encode())
        self.expect(reader, b"250")
        self.expect(reader, b"250")
        self.expect(reader, b"354")
        peer.sendall(b"Subject: storm\r\nX-Name: " + name.encode() + b"\r\n\r\n" + body + b".\r\n")
        self.expect(reader, b"250")
        self.accepted[name] = hashlib.sha256(body).hexdigest()


def run_storm(server, seed, recipient, sessions=SESSIONS):
    """Kills the worker KILLS times under load; gives name -> digest of what was accepted."""
    chance = random.Random(seed)
    stop = threading.Event()
    senders = [Sender(server, n, stop, seed, recipient) for n in range(sessions)]
    for sender in senders:
        sender.start()
    pid = 0
    for _ in range(KILLS):
        pid = wait_for_worker(server, pid)
        time.sleep(chance.uniform(0.05, 1.5))  # the moment of the crash, not a synchronisation
        os.kill(pid, signal.SIGKILL)
    wait_for_worker(server, pid)
    stop.set()
    for sender in senders:
        sender.join(60)
    return {name: digest for sender in senders for name, digest in sender.accepted.items()}


def wait_for_worker(server, old):
    """The pid of a worker that is not the old one and answers."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        done = server.ctl_raw("status", "--json")
        if done.returncode == 0:
            pid = json.loads(done.stdout)["pid"]
            if pid != old:
                return pid
        time.sleep(0.02)
    raise RuntimeError("no new worker: " + server.read_log()[-2000:])


def check_arrivals(tap, accepted, found, log):
    """(found): name -> digests of all that arrived under it; (log): the server's."""
    lost = [name for name in accepted if accepted[name] not in found.get(name, [])]
    changed = [name for name, digests in found.items() if name in accepted
               and any(digest != accepted[name] for digest in digests)]
    tap.test(not lost, f"nothing that got 250 is lost {lost[:5]}")
    tap.test(not changed, f"all are byte-identical {changed[:5]}")
    tap.test(len(accepted) >= KILLS, "sessions were busy")
    tap.test(log.count(" worker.died ") == KILLS, "the worker died when it was killed, and only then")
