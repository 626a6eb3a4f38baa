#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a stranger does who writes a module: an installed Barid, "module new", make, the tests,
and the module in a server. Nothing of the source tree is used but to install it."""
import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from name_server import NameServer
from server import Server
from tap import run_tests

PREFIX = "usr/local"
BUILD = barid.BUILD  # before it is copied


def run(command, folder, env=None):
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)


class Kit:
    """An installed Barid, and an empty folder beside it."""

    def __init__(self, root):
        self.root = root
        self.work = os.path.join(root, "work")
        os.mkdir(self.work)
        done = run(["make", "-s", "-C", BUILD, "install", f"DESTDIR={root}"], root,
                   {**os.environ, "MAKEFLAGS": ""})
        assert done.returncode == 0, done.stderr[-2000:]
        installed = os.path.join(root, PREFIX)
        packages = os.path.join(installed, "lib/pkgconfig")
        # As if it had been configured for this place.
        for name in os.listdir(packages):
            text = self.read(packages, name)
            self.write(re.sub("^prefix=.*", f"prefix={installed}", text, flags=re.MULTILINE),
                       packages, name)
        self.program = os.path.join(installed, "bin/baridctl")
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(("BARID", "PKG_CONFIG", "MAKE"))}
        self.env["LD_LIBRARY_PATH"] = os.path.join(installed, "lib")
        self.env["PKG_CONFIG_PATH"] = packages

    def new(self, *words):
        return run([self.program, "module", "new", *words], self.work, self.env)

    def make(self, name, *words):
        return run(["make", "-s", *words], os.path.join(self.work, name), self.env)

    def read(self, *path):
        with open(os.path.join(self.root, *path), encoding="utf-8") as file:
            return file.read()

    def write(self, text, *path):
        with open(os.path.join(self.root, *path), "w", encoding="utf-8") as file:
            file.write(text)


def made(kit, name, template):
    done = kit.new(name, "--template", template)
    assert done.returncode == 0, done.stderr
    assert f"make -C {name} check" in done.stdout, done.stdout
    return os.path.join(kit.work, name)


def check_all(kit, name, template, n_tests):
    """It builds without a warning, its tests pass, and it has what a module needs."""
    folder = made(kit, name, template)
    done = run(["./ci.sh"], folder, kit.env)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    passed = re.findall("^ok ", done.stdout, re.MULTILINE)
    assert len(passed) == n_tests and f"1..{n_tests}\n" in done.stdout, done.stdout
    needed = run(["nm", "-D", "--defined-only", f"{name}.so"], folder).stdout.split()
    assert needed[2::3] == [f"{name}_LTX_barid_module"], needed
    page = run(["mandoc", "-T", "lint", "-W", "warning", f"barid-{name}.5"], folder)
    assert page.returncode == 0, page.stdout
    for path, _, files in os.walk(folder):
        for file in files:
            if file.endswith((".so", f"test-{name}")):
                continue
            content = kit.read(path, file)
            assert "SPDX-License-Identifier: " in content, file
            assert not re.search(r"@[A-Za-z]+@|\bNAME\b\.", content), file
    assert f"[module {name}]\nenabled = no\n" in kit.read(folder, f"{name}.conf")


def check_broken(kit, name, old, new, message):
    """The tests find it when the code is wrong."""
    source = ("work", name, f"{name}.c")
    good = kit.read(*source)
    assert old in good, old
    kit.write(good.replace(old, new), *source)
    done = kit.make(name, "check")
    kit.write(good, *source)
    assert done.returncode != 0, done.stdout[-2000:]
    assert message in done.stderr, done.stderr[-2000:]


def test_names(kit):
    for name, message in (("Upper", "lower-case letters"), ("9lives", "lower-case letters"),
                          ("a-b", "lower-case letters"), ("a" * 25, "more than 24"),
                          ("", "lower-case letters"), ("../x", "lower-case letters"),
                          ("judge", "already")):
        done = kit.new(name)
        assert done.returncode == 1, (name, done)
        assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    done = kit.new("fine", "--template", "none")
    assert done.returncode == 1 and "policy and content" in done.stderr, done
    assert kit.new().returncode == 2
    assert not os.listdir(kit.work), os.listdir(kit.work)


def test_nothing_is_written_over(kit):
    folder = os.path.join(kit.work, "elsewhere")
    os.mkdir(folder)
    with open(os.path.join(folder, "Makefile"), "w", encoding="utf-8") as file:
        file.write("all:\n")
    done = kit.new("fine", "--directory", "elsewhere")
    assert done.returncode == 1 and "elsewhere/Makefile is there already" in done.stderr, done
    assert os.listdir(folder) == ["Makefile"]
    os.remove(os.path.join(folder, "Makefile"))
    os.symlink("/nowhere/at/all", os.path.join(folder, "fine.c"))
    assert kit.new("fine", "--directory", "elsewhere").returncode == 1
    os.remove(os.path.join(folder, "fine.c"))
    done = kit.new("fine", "--directory", "elsewhere", "--json")
    assert done.returncode == 0 and '"directory":"elsewhere"' in done.stdout, done
    assert os.access(os.path.join(folder, "ci.sh"), os.X_OK)


def test_policy(kit):
    check_all(kit, "refuser", "policy", 7)
    check_broken(kit, "refuser", "if (!listed ||", "if (listed ||",
                 'expected "550 5.7.1 The sender\'s domain is listed"')
    check_broken(kit, "refuser", "g_autofree gchar *name = g_strconcat",
                 "gchar *name = g_strconcat", "bytes are left over")


def test_content(kit):
    check_all(kit, "counter", "content", 6)
    check_broken(kit, "counter", "self->matched = self->resume[self->matched - 1];",
                 "self->matched = 0;", 'expected "X-Seen: 3"')
    check_broken(kit, "counter", "    g_free(self->resume);\n", "", "bytes are left over")


def module_of(server, name):
    return [module for module in server.ctl("modules")["modules"] if module["name"] == name][0]


def test_real_server(kit):
    """Both in one server, installed as "make install" does it, acting on real messages."""
    for name in ("refuser", "counter"):
        done = kit.make(name, "install")
        assert done.returncode == 0, done.stderr[-2000:]
        # The server of the tests looks for modules beside its build.
        shutil.copy2(os.path.join(kit.root, PREFIX, f"lib/barid/modules/{name}.so"),
                     os.path.join(barid.BUILD, "modules"))
    confs = []
    for name, setting in (("refuser", "zone = list.example"), ("counter", "phrase = offer")):
        text = kit.read(PREFIX, f"etc/barid/conf.d/{name}.conf")
        confs.append(text.replace("enabled = no", f"enabled = yes\n{setting}"))
    with NameServer({"list.example": "listed.example IN A 127.0.0.2"}) as names:
        with Server("\n".join(confs) + f"\n[resolver]\nservers = 127.0.0.1:{names.port}\n") as server:
            for name in ("refuser", "counter"):
                module = module_of(server, name)
                assert module["state"] == "running", module
            client = smtplib.SMTP("127.0.0.1", server.port)
            client.sendmail("a@other.example", ["alice@example.org"],
                            "Subject: 1\r\n\r\nAn offer, an offer.\r\n")
            try:
                client.sendmail("a@listed.example", ["alice@example.org"], "Subject: 2\r\n\r\n")
                assert False, "it was not refused"
            except smtplib.SMTPRecipientsRefused as refused:
                reply = refused.recipients["alice@example.org"]
                assert reply == (550, b"5.7.1 The sender's domain is listed"), reply
            server.wait_queue_empty()
            mails = server.mails()
            assert len(mails) == 1 and b"\nX-Counter: 2\n" in mails[0], mails
            assert server.ctl_raw("modules").stdout.count(b"refuser") > 0


def main():
    with tempfile.TemporaryDirectory(prefix="barid-kit-") as root, \
            tempfile.TemporaryDirectory(prefix="barid-build-") as build:
        kit = Kit(root)
        barid.copy_build(build)
        return run_tests(globals(), lambda test: test(kit))


if __name__ == "__main__":
    sys.exit(main())
