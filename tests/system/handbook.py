#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The chapters of doc/handbook do what they say.

Each chapter has a machine as it is after the installation (machine.py), on which its blocks are
done in their order:
    ```console          "$ command" lines, each with the output that follows it, in which * is any
                        text, over lines too; a command that ends in & stays
    ```conf NAME        a file of the configuration
    ```dialogue NAME    a policy test, tests.d/NAME
    ```zone NAME        records that are published in the zone; $DKIM SELECTOR stands for the one
                        that "genkey" has printed
    ```c NAME, ```make NAME, ```text NAME
                        a file in the folder where commands are done
    ```sh               commands that another test does, which is named in ELSEWHERE
    ```packages         as console, on a machine with Debian packages: tests/packaging/life.py
"""
import fnmatch
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
import machine
from server import BUILD, TOP
from tap import Skip, run_rows

FOLDER = os.path.join(TOP, "doc", "handbook")
BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
INDENTED = re.compile(r"\n\n( {4}|\t)\S.*|^(```|~~~).*", re.MULTILINE)
DKIM = re.compile(r"^\$DKIM (\w+)$", re.MULTILINE)
FILES = ("c", "make", "text")
# Commands that only look are done again until they see it: mail takes its time.
LOOKS = re.compile(r"^(sudo )?(baridctl (explain|queue|status|modules|shadow|check|--json)|ls|cat|"
                   r"grep|tail|head|sed)\b")
LOOK_SECONDS = 15
WITH_PROVIDER = ("formats.md", "operations.md", "relaying.md")
COMMAND_SECONDS = 60
ELSEWHERE = {
    "./quickstart": ".ci/run",
    "./autogen.sh": "quickstart",
    "mkdir build && cd build && ../configure && make": "quickstart",
    "./run-tests": ".ci/run",
    "dpkg-buildpackage -us -uc -b": "tests/packaging/debs.py",
}


def matches(output, wanted):
    """Brackets are themselves, only the star is not."""
    pattern = re.sub(r"([\[?])", r"[\1]", wanted.rstrip())
    return fnmatch.fnmatchcase(output.rstrip(), pattern)


def read_blocks(name):
    """All blocks: what is indented would be shown and not done."""
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        text = file.read()
    assert not INDENTED.search(BLOCK.sub("", text)), INDENTED.search(BLOCK.sub("", text)).group()
    return BLOCK.findall(text)


class Chapter:
    """One whose name begins with "install" has a machine without Barid, but with its source."""

    def __init__(self, name, its_machine):
        self.machine, self.name = its_machine, name
        self.blocks = read_blocks(name)
        self.said = ""
        if name == "install.md":
            its_machine.reset()
            os.symlink(BUILD, self.path("build"))
        else:
            its_machine.install()
            its_machine.reset()
        its_machine.start_names()
        if name in WITH_PROVIDER:
            its_machine.start_provider()

    def path(self, name):
        return os.path.join(self.machine.path("work"), name)

    # --- commands ---

    def do(self, command):
        done = subprocess.run(command, shell=True, cwd=self.path(""), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                              timeout=COMMAND_SECONDS, check=False, errors="replace")
        self.said += done.stdout
        return done.stdout, done.returncode

    def stay(self, command):
        self.machine.start(command.rstrip("& "), self.path(""), lambda: subprocess.run(
            ["baridctl", "status"], capture_output=True, check=False).returncode == 0)

    def run(self, command, wanted):
        if command.endswith("&"):
            self.stay(command)
            return
        end = time.monotonic() + LOOK_SECONDS
        output, status = self.do(command)
        while not matches(output, wanted) and LOOKS.match(command) and time.monotonic() < end:
            time.sleep(0.1)
            output, status = self.do(command)
        # What shall fail has its message in the chapter.
        assert matches(output, wanted) and (status == 0 or wanted.strip(" *\n")), (
            f"{command}\n--- said, with status {status}\n{output}--- and the chapter\n{wanted}")

    def check_elsewhere(self, text):
        for line in text.splitlines():
            where = ELSEWHERE.get(line)
            assert where, f"{line}: which test does that?"
            with open(os.path.join(TOP, where), encoding="utf-8") as file:
                done = file.read()
            words = re.findall(r"[./\w-]*(?:quickstart|autogen|configure|make|run-tests|dpkg-buildp)\S*", line)
            assert words and all(word in done for word in words), f"{line}: not in {where}"

    def get_dkim_record(self, match):
        """What "genkey" printed: the last block that has the selector's record."""
        found = re.findall(rf'^{match.group(1)}\._domainkey\S+ IN TXT (?:"[^"]*"$|\([^)]*\))',
                           self.said, re.MULTILINE)
        assert found, f"no key {match.group(1)} was made"
        return found[-1]

    # --- blocks ---

    def do_block(self, kind, name, text):
        if kind == "console":
            for command, wanted in COMMAND.findall(text):
                self.run(command, wanted)
        elif kind == "conf":
            self.machine.write(os.path.join(machine.CONFIG, name), text)
        elif kind == "dialogue":
            self.machine.write(os.path.join(machine.CONFIG, "tests.d", name), text)
        elif kind == "zone":
            self.machine.publish(name, DKIM.sub(self.get_dkim_record, text))
        elif kind in FILES:
            self.machine.write(self.path(name), text)
        elif kind == "sh":
            self.check_elsewhere(text)
        elif kind != "packages":
            raise AssertionError(f"what is a block {kind}?")

    def run_all(self):
        assert any(kind == "console" for kind, _, _ in self.blocks), "nothing is done here"
        for block in self.blocks:
            self.do_block(*block)


def check_chapter(name, machines, folder):
    """One machine is enough for all: it is made when the first chapter needs it."""
    if not machines:
        machines.append(machine.Machine(folder))
    Chapter(name, machines[0]).run_all()


def main():
    names = sorted(name for name in os.listdir(FOLDER) if name.endswith(".md"))
    names = [name for name in names if read_blocks(name)]
    assert names, "there are no chapters"
    # What installs comes first: the others use what it has made.
    names.sort(key=lambda name: name != "install.md")
    try:
        folder = machine.enter()
    except Skip as skip:
        print(f"1..0 # SKIP {skip}")
        return 0
    machines = []
    return run_rows([(name, lambda name=name: check_chapter(name, machines, folder))
                     for name in names])


if __name__ == "__main__":
    sys.exit(main())
