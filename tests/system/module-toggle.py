#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""baridctl modules enable and disable: the file keeps what people wrote, the server reloads with
no session dropped, and what is wrong leaves everything as it was."""
import json
import os
import shutil
import smtplib
import sys

sys.path.insert(0, os.path.dirname(__file__))
from server import Server
from tap import run_tests

BEFORE = """# Our greylist.
[module greylist] # see the manual
# Not yet.
enabled = no # since spring
delay = 7min
"""
REFUSING_TEST = """client: 192.0.2.7
mail-from: someone@client.example
rcpt-to: alice@example.org
S: 250
"""


class World:
    def __init__(self, extra=""):
        self.server = Server("[store local]\ndriver = memory\n" + extra)
        self.folder = os.path.join(self.server.folder, "conf.d")
        os.mkdir(self.folder)
        self.write("greylist.conf", BEFORE)

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *what):
        self.server.__exit__(*what)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name="greylist.conf"):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def toggle(self, word, name="greylist"):
        done = self.server.ctl_raw("modules", word, name, "--config", self.server.config, "--json")
        return done.returncode, json.loads(done.stdout)

    def names(self):
        return {module["name"] for module in self.server.ctl("modules")["modules"]}


def test_on_and_off():
    with World() as world, smtplib.SMTP("127.0.0.1", world.server.port) as client:
        path = os.path.join(world.folder, "greylist.conf")
        os.chmod(path, 0o640)
        assert world.toggle("enable") == (0, {
            "module": "greylist", "enabled": True, "file": path, "changed": True,
            "reloaded": True, "generation": 2})
        assert world.read() == BEFORE.replace("= no", "= yes"), world.read()
        assert os.stat(path).st_mode & 0o777 == 0o640
        assert "greylist" in world.names()
        status, answer = world.toggle("enable")
        assert status == 0 and not answer["changed"] and not answer["reloaded"], answer
        said = world.server.ctl_raw("modules", "disable", "greylist", "--config",
                                    world.server.config).stdout.decode()
        assert said == f"greylist is disabled: {path}\nGeneration 3 serves.\n", said
        assert world.read() == BEFORE and "greylist" not in world.names()
        # The session began before all that.
        assert client.ehlo("client.example")[0] == 250


def test_new_file_and_link():
    with World() as world:
        status, answer = world.toggle("enable", "iprev")
        assert status == 0 and answer["changed"], answer
        assert world.read("iprev.conf") == "[module iprev]\nenabled = yes\n"
        real = os.path.join(world.server.folder, "real")
        link = os.path.join(world.folder, "iprev.conf")
        shutil.move(link, real)
        os.symlink(real, link)
        assert world.toggle("disable", "iprev")[0] == 0 and os.path.islink(link)
        with open(real, encoding="utf-8") as file:
            assert file.read() == "[module iprev]\nenabled = no\n"


def test_what_is_wrong_is_not_written():
    with World() as world:
        world.write("greylist.conf", BEFORE.replace("7min", "soon"))
        status, answer = world.toggle("enable")
        assert status == 1 and answer["problems"][0]["key"] == "delay", answer
        assert world.read() == BEFORE.replace("7min", "soon")
        world.write("greylist.conf", BEFORE)
        world.write("zz-local.conf", "[module greylist]\nenabled = no\n")
        status, answer = world.toggle("enable")
        problem = answer["problems"][0]
        assert status == 1 and problem["file"].endswith("zz-local.conf"), answer
        assert problem["line"] == 2 and "greylist.conf" in problem["message"], answer
        os.unlink(os.path.join(world.folder, "zz-local.conf"))
        for name in ("nosuch", "../greylist", "", "Greylist"):
            status, answer = world.toggle("enable", name)
            assert status == 1, answer
        assert sorted(os.listdir(world.folder)) == ["greylist.conf"] and world.read() == BEFORE
        assert world.server.ctl("status")["generation"] == 1


def test_what_is_not_taken_is_taken_back():
    with World("[server]\nrequire-policy-tests = yes\n") as world:
        tests = os.path.join(world.server.folder, "tests.d")
        os.mkdir(tests)
        with open(os.path.join(tests, "now.dialogue"), "w", encoding="utf-8") as file:
            file.write(REFUSING_TEST)
        status, answer = world.toggle("enable")
        assert status == 1 and "now.dialogue" in answer["error"], answer
        assert world.read() == BEFORE and "greylist" not in world.names()
        assert world.toggle("enable", "iprev")[0] == 0


def test_without_a_server():
    world = World()
    try:
        status, answer = world.toggle("enable")
        assert status == 0 and answer["changed"] and not answer["reloaded"], answer
        assert world.read() == BEFORE.replace("= no", "= yes")
    finally:
        shutil.rmtree(world.server.folder)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
