#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The chapters of doc/handbook do what they say.

A chapter has a folder of its own, in which its blocks are done in their order:
    ```conf NAME        a file of the configuration, etc/NAME
    ```dialogue NAME    a policy test, etc/tests.d/NAME
    ```console          "$ command" lines, each with the output that follows it, in which * is any
                        text, over lines too
"""
import fnmatch
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from server import BUILD, TOP
from tap import run_rows

FOLDER = os.path.join(TOP, "doc", "handbook")
BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# The tool as it is installed: its configuration is etc/barid.conf unless another is named.
TOOL = """#!/bin/sh
case " $* " in
*" --config "*) exec {tool} "$@" --state "$PWD/state" ;;
*) exec {tool} "$@" --config etc/barid.conf --state "$PWD/state" ;;
esac
"""


def matches(output, wanted):
    """Brackets are themselves, only the star is not."""
    pattern = re.sub(r"([\[?])", r"[\1]", wanted.rstrip())
    return fnmatch.fnmatchcase(output.rstrip(), pattern)


class Chapter:
    def __init__(self, path, folder):
        self.path, self.folder = path, folder
        for name in ("bin", "etc/conf.d", "etc/tests.d"):
            os.makedirs(os.path.join(folder, name))
        self.write("bin/baridctl", TOOL.format(tool=os.path.join(BUILD, "src/baridctl/baridctl")))
        os.chmod(os.path.join(folder, "bin/baridctl"), 0o755)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def run(self, text):
        environment = dict(os.environ,
                           PATH=os.path.join(self.folder, "bin") + ":" + os.environ["PATH"])
        for command, wanted in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            done = subprocess.run(command, shell=True, cwd=self.folder, env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=120, check=False)
            assert matches(done.stdout, wanted), (
                f"{command}\n--- said\n{done.stdout}--- and the chapter\n{wanted}")

    def do(self):
        with open(self.path, encoding="utf-8") as file:
            blocks = BLOCK.findall(file.read())
        assert any(kind == "console" for kind, _, _ in blocks), "nothing is done here"
        for kind, name, text in blocks:
            if kind == "conf":
                self.write("etc/" + name, text)
            elif kind == "dialogue":
                self.write("etc/tests.d/" + name, text)
            elif kind == "console":
                self.run(text)
            else:
                raise AssertionError(f"what is a block {kind}?")


def check_chapter(name):
    with tempfile.TemporaryDirectory() as folder:
        Chapter(os.path.join(FOLDER, name), folder).do()


def main():
    names = sorted(name for name in os.listdir(FOLDER) if name.endswith(".md"))
    assert names, "there are no chapters"
    return run_rows([(name, lambda name=name: check_chapter(name)) for name in names])


if __name__ == "__main__":
    sys.exit(main())
