# SPDX-License-Identifier: Apache-2.0
"""The part of a service manager that a server sees: it passes listening sockets
(sd_listen_fds(3)) and is told how the server is (sd_notify(3))."""
import os
import select
import socket
import sys
import time

# Passes the descriptors argv[1] as 3 and so on, as LISTEN_PID wants it: this process becomes the
# server.
PASS = """
import fcntl, os, sys
passed = [int(word) for word in sys.argv[1].split(",") if word]
high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in passed]
for fd in passed:
    os.close(fd)
for at, fd in enumerate(high):
    os.dup2(fd, 3 + at)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.environ.setdefault("LISTEN_FDS", str(len(passed)))
os.execv(sys.argv[2], sys.argv[2:])
"""
VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS",
             "LISTEN_FDNAMES")


def pass_sockets(server, sockets, names=None, **variables):
    """Lets the server start with them; (variables) stand for what would be said of them."""
    fds = [each.fileno() for each in sockets]
    server.wrapper = [sys.executable, "-c", PASS, ",".join(map(str, fds))]
    server.pass_fds = fds
    if names is not None:
        variables["LISTEN_FDNAMES"] = ":".join(names)
    server.environment.update(variables)


class Manager:
    """Where a server tells how it is."""

    def __init__(self, server, address, **variables):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address[0] == "@" else address)
        server.environment.update(variables, NOTIFY_SOCKET=address)
        self.signs = []  # when the server gave signs of life
        self.ready = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def take(self, seconds):
        """The next message as a dictionary, or None."""
        if not select.select([self.socket], [], [], max(seconds, 0))[0]:
            return None
        message = dict(line.split("=", 1) for line in self.socket.recv(65536).decode().splitlines())
        self.ready += message.get("READY") == "1"
        return message

    def next(self, seconds=60):
        """The next one that is more than a sign of life."""
        end = time.monotonic() + seconds
        while True:
            message = self.take(end - time.monotonic())
            if message is None:
                raise RuntimeError("the server tells nothing")
            if message != {"WATCHDOG": "1"}:
                return message
            self.signs.append(time.monotonic())

    def wait_signs(self, count, seconds=60):
        """When so many came."""
        signs, end = [], time.monotonic() + seconds
        while len(signs) < count and time.monotonic() < end:
            if self.take(end - time.monotonic()) == {"WATCHDOG": "1"}:
                signs.append(time.monotonic())
        return signs

    def wait_ready(self, seconds=60):
        """The message with which it is ready."""
        while True:
            message = self.next(seconds)
            if "READY" in message:
                return message


def read_environment(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        return {line.split(b"=", 1)[0].decode() for line in file.read().split(b"\0") if line}


def listen(address, family=socket.AF_INET, only_v6=1):
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_v6)
    made.bind(address)
    made.listen(64)
    return made
