# SPDX-License-Identifier: Apache-2.0
"""The Debian packages of this tree: built once from what is under version control, and made anew
with a higher version for upgrades."""
import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
from server import BUILD, TOP

FOLDER = os.path.join(BUILD, "packaging")
BUILD_SECONDS = 800
CCACHE = "/usr/lib/ccache"


def run(*words, **more):
    """What it says; an error when it fails."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, errors="replace", **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: status {done.returncode}\n{done.stdout[-6000:]}")
    return done.stdout


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def find_sources():
    listed = run("git", "-C", TOP, "ls-files", "-z", "-co", "--exclude-standard").split("\0")
    return sorted(name for name in listed if name and os.path.exists(os.path.join(TOP, name)))


def hash_sources(names):
    """Of what the packages are made of: the tests are not in them."""
    made = hashlib.sha256()
    for name in names:
        if not name.startswith("tests/system/") and not name.startswith("tests/packaging/"):
            with open(os.path.join(TOP, name), "rb") as file:
                made.update(name.encode() + b"\0" + hashlib.sha256(file.read()).digest())
    return made.hexdigest()


def export(names, folder):
    for name in names:
        target = os.path.join(folder, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(os.path.join(TOP, name), target)


def build():
    """Builds unless what is there is of this source; gives the folder of the packages. The place
    is always the same, so that the compiler's cache knows it."""
    os.makedirs(FOLDER, exist_ok=True)
    names = find_sources()
    mark, wanted = os.path.join(FOLDER, "built"), hash_sources(names)
    with open(os.path.join(FOLDER, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(mark) and read(mark) == wanted:
            return os.path.join(FOLDER, "made")
        shutil.rmtree(os.path.join(FOLDER, "made"), ignore_errors=True)
        source = os.path.join(FOLDER, "made", "barid")
        export(names, source)
        env = {**os.environ, "MAKEFLAGS": "",
               "DEB_BUILD_OPTIONS": f"nocheck noautodbgsym parallel={os.cpu_count() or 1}"}
        for name in ("BARID_SOURCE", "BARID_BUILD", "srcdir"):
            env.pop(name, None)
        if os.path.isdir(CCACHE):
            # debhelper gives the build a home of its own.
            env.update(PATH=f"{CCACHE}:{env['PATH']}",
                       CCACHE_DIR=run("ccache", "--get-config", "cache_dir").strip())
        log = run("dpkg-buildpackage", "-us", "-uc", "-b", cwd=source, env=env,
                  timeout=BUILD_SECONDS)
        with open(os.path.join(FOLDER, "log"), "w", encoding="utf-8") as file:
            file.write(log)
        with open(mark, "w", encoding="ascii") as file:
            file.write(wanted)
    return os.path.join(FOLDER, "made")


def find(folder):
    """The package files in it, by name."""
    return {os.path.basename(path).split("_")[0]: path
            for path in sorted(glob.glob(os.path.join(folder, "*.deb")))}


def field(deb, name):
    return run("dpkg-deb", "-f", deb, name).strip()


def make_next(deb, folder, change=lambda root: None):
    """The same package with a higher version, and with what change(its files) does to it."""
    version = field(deb, "Version")
    root = os.path.join(folder, "root")
    shutil.rmtree(root, ignore_errors=True)
    run("dpkg-deb", "-R", deb, root)
    control = os.path.join(root, "DEBIAN", "control")
    text = re.sub(rf"^Version: {re.escape(version)}$", f"Version: {version}+next", read(control),
                  flags=re.MULTILINE)
    text = text.replace(f"(= {version})", f"(= {version}+next)")
    with open(control, "w", encoding="utf-8") as file:
        file.write(text)
    change(root)
    made = os.path.join(folder, os.path.basename(deb).replace(version, f"{version}+next"))
    run("dpkg-deb", "--root-owner-group", "-b", root, made)
    shutil.rmtree(root)
    return made
