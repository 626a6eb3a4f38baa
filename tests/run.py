#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the tree and runs its tests; ./run-tests calls this.

Every kind of test speaks TAP: a line "ok" or "not ok" a test, "# SKIP reason" when it
could not run, and a plan "1..N". A program that dies, that prints no test or no plan, or
whose exit status or plan disagrees with its lines counts as one more failure, so nothing
passes by saying nothing.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
KINDS = ["lint", "unit", "fuzz", "dialogue", "system", "packaging"]
SANITIZED_KINDS = ["unit", "fuzz", "dialogue"]
TIMEOUT_SECONDS = {"unit": 300, "fuzz": 300, "dialogue": 300, "system": 900, "lint": 300,
                   "packaging": 900}
# System tests that fill the machine, which only others of their kind go on beside, and those that
# need it, or install out of the build folder.
STORMS = {"kill-storm.py", "relay-storm.py"}
ALONE = {"handbook.py", "install.py", "languages.py", "module-kit.py", "reload.py"}
# Below those that the kernel gives to connections; free_port() in tests/system/server.py.
FIRST_PORT, PORTS_EACH = 10000, 400
TAP_LINE = re.compile(r"^(not ok|ok)\b[ \d]*-?\s*(.*)$")
SKIP_MARK = re.compile(r"#\s*skip\b\s*(.*)$", re.IGNORECASE)


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, name, result, seconds=None):
        passed, failed, skipped, text = result
        self.passed += passed
        self.failed += failed
        self.skipped += len(skipped)
        took = "" if seconds is None else f" ({seconds:.1f} s)"
        print(f"{'FAIL' if failed else 'ok':4} {name}: {passed} passed, {failed} failed, "
              f"{len(skipped)} skipped{took}", flush=True)
        for reason in skipped:
            print(f"     SKIP {reason}")
        if failed:
            print("\n".join("     | " + line for line in text.splitlines()), flush=True)


def read_tap(text, status, name):
    """Counts a TAP stream: (passed, failed, skipped reasons, text to show)."""
    passed = failed = 0
    skipped = []
    plan = None
    for line in text.splitlines():
        plan_match = re.match(r"^1\.\.(\d+)", line)
        match = TAP_LINE.match(line)
        skip = SKIP_MARK.search(line)
        if plan_match:
            plan = int(plan_match.group(1))
            if plan == 0 and skip:
                skipped.append(f"{name}: {skip.group(1)}")
        elif match and skip:
            skipped.append(f"{match.group(2)}")
        elif match and match.group(1) == "ok":
            passed += 1
        elif match:
            failed += 1
    count = passed + failed + len(skipped)
    if count == 0:
        failed += 1
        text += "\nThe program printed no test.\n"
    elif plan is None:
        failed += 1
        text += "\nThe program printed no plan: it did not get to its end.\n"
    elif plan not in (0, count):
        failed += 1
        text += f"\nThe program planned {plan} tests and ran {count}.\n"
    elif status != 0 and failed == 0:
        failed += 1
        text += f"\nThe program ended with status {status}.\n"
    return passed, failed, skipped, text


def time_call(function):
    """What it gives, and the seconds it took."""
    start = time.monotonic()
    return function(), time.monotonic() - start


def run_program(command, env, timeout, cwd=None):
    """Runs a program in a process group of its own, so that a hanging test's children end
    with it; gives (status, output)."""
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env,
                               cwd=cwd, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=timeout)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        output += f"\nThe program took more than {timeout} s.\n".encode()
        status = -9
    return status, output.decode("utf-8", "replace")


