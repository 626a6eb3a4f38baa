#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a worker must not be able to do, tried from inside by a module: with Landlock and
without, as an ordinary user. What it has to do still works."""
import errno
import os
import pwd
import smtplib
import socket
import struct
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from scripted_peer import ScriptedPeer
from server import Server
from tap import run_main

USER = "nobody"
DENIED = (errno.EACCES, errno.EPERM)
NONE = (errno.ENOSYS, errno.EPERM)
NOT_SENT = (errno.ENOSYS,)


class PeerOnUnix:
    """An LMTP server on a unix socket that notes which user connects."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "lmtp")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.socket.listen()
        self.users = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        try:
            while True:
                connection, _ = self.socket.accept()
                credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                self.users.append(struct.unpack("3i", credentials)[1])
                connection.close()
        except OSError:
            pass


def try_delivery(tap, name, server, peer, onward):
    """What is allowed is reached: a port of the settings, and a unix socket as oneself."""
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.sendmail("bob@example.com", ["carol@there.example"], "Subject: 1\r\n\r\n")
        client.sendmail("bob@example.com", ["carol@unix.example"], "Subject: 2\r\n\r\n")
    onward.wait(lambda peer: peer.messages)
    end = time.monotonic() + 20
    while not peer.users and time.monotonic() < end:
        time.sleep(0.02)
    with open(f"/proc/{server.worker_pid()}/status", encoding="utf-8") as file:
        uid = [int(line.split()[1]) for line in file if line.startswith("Uid:")][0]
    tap.test(peer.users[:1] == [uid], f"{name}: delivers over TCP, and to a unix socket as {uid}")
    for queued in server.ctl("queue", "list")["messages"]:
        server.ctl_raw("queue", "cancel", queued["id"])


def try_all(tap, level, user, expectations):
    with ScriptedPeer() as onward, tempfile.TemporaryDirectory(prefix="barid-peer-") as folder:
        os.chmod(folder, 0o755)
        try_with_peers(tap, level, user, expectations, onward, PeerOnUnix(folder))


def try_with_peers(tap, level, user, expectations, onward, peer):
    extra = (f"[server]\nuser = {user}\nconfine = {level}\n\n[module probe]\nenabled = yes\n"
             f"[rcpt]\nrelay = yes\n[outbound]\nnext-hop = ${{rcpt-domain}}\n"
             f"[host there.example]\naddress = {onward.address}:{onward.port}\n"
             f"[host unix.example]\nprotocol = lmtp\naddress = unix:{peer.path}\n")
    name = f"{level} as {user or 'the caller'}"
    server = Server(extra)
    os.chmod(server.folder, 0o755)
    with server:
        for what, argument, allowed in expectations(server):
            number = server.ctl("probe", what, argument)["errno"]
            word = errno.errorcode.get(number, "done")
            tap.test(number in allowed, f"{name}: {what} {os.path.basename(argument)}: {word}")
        allowed = str(onward.port)
        for what in ("connect", "connect-at-once"):
            number = server.ctl("probe", what, allowed)["errno"]
            tap.test(number in (0, errno.ECONNREFUSED, errno.EINPROGRESS),
                     f"{name}: {what} to a port of the settings: {number}")
        try_delivery(tap, name, server, peer, onward)
        body = "Subject: large\r\n\r\n" + "x" * 70 + "\r\n"
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.sendmail("bob@example.com", ["alice@example.org"], body)
            client.sendmail("bob@example.com", ["alice@example.org"], body * 20000)
        server.wait_queue_empty()
        tap.test(sorted(len(mail) > 1000000 for mail in server.mails()) == [False, True],
                 f"{name}: small and large messages are delivered")
        if level == "full":
            with open(f"/proc/{server.worker_pid()}/status", encoding="utf-8") as file:
                status = dict(line.split(":", 1) for line in file)
            tap.test(all(int(status[key], 16) == 0 for key in ("CapPrm", "CapEff", "CapBnd")) and
                     status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2",
                     f"{name}: no capabilities, no new privileges, filtered calls")
            with open(f"/proc/{server.worker_pid()}/limits", encoding="utf-8") as file:
                core = next(line for line in file if line.startswith("Max core file size"))
            tap.test(core.split()[4:6] == ["0", "0"], f"{name}: no core dumps: {core.strip()}")
        tap.test(server.ctl_raw("reload").returncode == 0, f"{name}: reload")


def main(tap):
    if os.geteuid() != 0:
        raise RuntimeError("the supervisor must be started by root to become another user")
    with tempfile.TemporaryDirectory(prefix="barid-build-") as build, \
            socket.create_server(("127.0.0.1", 0)) as other, \
            tempfile.NamedTemporaryFile() as outside:
        barid.copy_build(build)
        os.chmod(outside.name, 0o666)
        port = str(other.getsockname()[1])
        assert pwd.getpwnam(USER)

        def with_landlock(server):
            return [("read", "/etc/shadow", DENIED), ("read", outside.name, DENIED),
                    ("write", outside.name, DENIED),
                    ("write", os.path.join(server.folder, "outside"), DENIED),
                    ("write", os.path.join(server.state, "inside"), (0,)),
                    ("read", "/etc/hosts", (0,)), ("connect", port, DENIED),
                    ("connect-at-once", port, DENIED), ("send-at-once", port, NOT_SENT),
                    ("run", "/bin/true", NONE), ("exec", "/bin/true", NONE), ("setuid", "0", NONE)]

        def without_landlock(server):
            return [("read", "/etc/shadow", DENIED),
                    ("write", os.path.join(server.folder, "outside"), DENIED),
                    ("write", os.path.join(server.state, "inside"), (0,)),
                    ("connect", port, DENIED), ("connect-at-once", port, DENIED),
                    ("send-at-once", port, NOT_SENT),
                    ("run", "/bin/true", NONE), ("exec", "/bin/true", NONE), ("setuid", "0", NONE)]

        try_all(tap, "full", USER, with_landlock)
        try_all(tap, "full", "", with_landlock)
        try_all(tap, "calls", USER, without_landlock)


if __name__ == "__main__":
    sys.exit(run_main(main))
