#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the worker at random moments while it takes mail and relays it: every message
that got 250 reaches the next host at least once, byte-identical, and each that reaches it
again has an attempt on record that ended in doubt."""
import collections
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from server import Server
from storm import KILLS, check_arrivals, choose_seed, run_storm
from tap import run_main

CONFIG = """
[rcpt]
relay = yes
[queue]
retry = 300ms
[outbound]
next-hop = sink
concurrency = 20
[host sink]
address = 127.0.0.1:{port}
"""


class Sink:
    """The counting sink, in a process of its own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="barid-sink-")
        self.log = os.path.join(self.folder.name, "taken")
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "counting_sink.py")
        self.process = subprocess.Popen([sys.executable, "-B", program, self.log],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()

    def read(self):
        """Of each line of its log: queue id, name, digest."""
        with open(self.log, encoding="ascii") as file:
            return [line.split() for line in file]


def count_doubts(server, queue_id):
    """Attempts of a finished message that are on record as in doubt."""
    histories = [one for one in server.ctl("explain", queue_id)["history"]
                 if one["id"] == queue_id]
    return max((sum(any(result.get("in_doubt") for result in attempt["results"])
                    for attempt in history["attempts"]) for history in histories), default=0)


def main(tap):
    with Sink() as sink, Server(CONFIG.format(port=sink.port)) as server:
        accepted = run_storm(server, choose_seed(), "alice@far.example")
        server.wait_queue_empty(180)
        taken = sink.read()
        found = {}
        for _, name, digest in taken:
            found.setdefault(name, []).append(digest)
        times = collections.Counter(queue_id for queue_id, _, _ in taken)
        again = {queue_id: count for queue_id, count in times.items() if count > 1}
        unexplained = [f"{queue_id}: {count} times, {count_doubts(server, queue_id)} in doubt"
                       for queue_id, count in again.items()
                       if count_doubts(server, queue_id) < count - 1]
        log = server.read_log()
    print(f"# {KILLS} kills, {len(accepted)} accepted, {len(found)} found, {len(again)} delivered "
          f"again, {log.count('interrupted before the answer')} interrupted")
    check_arrivals(tap, accepted, found, log)
    tap.test(not unexplained, f"what came twice was in doubt, and is on record {unexplained[:5]}")
    tap.test(KILLS < 20 or again, "some attempts were cut off before their answer was noted")


if __name__ == "__main__":
    sys.exit(run_main(main))