class Tests:
    def __init__(self, options):
        self.options = options
        self.build = SOURCE / ("build-sanitize" if options.sanitize else "build-tests")
        self.env = dict(os.environ, BARID_SOURCE=str(SOURCE), BARID_BUILD=str(self.build),
                        srcdir=str(SOURCE), LC_ALL="C.UTF-8", CK_VERBOSITY="normal",
                        CK_DEFAULT_TIMEOUT="30")  # its 4 s are little on a busy machine
        if options.sanitize:
            # Stacks of fibers are ours: a fake stack per frame would outlive the switch.
            self.env["ASAN_OPTIONS"] = "detect_stack_use_after_return=0:detect_leaks=1"
            self.env["UBSAN_OPTIONS"] = "print_stacktrace=1"
            self.env["LSAN_OPTIONS"] = f"suppressions={SOURCE}/tests/leaks.supp:print_suppressions=0"
            self.env["CK_TIMEOUT_MULTIPLIER"] = "8"
            self.env["G_SLICE"] = "always-malloc"  # what is freed must not be used
        self.tally = Tally()

    # Building

    def configure(self, folder, arguments):
        """Configures when there is no build yet or the build system changed since."""
        inputs = [SOURCE / "configure.ac", SOURCE / "autogen.sh", *SOURCE.glob("modules/*/module.m*"),
                  *SOURCE.glob("m4/barid-*.m4")]
        configure = SOURCE / "configure"
        if not configure.exists() or any(
                path.stat().st_mtime > configure.stat().st_mtime for path in inputs):
            self.must_run([SOURCE / "autogen.sh"], SOURCE)
        stamp = folder / "config.status"
        if not stamp.exists() or stamp.stat().st_mtime < configure.stat().st_mtime:
            folder.mkdir(exist_ok=True)
            self.must_run([configure, *arguments], folder)

    def must_run(self, command, cwd):
        status, output = run_program(command, dict(os.environ), 1200, cwd)
        if status != 0:
            self.tally.add(" ".join(str(part) for part in command), (0, 1, [], output[-6000:]))
            self.finish()

    def make(self, folder, targets):
        """Builds as much as can be built; what fails is one failure."""
        command = ["make", "-s", "-k", "--no-print-directory", f"-j{self.options.jobs}", *targets]
        start = time.monotonic()
        status, output = run_program(command, dict(os.environ), 1800, folder)
        shown = "\n".join(line for line in output.splitlines()
                          if not re.match(r"^(  [A-Z]|Making|make )", line))
        self.tally.add(f"make {' '.join(targets)} in {folder.name}",
                       (1, 0, [], "") if status == 0 else (0, 1, [], shown[-8000:]),
                       time.monotonic() - start)

    def compiler(self, name):
        return f"CC=ccache {name}" if shutil.which("ccache") else f"CC={name}"

    def build_all(self):
        arguments = [self.compiler("gcc"), "--enable-werror", "--enable-debug"]
        if self.options.sanitize:
            # More of either takes the compiler half as long again; lines are all that is told.
            arguments += ["--enable-sanitizers", "CFLAGS=-g1 -O1"]
        self.configure(self.build, arguments)
        # Two calls: "all" descends into a make of its own, which would race with the other.
        self.make(self.build, ["all"])
        self.make(self.build, ["check-programs"])

    def check_programs(self):
        status, output = run_program(["make", "-s", "list-check-programs"], dict(os.environ), 60,
                                     self.build)
        return output.split() if status == 0 else []

    # Running

    def run_many(self, kind, rows, jobs=None):
        """rows: (name, function); results are told as they come."""
        with concurrent.futures.ThreadPoolExecutor(jobs or self.options.jobs) as pool:
            futures = {pool.submit(time_call, function): name for name, function in rows}
            for future in concurrent.futures.as_completed(futures):
                self.tally.add(f"{kind} {futures[future]}", *future.result())

    def run_tap(self, kind, name, command, more_env=None):
        env = dict(self.env, **(more_env or {}))
        status, output = run_program(command, env, TIMEOUT_SECONDS[kind], self.build)
        return read_tap(output, status, name)

    def run_unit(self):
        programs = [name for name in self.check_programs() if not name.startswith("tests/")]
        rows = [(name, lambda name=name: self.run_check_program(name)) for name in programs]
        self.run_many("unit", rows)

    def run_check_program(self, name):
        program = self.build / name
        if not program.exists():
            return 0, 1, [], "It was not built."
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "tap"
            env = dict(self.env, CK_TAP_LOG_FILE_NAME=str(log), TMPDIR=folder)
            if name.startswith("src/check/"):
                env.pop("G_SLICE", None)  # what a hook that is given up held is never freed
            status, output = run_program([program], env, TIMEOUT_SECONDS["unit"], self.build)
            tap = log.read_text("utf-8", "replace") if log.exists() else ""
        passed, failed, skipped, text = read_tap(tap or output, status, name)
        return passed, failed, skipped, output if failed else text

    def run_fuzz(self):
        names = [name for name in self.check_programs() if name.startswith("tests/fuzz/")]
        rows = [(name, lambda name=name: self.run_tap("fuzz", name, [self.build / name])
                 if (self.build / name).exists() else (0, 1, [], "It was not built."))
                for name in names]
        self.run_many("fuzz", rows)
        if self.options.fuzz_seconds > 0 and not self.options.sanitize:
            self.run_libfuzzer(names)

    def run_libfuzzer(self, names):
        folder = SOURCE / "build-fuzz"
        if not shutil.which("clang"):
            self.tally.add("fuzz time", (0, 0, ["fuzzing for a time: there is no clang"], ""))
            return
        self.configure(folder, [self.compiler("clang"), "--enable-debug", "--enable-fuzzers",
                                "CFLAGS=-g1 -O1"])
        self.make(folder, ["fuzzers"])
        rows = [(f"{name} for a time", lambda name=name: self.run_fuzzer(folder, name))
                for name in names]
        self.run_many("fuzz", rows, 2)

    def run_fuzzer(self, folder, name):
        corpus = SOURCE / "tests/fuzz/corpus" / Path(name).name.removeprefix("fuzz-")
        seconds = self.options.fuzz_seconds
        with tempfile.TemporaryDirectory() as work:
            command = [folder / name, f"-max_total_time={seconds}", "-timeout=10",
                       "-rss_limit_mb=1024", f"-artifact_prefix={folder}/", work, corpus]
            env = dict(self.env, ASAN_OPTIONS="detect_stack_use_after_return=0")
            status, output = run_program(command, env, seconds + 120, folder)
        return (1, 0, [], "") if status == 0 else (0, 1, [], output[-6000:])

    def run_dialogue(self):
        scripts = sorted((SOURCE / "tests/dialogue").glob("*.dialogue"))
        program = self.build / "tests/dialogue/run-dialogue"
        if not program.exists():
            self.tally.add("dialogue", (0, len(scripts), [], "run-dialogue was not built."))
            return
        shares = [scripts[i::self.options.jobs] for i in range(self.options.jobs)]
        rows = [(f"share {i + 1}", lambda share=share: self.run_tap("dialogue", "dialogue",
                                                                   [program, *share]))
                for i, share in enumerate(shares) if share]
        self.run_many("dialogue", rows)

    def run_scripts(self, kind, scripts, jobs=None):
        rows = [(script.name, lambda script=script: self.run_tap(kind, script.name, [script]))
                for script in scripts]
        self.run_many(kind, rows, jobs)

    def find_scripts(self, folder):
        return sorted(path for path in (SOURCE / folder).iterdir()
                      if path.is_file() and os.access(path, os.X_OK))

    def run_lint(self):
        self.run_scripts("lint", self.find_scripts("tests/lint"))

    def run_system(self):
        """Some at a time, each with ports of its own."""
        scripts = self.find_scripts("tests/system")
        rows = [(script.name, lambda number=number, script=script:
                 self.run_tap("system", script.name, [script],
                              {"BARID_PORTS": f"{FIRST_PORT + number * PORTS_EACH} {PORTS_EACH}"}))
                for number, script in enumerate(scripts)]
        self.run_many("system", [row for row in rows if row[0] not in STORMS | ALONE])
        self.run_many("system", [row for row in rows if row[0] in STORMS])
        self.run_many("system", [row for row in rows if row[0] in ALONE], 1)

    def run_packaging(self):
        """One after the other: the first builds the packages for all."""
        self.run_scripts("packaging", self.find_scripts("tests/packaging"), 1)

    def run(self):
        kinds = self.options.only or (SANITIZED_KINDS if self.options.sanitize else KINDS)
        self.build_all()
        for kind in kinds:
            getattr(self, f"run_{kind}")()
        self.finish()

    def finish(self):
        tally = self.tally
        print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped", flush=True)
        sys.exit(1 if tally.failed else 0)


def main():
    parser = argparse.ArgumentParser(prog="run-tests", description="Builds Barid and tests it.")
    parser.add_argument("--sanitize", action="store_true",
                        help="with address and undefined-behaviour sanitizers")
    parser.add_argument("--only", action="append", choices=KINDS, help="one kind of test; repeatable")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--fuzz-seconds", type=int, default=0, metavar="N",
                        help="also fuzz each target for N seconds (needs clang)")
    options = parser.parse_args()
    if options.jobs < 1:
        parser.error("--jobs must be at least 1")
    Tests(options).run()


if __name__ == "__main__":
    main()
