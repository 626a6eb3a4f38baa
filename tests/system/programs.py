# SPDX-License-Identifier: Apache-2.0
"""Servers that run in the foreground, each with a folder of its own."""
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from peers import find_peer
from server import free_port


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


class Program:
    """A server in the foreground, with a folder of its own."""

    def __init__(self, prefix):
        self.folder = tempfile.mkdtemp(prefix=prefix)
        self.process = None

    def run(self, command, environment=None):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder,
                                            env=dict(os.environ, **(environment or {})),
                                            start_new_session=True)

    def wait_port(self, port, address="127.0.0.1"):
        def is_open():
            assert self.process.poll() is None, self.read_log()
            with socket.socket() as probe:
                return probe.connect_ex((address, port)) == 0
        wait_for(is_open)

    def read_log(self):
        text = ""
        for path in glob.glob(os.path.join(self.folder, "*log*")):
            if os.path.isfile(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    text += file.read()
        return text

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print("# " + self.read_log()[-3000:].replace("\n", "\n# "))
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_root_of_itself():
    """Whether nobody else can be become, as in a user namespace of one user."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return os.getuid() == 0 and file.read().split()[2] == "1"


class Sink(Program):
    """Postfix's smtp-sink, which keeps each message in a file, the client's address first."""

    def __init__(self, *options, address="127.0.0.1", port=0):
        super().__init__("barid-sink-")
        path = find_peer("postfix", "usr/sbin/smtp-sink")
        library = os.path.join(os.path.dirname(path), "..", "lib", "postfix")
        self.port = port or free_port()
        command = [path]
        if is_root_of_itself():
            command = ["unshare", "-U", "--map-user=1000", path]
        elif os.getuid() == 0:
            command = [path, "-u", "root"]
        self.run([*command, "-d", "m.%M.", *options, f"{address}:{self.port}", "100"],
                 {"LD_LIBRARY_PATH": library})
        self.wait_port(self.port, address)

    def mails(self):
        texts = []
        for path in glob.glob(os.path.join(self.folder, "m.*")):
            with open(path, "rb") as file:
                texts.append(file.read())
        return texts
