# SPDX-License-Identifier: Apache-2.0
"""A machine for the handbook: Barid is installed there from the build, with make install, below
/usr/local; /etc, /var/lib and /run are its own, it has a name server, certificates that it trusts,
addresses and no network. All of it is in namespaces that end with the program."""
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from name_server import NameServer, peer_environment
from peers import find_peer
from server import BUILD
from tap import Skip

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_MOUNTS, NEW_PIDS, NEW_NETWORK, DIE_WITH_PARENT = 0x00020000, 0x20000000, 0x40000000, 1
PREFIX = "/usr/local"
CONFIG = f"{PREFIX}/etc/barid"
STATE = "/var/lib/barid"
# The server of the handbook, its provider, and somebody elsewhere.
ADDRESSES = ("192.0.2.10", "192.0.2.50", "198.51.100.7")
ZONES = {
    "example.org": "mx IN A 192.0.2.10\n",
    "provider.example": "smtp IN A 192.0.2.50\n",
    "elsewhere.example": "@ IN MX 10 mail\nmail IN A 198.51.100.7\n",
    "2.0.192.in-addr.arpa": "",
    "100.51.198.in-addr.arpa": "7 IN PTR mail.elsewhere.example.\n",
}
START_SECONDS = 30
OWN_PLACES = (PREFIX, "/var/lib", "/run")


def run(*words, **more):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stdout[-2000:]}")
    return done.stdout


def enter():
    """Goes on as a child that is inside, and gives its folder; comes back only there. What comes
    from elsewhere must be here before: there is no network inside."""
    if os.getuid() != 0:
        raise Skip("needs root")
    find_peer("nsd", "usr/sbin/nsd")
    peer_environment()
    folder = tempfile.mkdtemp(prefix="barid-machine-")
    with open(os.path.join(folder, "outside"), "w", encoding="ascii") as file:
        file.write(os.readlink("/proc/self/ns/mnt"))
    # Who removes the folder stays outside, where nothing that is mounted inside is seen.
    child = fork()
    if child != 0:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        shutil.rmtree(folder, ignore_errors=True)
        sys.exit(status)
    unshare(NEW_MOUNTS | NEW_NETWORK)
    run("mount", "--make-rprivate", "/")
    # The first child from here on is the namespace's init, with which it ends.
    unshare(NEW_PIDS)
    child = fork()
    if child != 0:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xff)
    run("mount", "-t", "proc", "proc", "/proc")
    return folder


