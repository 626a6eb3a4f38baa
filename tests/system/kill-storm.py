#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the worker at random moments, under busy sessions: every message that got 250
is delivered at least once, byte-identical."""
import hashlib
import json
import os
import random
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from server import Server
from tap import run_main

KILLS = int(os.environ.get("BARID_KILLS", "50"))
SESSIONS = 20


class Client(threading.Thread):
    """Sends messages as fast as it can; notes which were accepted."""

    def __init__(self, server, number, stop, seed):
        super().__init__(daemon=True)
        self.server, self.number, self.stop_flag = server, number, stop
        self.random = random.Random(seed * 1000 + number)
        self.accepted = {}  # id -> sha256 of the body
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
        peer.sendall(b"MAIL FROM:<bob@example.com>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n")
        self.expect(reader, b"250")
        self.expect(reader, b"250")
        self.expect(reader, b"354")
        peer.sendall(b"Subject: storm\r\nX-Name: " + name.encode() + b"\r\n\r\n" + body + b".\r\n")
        self.expect(reader, b"250")
        self.accepted[name] = hashlib.sha256(body).hexdigest()


def read_back(server):
    found = {}
    for mail in server.mails():
        header, _, body = mail.partition(b"\n\n")
        name = [line[8:].decode() for line in header.split(b"\n") if line.startswith(b"X-Name: ")][0]
        digest = hashlib.sha256(body.replace(b"\n", b"\r\n")).hexdigest()
        found.setdefault(name, []).append(digest)
    return found


def main(tap):
    seed = int(os.environ.get("BARID_SEED", str(random.randrange(1 << 30))))
    chance = random.Random(seed)
    print(f"# seed {seed}")
    with Server() as server:
        stop = threading.Event()
        clients = [Client(server, n, stop, seed) for n in range(SESSIONS)]
        for client in clients:
            client.start()
        killed = 0
        pid = 0
        while killed < KILLS:
            new = server_pid(server, pid)
            pid = new
            time.sleep(chance.uniform(0.05, 1.5))  # the moment of the crash, not a synchronisation
            os.kill(pid, signal.SIGKILL)
            killed += 1
        server_pid(server, pid)
        stop.set()
        for client in clients:
            client.join(60)
        server.wait_queue_empty(120)
        accepted = {name: digest for client in clients for name, digest in client.accepted.items()}
        found = read_back(server)
    lost = [name for name in accepted if accepted[name] not in found.get(name, [])]
    changed = [name for name, digests in found.items() if name in accepted
               and any(digest != accepted[name] for digest in digests)]
    twice = sum(len(digests) - 1 for digests in found.values())
    print(f"# {killed} kills, {len(accepted)} accepted, {len(found)} found, {twice} delivered again")
    tap.test(not lost, f"nothing that got 250 is lost {lost[:5]}")
    tap.test(not changed, f"all are byte-identical {changed[:5]}")
    tap.test(len(accepted) >= KILLS, "sessions were busy")


def server_pid(server, old):
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


if __name__ == "__main__":
    sys.exit(run_main(main))
