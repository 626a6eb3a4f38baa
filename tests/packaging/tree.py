# SPDX-License-Identifier: Apache-2.0
"""A Debian tree with nothing but what is essential and what the packages under test depend on, made of
packages that the apt of this machine knows. Kept in .cache; nobody ever writes to it."""
import fcntl
import hashlib
import os
import re
import subprocess

from debs import TOP, field, run

CACHE = os.path.join(TOP, ".cache", "packaging")
HOOKS = "/usr/share/mmdebstrap/hooks/merged-usr"
TREE_SECONDS = 600


def find_depends(debs):
    """What (debs) need besides each other; of alternatives the first."""
    wanted = set()
    for deb in debs.values():
        for item in ",".join(field(deb, name) for name in ("Pre-Depends", "Depends")).split(","):
            name = re.match(r"\s*([a-z0-9.+-]*)", item).group(1)
            if name and name not in debs:
                wanted.add(name)
    return sorted(wanted)


def find_essential():
    listed = run("dpkg-query", "-W", "-f", "${Essential} ${Package}\n")
    return re.findall(r"^yes (\S+)$", listed, re.MULTILINE) + ["usr-is-merged"]


def apt(folder, *words):
    """As if nothing were installed."""
    with open(os.path.join(folder, "status"), "w", encoding="ascii"):
        pass
    return run("apt-get", "-qq", "--yes", "-o", f"Dir::State::status={folder}/status",
               "-o", f"Dir::Cache::archives={folder}/archives", "-o", "Debug::NoLocking=1",
               "-o", "APT::Install-Recommends=no", "-o", "APT::Sandbox::User=root", *words,
               timeout=TREE_SECONDS)


def make_repository(folder):
    """The packages that were fetched, as a repository of files."""
    archives = os.path.join(folder, "archives")
    packages = subprocess.run(["dpkg-scanpackages", "-m", "."], cwd=archives, text=True, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    with open(os.path.join(archives, "Packages"), "w", encoding="utf-8") as file:
        file.write(packages)
    digest = hashlib.sha256(packages.encode()).hexdigest()
    with open(os.path.join(archives, "Release"), "w", encoding="ascii") as file:
        file.write("Suite: fetched\nCodename: fetched\nSHA256:\n"
                   f" {digest} {len(packages.encode())} Packages\n")
    return archives, re.findall(r"^Package: (\S+)$", packages, re.MULTILINE)


def remove(folder):
    """Nothing is mounted there: that was done in namespaces that have ended. Should something be, it
    stays."""
    run("rm", "-rf", "--one-file-system", folder)


def make(folder, wanted):
    os.makedirs(os.path.join(folder, "archives", "partial"))
    apt(folder, "--download-only", "install", *wanted)
    archives, names = make_repository(folder)
    run("unshare", "--mount", "--propagation", "private", "mmdebstrap", "--quiet", "--mode=root",
        "--variant=essential", f"--hook-directory={HOOKS}", "--dpkgopt=force-unsafe-io",
        f"--include={','.join(names)}", "fetched", os.path.join(folder, "root"),
        f"deb [trusted=yes] copy:{archives} ./", timeout=TREE_SECONDS)
    remove(archives)


def find_tree(debs):
    """The tree for these packages; it is made when there is none of these versions."""
    os.makedirs(CACHE, exist_ok=True)
    if not any("_Packages" in name for name in os.listdir("/var/lib/apt/lists")):
        run("apt-get", "-qq", "update")
    wanted = find_essential() + find_depends(debs)
    with open(os.path.join(CACHE, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        listed = apt(CACHE, "--simulate", "install", *wanted)
        versions = sorted(re.findall(r"^Inst (\S+ \(\S+)", listed, re.MULTILINE))
        key = hashlib.sha256("\n".join(versions).encode()).hexdigest()[:16]
        folder = os.path.join(CACHE, key)
        if not os.path.exists(os.path.join(folder, "complete")):
            for name in os.listdir(CACHE):
                if os.path.isdir(os.path.join(CACHE, name)):
                    remove(os.path.join(CACHE, name))
            make(folder, wanted)
            with open(os.path.join(folder, "complete"), "w", encoding="ascii"):
                pass
    return os.path.join(folder, "root")
