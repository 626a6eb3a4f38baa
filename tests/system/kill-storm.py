#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the worker at random moments, under busy sessions: every message that got 250
is delivered at least once, byte-identical."""
import hashlib
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from server import Server
from storm import KILLS, check_arrivals, choose_seed, run_storm
from tap import run_main


def read_back(server):
    found = {}
    for mail in server.mails():
        header, _, body = mail.partition(b"\n\n")
        name = [line[8:].decode() for line in header.split(b"\n") if line.startswith(b"X-Name: ")][0]
        digest = hashlib.sha256(body.replace(b"\n", b"\r\n")).hexdigest()
        found.setdefault(name, []).append(digest)
    return found


def main(tap):
    with Server() as server:
        accepted = run_storm(server, choose_seed(), "alice@example.org")
        server.wait_queue_empty(120)
        found = read_back(server)
        log = server.read_log()
    twice = sum(len(digests) - 1 for digests in found.values())
    print(f"# {KILLS} kills, {len(accepted)} accepted, {len(found)} found, {twice} delivered again")
    check_arrivals(tap, accepted, found, log)


if __name__ == "__main__":
    sys.exit(run_main(main))
