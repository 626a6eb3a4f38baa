#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The life of the Debian packages: installed, started, upgraded under load, modules that come and go,
removed and purged. Each test has a Debian machine of its own, where nothing else is installed."""
import os
import smtplib
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
import debs as packages
import handbook
import host
from tap import Skip, run_tests
from tree import find_tree

CORE = ("libbarid1", "barid-module-maildir", "barid")
ADDRESS = ("127.0.0.1", 2525)
SESSION, SERVER, GREYLIST = (f"etc/barid/conf.d/{name}.conf" for name in ("session", "server", "greylist"))
# What dpkg keeps of all that ever was, and what it makes anew: of any package.
KEPT_BY_OTHERS = ("etc/group-", "etc/gshadow-", "etc/passwd-", "etc/shadow-", "etc/.pwd.lock",
                  "etc/ld.so.cache", "etc/subuid-", "etc/subgid-", "var/lib/dpkg/", "var/log/",
                  "var/cache/ldconfig", "var/lib/systemd/deb-systemd-helper", "etc/machine-id",
                  "etc/systemd/system/multi-user.target.wants")
WORLD = {}


def new_host():
    return host.Host(WORLD["folder"], WORLD["tree"], WORLD["debs"])


def send(subject):
    with smtplib.SMTP(*ADDRESS, timeout=30) as client:
        client.sendmail("someone@client.example", ["postmaster@localhost"],
                        f"Subject: {subject}\r\n\r\nHello.\r\n")


def edit(machine, name, old, new):
    text = machine.read(name)
    assert text.count(old) == 1, (name, old)
    machine.write(name, text.replace(old, new))


def generation(machine):
    return machine.ctl("status")["generation"]


def test_core_alone():
    """No more than what "barid" depends on is a server: safe, and complete in itself."""
    with new_host() as machine:
        machine.install(*CORE)
        user = machine.run("getent", "passwd", "barid").split(":")
        assert user[5:] == ["/var/lib/barid", "/usr/sbin/nologin\n"], user
        assert machine.run("stat", "-c", "%U %a", "/var/lib/barid") == "barid 700\n"
        assert machine.run("baridctl", "config", "check") == "The configuration is good.\n"
        assert machine.run("systemd-analyze", "verify", "--man=no", "barid.service",
                           "barid.socket") == ""
        assert machine.attempt("deb-systemd-helper", "was-enabled", "barid.socket")[0] == 1
        machine.start()
        assert machine.modules() == {"maildir"}, machine.modules()
        process = packages.read(f"/proc/{machine.ctl('status')['pid']}/status")
        assert "\nUid:\t" + "\t".join(user[2:3] * 4) + "\n" in process, process
        send("by SMTP")
        machine.run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "sendmail",
                    "postmaster@localhost", input="Subject: by a program\n\nHello.\n")
        subjects = [mail for mail in machine.wait_mail(2) if "Hello." in mail]
        assert len(subjects) == 2, subjects
        try:
            with smtplib.SMTP(*ADDRESS, timeout=30) as client:
                client.sendmail("someone@client.example", ["x@elsewhere.example"], "\r\n")
            raise AssertionError("it relays for anybody")
        except smtplib.SMTPRecipientsRefused:
            pass


class Sender(threading.Thread):
    """Sends until it is told to stop; knows how many messages were taken."""

    def __init__(self):
        super().__init__()
        self.enough, self.count, self.error = threading.Event(), 0, None
        self.start()

    def run(self):
        try:
            while not self.enough.is_set():
                send(f"number {self.count}")
                self.count += 1
        except Exception as error:
            self.error = error

    def finish(self):
        self.enough.set()
        self.join()
        assert self.error is None, self.error
        return self.count


def mapped_library(machine, pid):
    """The inode of the core that a process uses."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        found = {line.split()[4] for line in file if "/libbarid.so.1" in line}
    assert len(found) == 1, found
    return int(found.pop())


def installed_library(machine):
    library = os.path.realpath(machine.path("usr/lib/" + triplet() + "/libbarid.so.1.0.0"))
    return os.stat(library).st_ino


