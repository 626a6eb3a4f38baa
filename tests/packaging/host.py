# SPDX-License-Identifier: Apache-2.0
"""A Debian machine in namespaces: the tree below a layer of its own, and a network of nothing but a
loopback interface. All of it ends with the program. There is no systemd: the daemon is started as
its unit says."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from debs import read, run
import machine
from tap import Skip

UNIT = "lib/systemd/system/barid.service"
PACKAGES = "packages"
START_SECONDS = 30
STOP_SECONDS = 60
ENV = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def enter():
    """Goes on as a child that is inside, and gives its folder; comes back only there."""
    if os.getuid() != 0:
        raise Skip("needs root")
    folder = tempfile.mkdtemp(prefix="barid-packaging-")
    child = machine.fork()
    if child != 0:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        # What was mounted below it is gone with the child; here it never was.
        os.rmdir(folder)
        sys.exit(status)
    machine.unshare(machine.NEW_MOUNTS | machine.NEW_NETWORK)
    run("mount", "--make-rprivate", "/")
    machine.unshare(machine.NEW_PIDS)
    child = machine.fork()
    if child != 0:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xff)
    run("mount", "-t", "proc", "proc", "/proc")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "none", folder)
    run("ip", "link", "set", "lo", "up")
    return folder


class Host:
    """With the package files (debs) at hand, of which none is installed yet."""

    def __init__(self, folder, tree, debs):
        self.base = tempfile.mkdtemp(dir=folder)
        self.root = os.path.join(self.base, "root")
        self.process = None
        for name in ("root", "upper", "work"):
            os.mkdir(os.path.join(self.base, name))
        os.chmod(os.path.join(self.base, "upper"), 0o755)
        run("mount", "-t", "overlay", "none", self.root, "-o",
            f"lowerdir={tree},upperdir={self.base}/upper,workdir={self.base}/work")
        run("mount", "-t", "proc", "proc", self.path("proc"))
        run("mount", "--bind", "/dev", self.path("dev"))
        run("mount", "-t", "tmpfs", "-o", "mode=755", "none", self.path("run"))
        os.mkdir(self.path(PACKAGES))
        self.add(debs)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.stop()
        # Not removed by name: a layer of memory goes with its last mount.
        for name in ("run", "dev", "proc", ""):
            run("umount", self.path(name))

    def path(self, name):
        return os.path.join(self.root, name)

    def add(self, debs):
        for deb in debs.values() if isinstance(debs, dict) else debs:
            shutil.copy(deb, self.path(PACKAGES))

    # --- files ---

    def read(self, name):
        return read(self.path(name))

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def list_files(self):
        """What it has of its own, without what only runs."""
        found = set()
        for folder, folders, names in os.walk(self.root):
            below = os.path.relpath(folder, self.root)
            if below == ".":
                folders[:] = [name for name in folders
                              if name not in ("proc", "dev", "run", "sys", PACKAGES)]
            found.update(os.path.normpath(os.path.join(below, name)) for name in names + folders)
        return found

    # --- programs ---

    def attempt(self, *words, **more):
        done = subprocess.run(["chroot", self.root, *words], stdout=subprocess.PIPE, env=ENV,
                              stderr=subprocess.STDOUT, text=True, check=False, errors="replace",
                              timeout=300, **more)
        return done.returncode, done.stdout

    def run(self, *words, **more):
        status, said = self.attempt(*words, **more)
        assert status == 0, f"{' '.join(words)}: status {status}\n{said[-4000:]}"
        return said

    def install(self, *names, version=""):
        """As apt does, all in one run of dpkg."""
        found = []
        for name in names:
            files = [file for file in sorted(os.listdir(self.path(PACKAGES)))
                     if file.startswith(f"{name}_") and ("+next" in file) == (version == "+next")]
            assert len(files) == 1, (name, files)
            found.append(f"/{PACKAGES}/{files[0]}")
        return self.run("dpkg", "--force-confdef", "--force-confold", "--install", *found)

    def ctl(self, *words):
        return json.loads(self.run("baridctl", "--json", *words))

    def modules(self):
        return {module["name"] for module in self.ctl("modules")["modules"]}

    # --- the daemon ---

    def unit(self, key):
        found = re.findall(rf"^{key}=(.*)$", self.read(UNIT), re.MULTILINE)
        assert len(found) == 1, (key, found)
        return found[0]

    def start(self):
        """With what its unit leaves to it of root's powers."""
        bounds = ",".join("+" + name.removeprefix("CAP_").lower()
                          for name in self.unit("CapabilityBoundingSet").split())
        self.log = open(os.path.join(self.base, "log"), "ab+")
        self.process = subprocess.Popen(
            ["chroot", self.root, "setpriv", "--no-new-privs", f"--bounding-set=-all,{bounds}",
             *self.unit("ExecStart").split()],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, env=ENV)
        end = time.monotonic() + START_SECONDS
        while self.attempt("baridctl", "status")[0] != 0:
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                self.process = None
                raise RuntimeError("it does not start:\n" + self.get_log())
            time.sleep(0.05)

    def get_log(self):
        return read(os.path.join(self.base, "log"))

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            assert self.process.wait(STOP_SECONDS) == 0, self.get_log()
        finally:
            self.process = None
            self.log.close()

    def find_mail(self, user="postmaster"):
        """The messages of a mailbox."""
        folder = self.path(f"var/lib/barid/maildir/{user}/new")
        if not os.path.isdir(folder):
            return []
        return [read(os.path.join(folder, name)) for name in sorted(os.listdir(folder))]

    def wait_mail(self, count):
        end = time.monotonic() + START_SECONDS
        while len(self.find_mail()) < count:
            assert time.monotonic() < end, f"{len(self.find_mail())} of {count}\n{self.get_log()}"
            time.sleep(0.05)
        return self.find_mail()
