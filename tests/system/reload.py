#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reloads under load: with sessions in the middle of DATA, a listen backlog, changed
configuration and replaced module files, no connection is reset or refused and no message is
lost; what cannot serve leaves the old worker serving."""
import glob
import hashlib
import os
import shutil
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from server import Server
from tap import run_main

RELOADS = 20
HELD = 50
BACKLOG = 20
BUSY = 8
BODY = b"".join(b"line %06d of a message\r\n" % n for n in range(2000))


class Failure(Exception):
    pass


class Dialogue:
    """A client that tells a reset from an orderly 421."""

    def __init__(self, port):
        try:
            self.peer = socket.create_connection(("127.0.0.1", port), timeout=60)
        except OSError as error:
            raise Failure(f"connection refused: {error}") from error
        self.reader = self.peer.makefile("rb")

    def send(self, data):
        try:
            self.peer.sendall(data)
        except OSError:
            pass  # the reply says why

    def reply(self):
        while True:
            try:
                line = self.reader.readline()
            except OSError as error:
                raise Failure(f"reset: {error}") from error
            if not line:
                raise Failure("closed without a word")
            if line[3:4] != b"-":
                return line

    def expect(self, code):
        line = self.reply()
        if not line.startswith(code):
            raise Failure(f"expected {code!r}, got {line!r}")
        return line

    def begin(self):
        greeting = self.expect(b"220")
        self.send(b"EHLO client.example.com\r\n")
        self.expect(b"250")
        return greeting

    def open_data(self, name):
        self.send(b"MAIL FROM:<bob@example.com>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n")
        self.expect(b"250")
        self.expect(b"250")
        self.expect(b"354")
        self.send(b"Subject: reload\r\nX-Name: " + name.encode() + b"\r\n\r\n" + BODY[:20000])

    def finish_data(self):
        self.send(BODY[20000:] + b".\r\n")
        self.expect(b"250")

    def close(self):
        self.peer.close()


class Busy(threading.Thread):
    """Sends and reconnects; an orderly 421 between transactions is no failure."""

    def __init__(self, port, number, stop):
        super().__init__(daemon=True)
        self.port, self.number, self.stop_flag = port, number, stop
        self.accepted, self.failures = [], []

    def run(self):
        while not self.stop_flag.is_set():
            dialogue = None
            try:
                dialogue = Dialogue(self.port)
                dialogue.begin()
                for _ in range(20):
                    if self.stop_flag.is_set():
                        break
                    self.message(dialogue)
            except Failure as failure:
                if "b'421" not in str(failure):
                    self.failures.append(str(failure))
            finally:
                if dialogue:
                    dialogue.close()

    def message(self, dialogue):
        name = f"busy-{self.number}-{len(self.accepted)}"
        dialogue.open_data(name)
        dialogue.finish_data()
        self.accepted.append(name)


def replace_modules():
    """New files in the place of the old ones, as a package upgrade makes them."""
    for path in glob.glob(os.path.join(barid.BUILD, "modules/*/.libs/*.so")):
        shutil.copy2(path, path + ".new")
        os.rename(path + ".new", path)


def write_config(server, base, number):
    with open(server.config + ".new", "w", encoding="utf-8") as file:
        file.write(base + f"\n[listener smtp]\nhostname = mx{number}.example.org\n")
    os.rename(server.config + ".new", server.config)


def mapped_modules(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        return {(line.split()[5].rsplit("/", 1)[1], line.split()[4]) for line in file
                if line.rstrip().endswith(".so") and "/modules/" in line}


def reload_often(server, base, tap):
    accepted, failures = [], []
    for number in range(1, RELOADS + 1):
        write_config(server, base, number)
        replace_modules()
        waiting = [Dialogue(server.port) for _ in range(BACKLOG)]
        done = server.ctl_raw("reload")
        if done.returncode != 0:
            failures.append(done.stderr.decode())
        probe = Dialogue(server.port)
        greeting = probe.begin()
        if f"mx{number}.".encode() not in greeting:
            failures.append(f"after reload {number}: {greeting!r}")
        probe.close()
        for index, dialogue in enumerate(waiting):
            try:
                dialogue.begin()
                dialogue.open_data(f"backlog-{number}-{index}")
                dialogue.finish_data()
                accepted.append(f"backlog-{number}-{index}")
            except Failure as failure:
                failures.append(f"backlog: {failure}")
            dialogue.close()
    tap.test(not failures, f"{RELOADS} reloads with a listen backlog {failures[:3]}")
    return accepted


def check_broken(server, base, tap):
    """What cannot serve leaves the old worker serving."""
    pid = server.worker_pid()
    with open(server.config, "w", encoding="utf-8") as file:
        file.write(base + "\n[session]\ntimeout = never\n")
    done = server.ctl_raw("reload")
    tap.test(done.returncode == 1 and b"barid.conf:" in done.stderr and server.worker_pid() == pid,
             "a broken configuration is told with file and line, and changes nothing")
    module = os.path.join(barid.BUILD, "modules/greylist/.libs/greylist.so")
    with open(server.config, "w", encoding="utf-8") as file:
        file.write(base + "\n[module greylist]\nenabled = yes\n")
    shutil.copy2(module, module + ".good")
    try:
        with open(module + ".new", "wb") as file:
            file.write(b"this is no shared object")
        os.rename(module + ".new", module)
        done = server.ctl_raw("reload")
    finally:
        os.rename(module + ".good", module)
    tap.test(done.returncode == 1 and b"greylist" in done.stderr and server.worker_pid() == pid,
             "a module that does not load leaves the old worker serving")
    worker = os.path.join(barid.BUILD, "src/worker/barid-worker")
    os.rename(worker, worker + ".good")
    with open(worker, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nkill -SEGV $$\n")
    os.chmod(worker, 0o755)
    done = server.ctl_raw("reload")
    os.rename(worker + ".good", worker)
    tap.test(done.returncode == 1 and b"signal 11" in done.stderr and server.worker_pid() == pid,
             "a worker that dies at its start leaves the old one serving")
    dialogue = Dialogue(server.port)
    dialogue.begin()
    dialogue.open_data("after")
    dialogue.finish_data()
    dialogue.close()
    return ["after"]


def check_mails(server, accepted, tap):
    found = {}
    digest = hashlib.sha256(BODY).hexdigest()
    for mail in server.mails():
        header, _, body = mail.partition(b"\n\n")
        name = [line[8:].decode() for line in header.split(b"\n") if line.startswith(b"X-Name: ")][0]
        found.setdefault(name, []).append(
            hashlib.sha256(body.replace(b"\n", b"\r\n")).hexdigest() == digest)
    lost = [name for name in accepted if name not in found]
    tap.test(not lost, f"none of {len(accepted)} messages is lost {lost[:5]}")
    tap.test(all(all(same) for same in found.values()), "all are byte-identical")
    twice = [name for name, same in found.items() if len(same) > 1]
    tap.test(not twice, f"none is delivered twice {twice[:5]}")


def wait_for_side_folders(server):
    """Until all messages are in the main folder again."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if not glob.glob(os.path.join(server.state, "spool-*")):
            return True
        time.sleep(0.1)
    return False