def unshare(what):
    if LIBC.unshare(what) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def fork():
    """The child ends with its parent."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        LIBC.prctl(DIE_WITH_PARENT, signal.SIGKILL)
    return child


class Machine:
    """Nothing of the host is mounted below its folder, which is removed at the end."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "outside"), encoding="ascii") as file:
            self.outside = file.read()
        self.processes = []
        self.names = None
        self.zones = {}
        run("ip", "link", "set", "lo", "up")
        for address in ADDRESSES:
            run("ip", "address", "add", address + "/32", "dev", "lo")
        self.make_places()
        self.make_certificates()

    def path(self, name):
        return os.path.join(self.folder, name)

    # --- what is its own ---

    def make_places(self):
        os.chmod(self.folder, 0o755)
        for place in OWN_PLACES:
            run("mount", "-t", "tmpfs", "-o", "mode=755", "none", place)
        shutil.copytree("/etc", self.path("etc"), symlinks=True,
                        ignore=lambda folder, names: {"barid", "letsencrypt"} & set(names))
        run("mount", "--bind", self.path("etc"), "/etc")
        # From here on these are written to and removed: they must not be the host's.
        assert os.path.samefile("/etc", self.path("etc"))
        assert all(os.path.ismount(place) for place in OWN_PLACES)
        assert os.readlink("/proc/self/ns/mnt") != self.outside
        subprocess.run(["userdel", "barid"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=False)
        os.path.lexists("/etc/resolv.conf") and os.remove("/etc/resolv.conf")
        self.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        for name in ("bin", "sbin", "lib"):
            os.mkdir(f"{PREFIX}/{name}")
        self.write(f"{PREFIX}/bin/sudo", '#!/bin/sh\nexec "$@"\n', 0o755)
        os.environ.update(PATH=f"{PREFIX}/sbin:{PREFIX}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                          TERM="dumb", LC_ALL="C.UTF-8", HOME=self.folder)

    @staticmethod
    def write(path, text, mode=0o644):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)

    def make_certificates(self):
        """Of an authority that only this machine trusts, where certbot would put them."""
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        ca = self.path("ca.pem"), self.path("ca.key")
        run("openssl", "req", "-x509", *key, "-subj", "/CN=An authority", "-days", "2",
            "-out", ca[0], "-keyout", ca[1])
        for name in ("mx.example.org", "smtp.provider.example"):
            folder = f"/etc/letsencrypt/live/{name}"
            os.makedirs(folder)
            run("openssl", "req", *key, "-subj", f"/CN={name}", "-out", self.path("request"),
                "-keyout", f"{folder}/privkey.pem")
            self.write(self.path("names"), f"subjectAltName=DNS:{name}\n")
            run("openssl", "x509", "-req", "-in", self.path("request"), "-CA", ca[0], "-CAkey",
                ca[1], "-CAcreateserial", "-days", "2", "-extfile", self.path("names"),
                "-out", f"{folder}/fullchain.pem")
        bundle = "/etc/ssl/certs/ca-certificates.crt"
        with open(bundle, "a", encoding="ascii") as out, open(ca[0], encoding="ascii") as file:
            out.write(file.read())

    # --- Barid ---

    def install(self):
        """Unless a chapter has done it."""
        if not os.path.exists(f"{PREFIX}/bin/baridctl"):
            run("make", "-s", "-j2", "-C", BUILD, "install", env={**os.environ, "MAKEFLAGS": ""})
            run("ldconfig")
        if subprocess.run(["id", "barid"], capture_output=True, check=False).returncode != 0:
            run("useradd", "--system", "--home-dir", STATE, "--shell", "/usr/sbin/nologin", "barid")
        if not os.path.exists(self.path("pristine")):
            shutil.copytree(CONFIG, self.path("pristine"))

    def reset(self):
        """As it was installed: no server, no mail, no changes of the configuration."""
        for process in self.processes:
            process.terminate()
            process.wait(60)
        self.processes = []
        if self.names is not None:
            self.names.__exit__()
            self.names = None
        if os.path.exists(self.path("pristine")):
            shutil.rmtree(CONFIG, ignore_errors=True)
            shutil.copytree(self.path("pristine"), CONFIG)
        for place in (STATE, "/run/barid", self.path("work")):
            shutil.rmtree(place, ignore_errors=True)
        os.mkdir(self.path("work"))
        self.zones = dict(ZONES)

    def start(self, command, cwd, is_ready):
        """Something that stays: until it is ready, or has ended."""
        log = open(self.path(f"log-{len(self.processes)}"), "wb+")
        process = subprocess.Popen(["sh", "-c", "exec " + command], cwd=cwd, stdout=log,
                                   stderr=log)
        self.processes.append(process)
        end = time.monotonic() + START_SECONDS
        while not is_ready():
            if process.poll() is not None or time.monotonic() > end:
                log.seek(0)
                raise RuntimeError(f"{command}: {log.read().decode()[-3000:]}")
            time.sleep(0.05)

    def start_names(self):
        if self.names is None:
            self.names = NameServer(self.zones, port=53)

    def publish(self, zone, text):
        """More records: the name server begins anew with them."""
        self.zones[zone] += text
        if self.names is not None:
            self.names.__exit__()
            self.names = None
        self.start_names()

    def start_provider(self):
        """A mail provider: takes mail of those who log in, and has mailboxes for everybody."""
        self.write(self.path("provider.conf"), PROVIDER.format(
            address="192.0.2.50", password=run("openssl", "passwd", "-6", "hunter2").strip()))
        state = self.path("provider")
        self.start(f"barid --config {self.path('provider.conf')} --state {state}", self.folder,
                   lambda: subprocess.run(["baridctl", "--state", state, "status"],
                                          capture_output=True, check=False).returncode == 0)


PROVIDER = """
[server]
hostname = smtp.provider.example
[listener submission]
address = {address}:587
certificate = main
[certificate main]
chain = /etc/letsencrypt/live/smtp.provider.example/fullchain.pem
key = /etc/letsencrypt/live/smtp.provider.example/privkey.pem
[auth]
require = yes
[domain elsewhere.example]
catch-all = everybody
[user everybody]
[user example.org]
addresses = alice@example.org, info@example.org, bob@example.org
password = {password}
[module maildir]
enabled = yes
"""