def triplet():
    return packages.run("dpkg-architecture", "-qDEB_HOST_MULTIARCH").strip()


def test_upgrade():
    """Under load: the worker of the new version takes over, and nothing is lost."""
    names = CORE + ("barid-module-iprev", "barid-module-sqlite", "barid-module-greylist")
    with new_host() as machine:
        machine.add(WORLD["next"])
        machine.install(*names)
        edit(machine, SESSION, "#timeout = 5min", "timeout = 6min")
        edit(machine, GREYLIST, "#delay = 5min", "delay = 7min")
        machine.start()
        before = machine.ctl("status")["pid"]
        with smtplib.SMTP(*ADDRESS, timeout=60) as client:
            client.ehlo("client.example")
            sender = Sender()
            machine.wait_mail(1)
            said = machine.install(*names, version="+next")
            more = len(machine.find_mail()) + 5
            machine.wait_mail(more)
            count = sender.finish()
            # The worker before goes on with the session that began with it.
            assert client.noop()[0] == 250
        assert len(machine.wait_mail(count)) == count
        status = machine.ctl("status")
        assert status["generation"] == 2, (status, said)
        assert status["pid"] != before
        assert mapped_library(machine, status["pid"]) == installed_library(machine)
        assert machine.process.poll() is None
        # What was changed here stays, what was not is the new one, and both can be compared.
        assert "\ntimeout = 6min\n" in machine.read(SESSION)
        assert "# Of the next version.\n" in machine.read(SESSION + ".dpkg-dist")
        assert "# Of the next version.\n" in machine.read(SERVER)
        assert "delay = 7min" in machine.read(GREYLIST)
        assert not os.path.exists(machine.path(GREYLIST + ".dpkg-dist"))


def test_modules_come_and_go():
    """Each run of dpkg is one reload of a server that goes on."""
    with new_host() as machine:
        machine.install(*CORE)
        machine.start()
        machine.install("barid-module-sqlite", "barid-module-greylist", "barid-module-spf")
        assert generation(machine) == 2, machine.get_log()
        assert machine.modules() == {"maildir", "sqlite", "greylist", "spf"}, machine.modules()
        edit(machine, GREYLIST, "#delay = 5min", "delay = 7min")
        machine.run("dpkg", "--remove", "barid-module-greylist", "barid-module-sqlite")
        assert generation(machine) == 3
        assert machine.modules() == {"maildir", "spf"}, machine.modules()
        assert "enabled = yes\n" in machine.read(GREYLIST) and "7min" in machine.read(GREYLIST)
        assert "config.passed-over file=/etc/barid/conf.d/greylist.conf" in machine.get_log()
        send("without them")
        machine.wait_mail(1)
        # Nor does a start need what is gone.
        machine.stop()
        machine.start()
        machine.install("barid-module-sqlite", "barid-module-greylist")
        assert machine.modules() == {"maildir", "sqlite", "greylist", "spf"}, machine.modules()
        shown = machine.ctl("config", "show", "module greylist")
        assert "7min" in str(shown), shown
        machine.run("baridctl", "modules", "disable", "greylist")
        machine.run("dpkg", "--purge", "barid-module-greylist")
        assert not os.path.exists(machine.path(GREYLIST))
        assert machine.modules() == {"maildir", "sqlite", "spf"}


def test_disabled_stays_disabled():
    """Over an upgrade, and over removal and installation."""
    with new_host() as machine:
        machine.add(WORLD["next"])
        machine.install(*CORE, "barid-module-iprev")
        machine.start()
        machine.run("baridctl", "modules", "disable", "iprev")
        machine.install(*CORE, "barid-module-iprev", version="+next")
        assert machine.modules() == {"maildir"}, machine.modules()
        machine.run("dpkg", "--remove", "barid-module-iprev")
        machine.install("barid-module-iprev", version="+next")
        assert machine.modules() == {"maildir"}, machine.modules()


