#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A module that never returns, or crashes the worker again and again, is named and, the
third time, contained; the server goes on and loses nothing."""
import os
import smtplib
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from server import Server
from tap import run_main


def provoke_rcpt(server, word):
    """The reply to RCPT, or None when the connection was lost."""
    try:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
            client.ehlo("client.example.com")
            client.mail("bob@example.com")
            return client.rcpt(f"{word}@example.org")
    except (smtplib.SMTPServerDisconnected, OSError):
        return None


def provoke_stream(server, _):
    """The reply to a message whose header the module cannot bear, or None."""
    try:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
            client.ehlo("client.example.com")
            client.mail("bob@example.com")
            client.rcpt("alice@example.org")
            return client.data("Subject: 2\r\nX-Crash: yes\r\n\r\n")
    except smtplib.SMTPDataError as error:
        return error.smtp_code, error.smtp_error
    except (smtplib.SMTPServerDisconnected, OSError):
        return None


def provoke_command(server, _):
    return None if server.ctl_raw("probe", "crash", "now").returncode != 0 else "an answer"


def wait_for_worker(server, old, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            pid = server.worker_pid()
            if pid != old:
                return pid
        except (RuntimeError, KeyError, ValueError):
            pass
        time.sleep(0.05)
    raise RuntimeError("no new worker: " + server.read_log()[-2000:])


def module_state(server):
    return [module["state"] for module in server.ctl("modules")["modules"]
            if module["name"] == "probe"][0]


def bring_down(server, tap, word, reason, provoke=provoke_rcpt):
    for number in (1, 2, 3):
        pid = server.worker_pid()
        log = len(server.read_log())
        tap.test(provoke(server, word) is None, f"{word} {number}: the session is lost")
        wait_for_worker(server, pid)
        death = [line for line in server.read_log()[log:].splitlines() if "worker.died" in line]
        tap.test(len(death) == 1 and "module=probe" in death[0] and reason in death[0],
                 f"{word} {number}: the module is named")
        expected = "contained" if number == 3 else "running"
        tap.test(module_state(server) == expected, f"{word} {number}: it is {expected} then")


OPEN = """
[module probe]
enabled = yes
on-error = continue
[domain probe.example]
transport = probe
[user carol]
addresses = carol@probe.example
"""


def transport(server, tap):
    """A transport that crashes takes the server down again and again, for the message waits."""
    try:
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.sendmail("bob@example.com", ["carol@probe.example"], "Subject: 3\r\n\r\n")
    except smtplib.SMTPServerDisconnected:
        pass  # delivery may begin, and end all, before the reply is out
    end = time.monotonic() + 60
    deaths = []
    while len(deaths) < 3 and time.monotonic() < end:
        deaths = [line for line in server.read_log().splitlines() if "worker.died" in line]
        time.sleep(0.05)
    tap.test(len(deaths) == 3 and all("module=probe" in line for line in deaths),
             "a transport that crashes is named")
    wait_for_worker(server, 0)
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.sendmail("bob@example.com", ["alice@example.org"], "Subject: 4\r\n\r\n")
    while not server.mails() and time.monotonic() < end:
        time.sleep(0.05)
    tap.test(len(server.mails()) == 1, "contained, it does not hold up other mail")
    while server.ctl("status")["replaying"] and time.monotonic() < end:
        time.sleep(0.05)
    waiting = server.ctl("queue", "list")["messages"]
    tap.test(len(waiting) == 1 and module_state(server) == "contained",
             f"its own waits: {waiting}")
    tap.test("worker.died" not in server.read_log()[server.read_log().rindex("worker.ready"):],
             "and the server stays up")


def main(tap):
    extra = ("[server]\nwatchdog = 4s\n\n[module probe]\nenabled = yes\non-error = defer\n")
    with tempfile.TemporaryDirectory(prefix="barid-build-") as build:
        barid.copy_build(build)
        with Server(extra) as server:
            with smtplib.SMTP("127.0.0.1", server.port) as client:
                client.sendmail("bob@example.com", ["alice@example.org"], "Subject: 1\r\n\r\n")
            bring_down(server, tap, "crash", "it crashed")
            reply = provoke_rcpt(server, "crash")
            tap.test(reply is not None and reply[0] == 451, f"its on-error applies: {reply}")
            tap.test(server.ctl_raw("reload").returncode == 0 and module_state(server) == "running",
                     "a reload gives it another chance")
            bring_down(server, tap, "hang", "it did not come back")
            tap.test("module.stuck module=probe" in server.read_log(), "the log says who is stuck")
            tap.test(server.ctl_raw("reload").returncode == 0, "reload")
            bring_down(server, tap, "abort", "it crashed")
            tap.test(server.ctl_raw("reload").returncode == 0, "reload")
            bring_down(server, tap, "command", "it crashed", provoke_command)
            server.wait_queue_empty()
            tap.test(len(server.mails()) == 1, "what was accepted is delivered")
        with Server(OPEN) as server:
            bring_down(server, tap, "header field", "it crashed", provoke_stream)
            reply = provoke_stream(server, "")
            tap.test(reply is not None and reply[0] == 250,
                     f"the stream of a contained module is not begun: {reply}")
        with Server(OPEN) as server:
            transport(server, tap)
        with Server("[module probe]\nenabled = yes\ncrash-at-start = yes\n") as server:
            tap.test(module_state(server) == "contained",
                     "a module that crashes at every start is contained, and the server serves")


if __name__ == "__main__":
    sys.exit(run_main(main))
