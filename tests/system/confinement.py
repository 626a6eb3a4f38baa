#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a worker must not be able to do, tried from inside by a module: with Landlock and
without, as an ordinary user. What it has to do still works."""
import errno
import os
import pwd
import smtplib
import socket
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from server import Server
from tap import run_main

USER = "nobody"
DENIED = (errno.EACCES, errno.EPERM)
NONE = (errno.ENOSYS, errno.EPERM)


def try_all(tap, level, user, expectations):
    extra = (f"[server]\nuser = {user}\nconfine = {level}\n\n[module probe]\nenabled = yes\n")
    name = f"{level} as {user or 'the caller'}"
    server = Server(extra)
    os.chmod(server.folder, 0o755)
    with server:
        for what, argument, allowed in expectations(server):
            number = server.ctl("probe", what, argument)["errno"]
            word = errno.errorcode.get(number, "done")
            tap.test(number in allowed, f"{name}: {what} {os.path.basename(argument)}: {word}")
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
                    ("run", "/bin/true", NONE), ("exec", "/bin/true", NONE), ("setuid", "0", NONE)]

        def without_landlock(server):
            return [("read", "/etc/shadow", DENIED),
                    ("write", os.path.join(server.folder, "outside"), DENIED),
                    ("write", os.path.join(server.state, "inside"), (0,)),
                    ("run", "/bin/true", NONE), ("exec", "/bin/true", NONE), ("setuid", "0", NONE)]

        try_all(tap, "full", USER, with_landlock)
        try_all(tap, "full", "", with_landlock)
        try_all(tap, "calls", USER, without_landlock)


if __name__ == "__main__":
    sys.exit(run_main(main))
