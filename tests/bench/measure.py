# SPDX-License-Identifier: Apache-2.0
"""What the benches of servers share: the table, the clients, the profile."""
import os
import re
import shutil
import subprocess
import time

from servers import TOP, server
from unpacked import list_tree, unpack

BUILD = server.BUILD
CACHE = os.path.join(TOP, ".cache", "bench")
SESSIONS = 20
SIZE = 4096
ROUNDS = 3


def share_of(goal, postfix):
    """A goal that was set where Postfix took (postfix): what counts is its share of that."""
    return f"< {goal:g}; {goal / postfix:.3f} of Postfix"


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, barid, peers, goal, unit=""):
        """(peers) by name; the ratio is of the nearest peer to Barid, the share of Postfix."""
        values = [value for value in peers.values() if value]
        ratio = f"{min(values) / barid:.1f}" if values and barid else ""
        share = f"{barid / peers['Postfix']:.3f}" if peers.get("Postfix") else ""
        others = ", ".join(f"{name} {value:.3g}" for name, value in peers.items() if value)
        row = f"| {what} | {barid:.3g} {unit} | {others} | {ratio} | {share} | {goal} |"
        self.rows.append(row)
        print(row, flush=True)

    def text(self):
        return "\n".join(["| what | Barid | peers | best peer / Barid | of Postfix | goal |",
                          "|---|---|---|---|---|---|", *self.rows]) + "\n"


class Sources:
    """The clients: Postfix's smtp-source and our smtp-load."""

    def __init__(self):
        tree = unpack("postfix")
        self.source = os.path.join(tree, "usr/sbin/smtp-source")
        self.environment = dict(os.environ, LD_LIBRARY_PATH=os.path.join(tree, "usr/lib/postfix"))
        self.load = os.path.join(BUILD, "tests/bench/smtp-load")

    def source_run(self, port, messages, kept):
        command = [self.source, *(["-d"] if kept else []), "-s", str(SESSIONS), "-m",
                   str(messages), "-l", str(SIZE), "-f", "bob@example.com", "-t",
                   "alice@example.org", f"127.0.0.1:{port}"]
        subprocess.run(command, check=True, env=self.environment, timeout=600)

    def load_run(self, port, messages, each, *words, size=SIZE):
        """(messages a second, p50 ms, p99 ms); (words) as smtp-load knows them."""
        done = subprocess.run([self.load, "send", str(port), str(SESSIONS), str(messages),
                               str(each), str(size), *words], check=True, capture_output=True,
                              text=True)
        count, seconds, p50, p99, _ = done.stdout.split()
        return float(count) / float(seconds), float(p50) / 1000, float(p99) / 1000

    def idle(self, port, count, how):
        process = subprocess.Popen([self.load, "idle", str(port), str(count), how],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n", "idle sessions were refused"
        return process


def profile(pid, name, run):
    """What runs while (run) does: the 15 costliest symbols, and the share of the kernel."""
    if shutil.which("perf") is None:
        run()
        return
    data = os.path.join(CACHE, "perf.data")
    pids = ",".join(str(each) for each in list_tree(pid))
    perf = subprocess.Popen(["perf", "record", "-q", "-F", "2000", "-o", data, "-p", pids],
                            stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    run()
    perf.terminate()
    perf.wait()
    report = subprocess.run(["perf", "report", "-i", data, "--stdio", "--sort", "dso,symbol",
                             "--percent-limit", "0.05"], capture_output=True, text=True).stdout
    lines = [line for line in report.splitlines() if re.match(r"\s+\d", line)]
    kernel = sum(float(line.split("%")[0]) for line in lines if "[k]" in line)
    with open(os.path.join(CACHE, f"profile-{name}.txt"), "w", encoding="utf-8") as file:
        file.write(f"kernel {kernel:.0f} %, user {100 - kernel:.0f} %\n")
        file.write("\n".join(" ".join(line.split()) for line in lines[:15]) + "\n")
    os.unlink(data)
