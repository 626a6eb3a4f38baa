# SPDX-License-Identifier: Apache-2.0
"""A built Barid with a configuration and a folder of its own, for system tests.

The build folder is $BARID_BUILD (run-tests sets it), else ./build of the tree."""
import errno
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("BARID_BUILD", os.path.join(TOP, "build"))

BASE_CONFIG = """
[server]
hostname = mx.example.org
grace = 5s

[domain example.org]
catch-all = alice@example.org

[user alice]
addresses = alice@example.org
password = {password}

[module maildir]
enabled = yes
"""


class Ports:
    """Ports that no other test takes: of $BARID_PORTS, "FIRST COUNT", else of the kernel."""

    def __init__(self):
        first, count = (int(word) for word in os.environ.get("BARID_PORTS", "0 1").split())
        self.numbers = itertools.cycle(range(first, first + count))

    def find_free(self, family, address):
        while True:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                # What waits after its end does not count, what listens does.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((address, next(self.numbers)))
                    return probe.getsockname()[1]
                except OSError as error:
                    if error.errno != errno.EADDRINUSE:
                        raise


PORTS = Ports()


def free_port(family=socket.AF_INET, address="127.0.0.1"):
    return PORTS.find_free(family, address)


def hash_password(password):
    """A sha512-crypt hash, made by a tool of the base system."""
    return subprocess.run(["openssl", "passwd", "-6", password], check=True,
                          capture_output=True, text=True).stdout.strip()


def copy_build(folder):
    """Copies the build, with the test module "probe", and uses it from now on: its files may
    be replaced, and any user may read it."""
    global BUILD
    os.chmod(folder, 0o755)
    shutil.copytree(os.path.join(BUILD, "modules"), os.path.join(folder, "modules"))
    shutil.copytree(os.path.join(BUILD, "tests/system/probe"),
                    os.path.join(folder, "modules/probe"))
    shutil.copytree(os.path.join(BUILD, ".libs"), os.path.join(folder, ".libs"))
    for program in ("src/supervisor/barid", "src/worker/barid-worker", "src/baridctl/baridctl"):
        target = os.path.join(folder, program)
        behind = os.path.join(BUILD, os.path.dirname(program), ".libs", os.path.basename(program))
        os.makedirs(os.path.dirname(target))
        # libtool's wrappers name the folder that they were made in.
        shutil.copy2(behind if os.path.exists(behind) else os.path.join(BUILD, program), target)
    for name in ("config.status", "libbarid.la"):
        shutil.copy2(os.path.join(BUILD, name), os.path.join(folder, name))
    BUILD = folder
    os.environ["LD_LIBRARY_PATH"] = os.path.join(folder, ".libs")


class Server:
    """with Server(extra) as server: ... server.port ... server.ctl("status")"""

    def __init__(self, extra="", listener="", password="secret", environment=None):
        self.folder = tempfile.mkdtemp(prefix="barid-system-")
        self.state = os.path.join(self.folder, "state")
        self.port = free_port()
        self.config = os.path.join(self.folder, "barid.conf")
        text = BASE_CONFIG.format(password=hash_password(password))
        text += f"\n[listener smtp]\naddress = 127.0.0.1:{self.port}\n{listener}\n{extra}\n"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)
        self.log_path = os.path.join(self.folder, "log")
        self.environment = dict(os.environ, **(environment or {}))
        self.process = None
        self.wrapper, self.pass_fds = [], ()  # a program that becomes the server, its descriptors

    # --- life ---

    def launch(self):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [*self.wrapper, os.path.join(BUILD, "src/supervisor/barid"), "--config", self.config,
             "--state", self.state], stdout=self.log, stderr=self.log, env=self.environment,
            pass_fds=self.pass_fds)

    def start(self):
        self.launch()
        self.wait_ready()
        return self

    def wait_ready(self, seconds=30):
        """Until the control socket answers; the server's end is an error at once."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError("the server ended: " + self.read_log())
            if self.ctl_raw("status").returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError("the server did not answer: " + self.read_log())

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        status = None if self.process is None else self.process.returncode
        self.process = None
        return status

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print("# server's log:\n# " + self.read_log()[-4000:].replace("\n", "\n# "))
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def read_log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    # --- asking ---

    def ctl_raw(self, *words):
        return subprocess.run(
            [os.path.join(BUILD, "src/baridctl/baridctl"), "--state", self.state, *words],
            capture_output=True, env=self.environment)

    def ctl(self, *words):
        done = self.ctl_raw(*words, "--json")
        if done.returncode not in (0, 1):
            raise RuntimeError(f"baridctl {words}: {done.stderr.decode()}")
        return json.loads(done.stdout)

    def worker_pid(self):
        return self.ctl("status")["pid"]

    def wait_queue_empty(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.ctl("queue", "count")["count"] == 0 and not self.ctl("status")["replaying"]:
                    return
            except (RuntimeError, KeyError, json.JSONDecodeError):
                pass
            time.sleep(0.1)
        raise RuntimeError("the queue does not get empty")

    def mails(self, user="alice"):
        """Contents of all delivered messages, as bytes."""
        folder = os.path.join(self.state, "maildir", user, "new")
        if not os.path.isdir(folder):
            return []
        contents = []
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as file:
                contents.append(file.read())
        return contents
