# SPDX-License-Identifier: Apache-2.0
"""What system tests print: a TAP line a test, and the plan that shows that none is missing.

A program either runs its functions test_* with run_tests(), or makes its tests one by one in
a function that it gives to run_main(). The plan stands before the tests where their number
is known, else behind them: a program that ends in between has either too few lines or no
plan, and ./run-tests counts that as a failure."""
import sys
import traceback


class Skip(Exception):
    """Raised by a test that cannot run here; its text is the reason."""


class Tap:
    def __init__(self):
        self.count, self.failed = 0, 0

    def test(self, ok, what):
        self.count += 1
        self.failed += not ok
        print(f"{'ok' if ok else 'not ok'} {self.count} - {what}", flush=True)

    def run(self, what, function):
        """One test: it is passed when (function) returns."""
        try:
            function()
            self.test(True, what)
        except Skip as skip:
            self.test(True, f"{what} # SKIP {skip}")
        except Exception:
            self.test(False, what)
            print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "), flush=True)

    def plan(self, count):
        print(f"1..{count}", flush=True)

    def status(self):
        return 1 if self.failed or self.count == 0 else 0


def is_wanted(what):
    """All tests are, when the command line names none."""
    return not sys.argv[1:] or what in sys.argv[1:]


def run_rows(rows):
    """Tests of (what, function) each; gives the exit status."""
    wanted = [row for row in rows if is_wanted(row[0])]
    tap = Tap()
    tap.plan(len(wanted))
    for what, function in wanted:
        tap.run(what, function)
    return tap.status()


def run_tests(names, call=lambda test: test()):
    """The functions test_* of a program's globals(), in its order, each by (call)."""
    return run_rows([(name.removeprefix("test_"), lambda test=test: call(test))
                     for name, test in names.items() if name.startswith("test_")])


def run_main(main):
    """main(tap) makes the tests; what it raises is told as a test that failed."""
    tap = Tap()
    try:
        main(tap)
    except Exception:
        tap.test(False, "the program gets to its end")
        print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "), flush=True)
    tap.plan(tap.count)
    return tap.status()