def test_bad_configuration():
    """Is told, and neither dpkg nor the server stumbles over it."""
    with new_host() as machine:
        machine.install(*CORE, "barid-module-iprev")
        machine.start()
        machine.write("etc/barid/conf.d/zz-own.conf", "[module iprev]\nenabled = yes\n")
        said = machine.run("dpkg", "--remove", "barid-module-iprev")
        assert "zz-own.conf:1:1: [module iprev] module iprev is enabled but not installed" in said, said
        assert generation(machine) == 1
        send("all the same")
        machine.wait_mail(1)


def is_left(name):
    return not name.startswith(KEPT_BY_OTHERS)


def test_remove_and_purge():
    """Nothing of it stays but the user; mailboxes do while there is mail in them."""
    for with_mail in (False, True):
        with new_host() as machine:
            before = machine.list_files()
            names = sorted(name for name in WORLD["debs"]
                           if name not in ("libbarid-dev", "libbarid-check0"))
            machine.install(*names)
            machine.start()
            send("stays")
            machine.wait_mail(1)
            machine.run("baridctl", "suspend", "elsewhere.example")
            machine.stop()
            machine.run("dpkg", "--remove", *names)
            assert machine.read(SESSION) and os.path.isdir(machine.path("var/lib/barid/spool"))
            assert not os.path.exists(machine.path("usr/sbin/barid"))
            if not with_mail:
                for name in os.listdir(machine.path("var/lib/barid/maildir/postmaster/new")):
                    os.remove(machine.path(f"var/lib/barid/maildir/postmaster/new/{name}"))
            machine.run("dpkg", "--purge", *names)
            left = {name for name in machine.list_files() - before if is_left(name)}
            mailboxes = {name for name in left if name.startswith("var/lib/barid")}
            assert left == mailboxes, sorted(left - mailboxes)
            assert before <= machine.list_files(), sorted(before - machine.list_files())
            assert (len(machine.find_mail()) == 1) if with_mail else not mailboxes, mailboxes
            assert all(name == "var/lib/barid" or name.startswith("var/lib/barid/maildir")
                       for name in mailboxes), mailboxes
            machine.run("getent", "passwd", "barid")


APT = """#!/bin/sh
# From files, without a network.
action=$1
shift
exec dpkg "--$action" "$@"
"""


def test_handbook():
    """Its section on packages does what it says."""
    with new_host() as machine:
        for name, text in (("sudo", '#!/bin/sh\nexec "$@"\n'), ("apt", APT)):
            machine.write(f"usr/local/bin/{name}", text)
            os.chmod(machine.path(f"usr/local/bin/{name}"), 0o755)
        commands = [command for kind, _, text in handbook.read_blocks("install.md")
                    if kind == "packages" for command in handbook.COMMAND.findall(text)]
        assert len(commands) > 5, commands
        for command, wanted in commands:
            said = machine.run("sh", "-c", f"cd /{host.PACKAGES} && {command}")
            assert handbook.matches(said, wanted), f"{command}\n{said}"
            if machine.process is None:
                machine.start()


def change_settings(root):
    """As a later version may: a file that no administrator has changed, and one that one has."""
    for name in (SESSION, SERVER):
        path = os.path.join(root, name)
        if os.path.exists(path):
            with open(path, "a", encoding="utf-8") as file:
                file.write("# Of the next version.\n")


def main():
    try:
        made = packages.find(packages.build())
        later = os.path.join(packages.FOLDER, "next")
        subprocess.run(["rm", "-rf", "--one-file-system", later], check=True)
        os.mkdir(later)
        WORLD["debs"] = made
        WORLD["tree"] = find_tree({name: deb for name, deb in made.items()
                                   if name not in ("libbarid-dev", "libbarid-check0")})
        WORLD["next"] = [packages.make_next(made[name], later, change_settings)
                         for name in (*CORE, "barid-module-iprev", "barid-module-sqlite",
                                      "barid-module-greylist")]
        WORLD["folder"] = host.enter()
    except Skip as skip:
        print(f"1..0 # SKIP {skip}")
        return 0
    return run_tests(globals())


if __name__ == "__main__":
    sys.exit(main())
