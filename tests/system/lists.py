#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The file of a named list changes while a confined server runs: no reload is needed, a broken
one changes nothing."""
import os
import smtplib
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from server import Server
from tap import run_main

ENTRIES = 300000


def may_relay(server, sender):
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.ehlo("client.example")
        client.mail(sender)
        return client.rcpt("somebody@elsewhere.example")[0] == 250


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def replace(path, text):
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


def many(first):
    return "".join(f"user{number}@{first}.example\n" for number in range(ENTRIES))


def main(tap):
    with tempfile.TemporaryDirectory(prefix="barid-lists-") as folder:
        path = os.path.join(folder, "friends")
        replace(path, many("one"))
        extra = (f"[list friends]\nfile = {path}\n[rcpt]\n"
                 "relay = if sender in list \"friends\" then yes else no\n")
        with Server(extra) as server:
            worker = server.worker_pid()
            tap.test(may_relay(server, "user7@one.example"), "what is in the list relays")
            tap.test(not may_relay(server, "user7@two.example"), "what is not does not")
            replace(path, many("two"))
            tap.test(wait_for(lambda: may_relay(server, "user7@two.example")),
                     "the new file is in force")
            tap.test(not may_relay(server, "user7@one.example"), "and the old one is not")
            with open(path, "ab") as file:
                file.write(b"broken\xff\n")
            tap.test(wait_for(lambda: may_relay(server, "user7@two.example") and
                              f"friends:{ENTRIES + 1}: this is not UTF-8" in server.read_log()),
                     "a broken file is logged with its line")
            tap.test(may_relay(server, "user7@two.example"), "and changes nothing")
            os.unlink(path)
            tap.test(wait_for(lambda: may_relay(server, "user7@two.example") and
                              "No such file" in server.read_log()),
                     "a file that is gone is logged, too, and changes nothing")
            replace(path, "last@three.example\n")
            tap.test(wait_for(lambda: may_relay(server, "last@three.example")),
                     "one that comes back is in force")
            tap.test(server.worker_pid() == worker, "all in one worker")


if __name__ == "__main__":
    sys.exit(run_main(main))
