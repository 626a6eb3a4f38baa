#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What "make install" and "make uninstall" do to a folder, and that a release holds what it
needs."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from server import BUILD, TOP
from tap import run_tests

PREFIX = "usr/local"


def make(*words):
    done = subprocess.run(["make", "-s", "-C", BUILD, *words], capture_output=True, text=True,
                          timeout=600, env={**os.environ, "MAKEFLAGS": ""})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def files_below(folder):
    return {os.path.relpath(os.path.join(path, name), folder)
            for path, _, names in os.walk(folder) for name in names}


def installed_as(name):
    """Where a file of a module.pkg stands below the prefix."""
    folder, base = name.split("/")
    return {"modules": "lib/barid/modules/", "conf.d": "etc/barid/conf.d/",
            "tests.d": "etc/barid/tests.d/", "man5": "share/man/man5/"}[folder] + base


def test_install():
    with tempfile.TemporaryDirectory(prefix="barid-install-") as root:
        make("install", f"DESTDIR={root}")
        found = files_below(os.path.join(root, PREFIX))
        modules = [name for name in sorted(os.listdir(f"{TOP}/modules"))
                   if os.path.exists(f"{BUILD}/modules/{name}/{name}.la")]
        assert len(modules) >= 10, modules
        for module in modules:
            with open(f"{TOP}/modules/{module}/module.pkg", encoding="utf-8") as file:
                lists = [line.split()[1:] for line in file if line.startswith("Files:")]
            missing = [name for name in lists[0] if installed_as(name) not in found]
            assert lists[0] and not missing, (module, missing)
            assert f"modules/{module}.pkg" in lists[0], module
        assert "share/bash-completion/completions/baridctl" in found
        link = os.path.join(root, PREFIX, "sbin/sendmail")
        assert os.path.samefile(link, os.path.join(root, PREFIX, "bin/baridctl"))
        assert not os.readlink(link).startswith("/"), os.readlink(link)
        make("uninstall", f"DESTDIR={root}")
        assert not files_below(root), files_below(root)


def complete(*words):
    """What bash offers for the last of the words."""
    script = (f". {TOP}/src/baridctl/completion.bash; COMP_WORDS=(\"$@\"); "
              "COMP_CWORD=$(($# - 1)); _baridctl; echo \"${COMPREPLY[*]}\"")
    tool = os.path.join(BUILD, "src/baridctl/baridctl")
    return subprocess.run(["bash", "-c", script, "bash", tool, *words], check=True,
                          capture_output=True, text=True).stdout.split()


def test_completion():
    """Verbs, behind options and their values, too; options; words of some options."""
    rows = [(("queue", "re"), ["release", "reroute", "retry"]),
            (("--json", "--state", "/queue", "queue", "li"), ["list"]),
            (("queue", "list", "--sender", "a@b.example", "--stat"), ["--state", "--status"]),
            (("genkey", "dkim", "--algorithm", "ed"), ["ed25519"]),
            (("nothing", ""), [])]
    for words, wanted in rows:
        assert complete(*words) == wanted, (words, complete(*words))


def test_another_sendmail():
    """It is another mail system's, and stays."""
    with tempfile.TemporaryDirectory(prefix="barid-install-") as root:
        other = os.path.join(root, PREFIX, "sbin/sendmail")
        os.makedirs(os.path.dirname(other))
        with open(other, "w", encoding="utf-8") as file:
            file.write("another\n")
        for target in ("install", "uninstall"):
            make(target, f"DESTDIR={root}")
            with open(other, encoding="utf-8") as file:
                assert file.read() == "another\n", target


def test_release():
    """All files under version control but those of its own kind are in the release."""
    listed = subprocess.run(["git", "-C", TOP, "ls-files"], capture_output=True, text=True,
                            check=True).stdout.split("\n")
    wanted = {name for name in listed if name and not os.path.basename(name).startswith(".")
              and not name.startswith(".ci/")}
    folder = os.path.join(BUILD, "release-check")
    try:
        make("distdir", "distdir=release-check")
        missing = sorted(name for name in wanted if not os.path.exists(os.path.join(folder, name)))
    finally:
        subprocess.run(["chmod", "-R", "u+w", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)
    assert not missing, missing


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
