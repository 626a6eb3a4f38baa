#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Modules that cannot be used, asked for by a reload of a server that is at work: each is
refused with one clear line, the worker that serves stays, and mail goes on. What a module does
to a running server is in blame.py and hung.py. A module of an older version works."""
import json
import os
import shutil
import smtplib
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from server import Server
from tap import run_tests

PROBE = "[module probe]\nenabled = yes\n"


def put_modules(build, original):
    """The modules of tests/abi beside the others, as installed ones are."""
    for name in ("old", "newmajor", "newminor"):
        shutil.copy2(os.path.join(original, f"tests/abi/.libs/{name}.so"),
                     os.path.join(build, "modules"))


class World:
    def __init__(self, server, build):
        self.server, self.build = server, build
        with open(server.config, encoding="utf-8") as file:
            self.config = file.read()

    def reload(self, extra):
        with open(self.server.config, "w", encoding="utf-8") as file:
            file.write(self.config + extra)
        return self.server.ctl_raw("reload")

    def send(self):
        with smtplib.SMTP("127.0.0.1", self.server.port) as client:
            client.sendmail("bob@example.com", ["alice@example.org"], "Subject: 1\r\n\r\n")

    def refuses(self, extra, *words):
        """The line of the answer that tells, which is the only one of its kind."""
        pid = self.server.worker_pid()
        done = self.reload(extra)
        assert done.returncode == 1, done
        said = done.stderr.decode() + done.stdout.decode()
        lines = [line for line in said.splitlines() if all(word in line for word in words)]
        assert len(lines) == 1, said
        assert self.server.worker_pid() == pid
        self.send()


def test_another_major_version(world):
    world.refuses("[module newmajor]\nenabled = yes\n", "barid.conf:", "module newmajor",
                  "version 2.", "this server has 1.", "built anew")


def test_a_newer_minor_version(world):
    world.refuses("[module newminor]\nenabled = yes\n", "barid.conf:", "module newminor",
                  "needs version 1.999", "server is too old")


def test_no_module_at_all(world):
    """A library of something else, a text, and an empty file."""
    folder = os.path.join(world.build, "modules")
    shutil.copy2(os.path.join(world.build, ".libs/libbarid-check.so"),
                 os.path.join(folder, "other.so"))
    world.refuses("[module other]\nenabled = yes\n", "other.so", "exports no module description")
    for text in ("#!/bin/sh\n", ""):
        with open(os.path.join(folder, "text.so"), "w", encoding="utf-8") as file:
            file.write(text)
        world.refuses("[module text]\nenabled = yes\n", "barid.conf:", "text.so")


def test_a_circle(world):
    world.refuses("[module greylist]\nenabled = yes\norder = after limit\nstore = memory\n"
                  "[module limit]\nenabled = yes\norder = after greylist\n",
                  "order", "greylist", "limit")


def test_an_unknown_setting(world):
    world.refuses(PROBE + "crash-at-strat = yes\n", "barid.conf:", "crash-at-strat",
                  "crash-at-start")


def test_writable_by_others(world):
    """The file, and the folder that it is in."""
    folder = os.path.join(world.build, "modules")
    path = os.path.join(folder, "old.so")
    os.chmod(path, 0o777)
    world.refuses("[module old]\nenabled = yes\nstore = memory\n", path,
                  "not be writable by others")
    os.chmod(path, 0o755)
    os.chmod(folder, 0o777)
    world.refuses("[module old]\nenabled = yes\nstore = memory\n", folder,
                  "not be writable by others")
    os.chmod(folder, 0o755)


def test_crashes_at_start(world):
    world.refuses(PROBE + "crash-at-start = yes\n", "ended at its start",
                  "because of module probe: it crashed")


def test_never_returns_from_start(world):
    world.refuses(PROBE + "hang-at-start = yes\n[server]\nwatchdog = 4s\n", "ended at its start",
                  "because of module probe: it did not come back")


def test_check_starts_modules(world):
    """As a start would, so that a check is not content with what a start refuses."""
    for extra, wanted in (
            (PROBE + "crash-at-start = yes\n", "it crashes at its start (signal 6)"),
            (PROBE + "hang-at-start = yes\n[server]\nwatchdog = 1s\n",
             "it does not come back from its start"),
            (PROBE + "[module limit]\nenabled = yes\n[limit x]\nkey = remote-ip\n",
             '[limit x] needs "concurrency", "rate" or both')):
        with open(world.server.config, "w", encoding="utf-8") as file:
            file.write(world.config + extra)
        done = world.server.ctl_raw("config", "check", "--config", world.server.config, "--json")
        found = [problem for problem in json.loads(done.stdout)["problems"]
                 if problem["message"] == wanted and problem["line"] is not None]
        assert done.returncode == 1 and len(found) == 1, (wanted, done)
        assert found[0]["section"] == ("module limit" if "limit" in wanted else "module probe"), found


def test_never_returns_at_all(world):
    """There is no older worker: the module is contained after three tries."""
    with Server(PROBE + "hang-at-start = yes\non-error = continue\n[server]\nwatchdog = 4s\n") as server:
        state = [module["state"] for module in server.ctl("modules")["modules"]
                 if module["name"] == "probe"]
        assert state == ["contained"], state
        deaths = [line for line in server.read_log().splitlines() if "worker.died" in line]
        assert len(deaths) == 3, deaths
        assert all("module=probe" in line and "did not come back" in line for line in deaths)
        World(server, world.build).send()


def test_an_older_version(world):
    done = world.reload("[module old]\nenabled = yes\nstore = memory\nbyte = S\n")
    assert done.returncode == 0, done
    module = [module for module in world.server.ctl("modules")["modules"]
              if module["name"] == "old"][0]
    assert module["interface"] == "1.0" and module["version"] is None, module
    assert world.server.ctl("old", "answer", "--times", "2") == {"answer": 42}
    before = len(world.server.mails())
    with smtplib.SMTP("127.0.0.1", world.server.port) as client:
        client.sendmail("bob@example.com", ["alice@example.org"], "Subject: S\r\n\r\nS, S\r\n")
    world.server.wait_queue_empty()
    mails = world.server.mails()
    assert len(mails) > before and any(b"\nX-Old: 2\n" in mail for mail in mails), mails


def main():
    original = barid.BUILD
    with tempfile.TemporaryDirectory(prefix="barid-build-") as build:
        barid.copy_build(build)
        put_modules(build, original)
        with Server() as server:
            world = World(server, build)
            return run_tests(globals(), lambda test: test(world))


if __name__ == "__main__":
    sys.exit(main())