def main(tap):
    with tempfile.TemporaryDirectory(prefix="barid-build-") as build:
        barid.copy_build(build)
        run(tap)


def run(tap):
    with Server() as server:
        with open(server.config, encoding="utf-8") as file:
            base = file.read()
        first = server.worker_pid()
        before = mapped_modules(first)
        held = [Dialogue(server.port) for _ in range(HELD)]
        for index, dialogue in enumerate(held):
            dialogue.begin()
            dialogue.open_data(f"held-{index}")
        stop = threading.Event()
        busy = [Busy(server.port, number, stop) for number in range(BUSY)]
        for thread in busy:
            thread.start()
        accepted = reload_often(server, base, tap)
        status = server.ctl("status")
        tap.test(any(older["pid"] == first and older["sessions"] >= HELD
                     for older in status.get("draining", [])),
                 "status shows the first worker, whose sessions go on")
        failures = []
        for index, dialogue in enumerate(held):
            try:
                dialogue.finish_data()
                accepted.append(f"held-{index}")
            except Failure as failure:
                failures.append(str(failure))
            dialogue.close()
        tap.test(not failures, f"{HELD} sessions in the middle of DATA end well {failures[:3]}")
        accepted += check_broken(server, base, tap)
        stop.set()
        for thread in busy:
            thread.join(60)
            accepted += thread.accepted
        failures = [failure for thread in busy for failure in thread.failures]
        tap.test(not failures, f"no connection is reset or refused {failures[:3]}")
        tap.test(all(thread.accepted for thread in busy), "sessions were busy")
        after = mapped_modules(server.worker_pid())
        tap.test(before and after and not before & after, "replaced module files are loaded anew")
        tap.test(wait_for_side_folders(server), "all side folders are emptied and gone")
        server.wait_queue_empty(120)
        check_mails(server, accepted, tap)
        tap.test(server.stop() == 0, "the server stops in order")
        if tap.failed:
            print("# " + server.read_log()[-6000:].replace("\n", "\n# "))


if __name__ == "__main__":
    sys.exit(run_main(main))
