# SPDX-License-Identifier: Apache-2.0
"""What the lint tests share: where things are, which files count, and TAP."""
import os
import re
import subprocess
import sys
from pathlib import Path

LINT = Path(__file__).resolve().parent
SOURCE = Path(os.environ.get("BARID_SOURCE", LINT.parent.parent))
BUILD = Path(os.environ.get("BARID_BUILD", SOURCE / "build-tests"))
CODE_FOLDERS = ("src", "modules", "plugins-api", "tests")


class Tap:
    """One test a rule and file is too fine: one test a rule, with all that breaks it."""

    def __init__(self):
        self.count = self.failed = 0

    def test(self, what, problems):
        problems = list(problems)
        self.count += 1
        self.failed += bool(problems)
        for problem in problems:
            print(f"# {problem}")
        print(f"{'not ok' if problems else 'ok'} {self.count} - {what}")

    def skip(self, what, reason):
        self.count += 1
        print(f"ok {self.count} - {what} # SKIP {reason}")

    def finish(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)


def run(*command):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE,
                          text=True, errors="replace").stdout


def tracked_files():
    """All files of the project, relative; those of the work tree when there is git."""
    try:
        names = run("git", "-C", SOURCE, "ls-files", "-co", "--exclude-standard").splitlines()
    except (subprocess.CalledProcessError, FileNotFoundError):
        names = [str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*") if path.is_file()]
    return sorted(Path(name) for name in names if (SOURCE / name).is_file())


def code_files(*suffixes, tests=True):
    return [path for path in tracked_files()
            if path.suffix in suffixes and path.parts[0] in CODE_FOLDERS
            and (tests or "tests" not in path.parts)]


def read(path):
    return (SOURCE / path).read_text("utf-8", "replace")


def strip_code(text):
    """C without comments and with empty strings; lines keep their numbers."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)

    def blank(match):
        found = match.group(0)
        if found[0] in "\"'":
            return found[0] * 2
        return re.sub(r"[^\n]", " ", found)
    return pattern.sub(blank, text)


def read_list(name):
    """The words of each line of a list beside the scripts, without comments."""
    lines = (LINT / name).read_text("utf-8").splitlines()
    return [line.split("#")[0].split() for line in lines if line.split("#")[0].strip()]


def read_symbols(path):
    return [line.strip() for line in read(path).splitlines()
            if line.strip() and not line.startswith("#")]


def objects(*folders, tests=False):
    """Object files of the build below (folders); those of shared libraries in .libs."""
    found = []
    for folder in folders:
        for path in sorted((BUILD / folder).rglob("*.o")):
            if tests or "tests" not in path.relative_to(BUILD).parts[1:]:
                found.append(path)
    return found


def nm(path, *options):
    """(symbol, type) of an object, archive or library."""
    rows = []
    for line in run("nm", "-P", *options, path).splitlines():
        words = line.split()
        if len(words) >= 2 and len(words[1]) == 1:
            rows.append((words[0], words[1]))
    return rows
