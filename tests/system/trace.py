#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A trace follows one sender, over a reload: the session that the old worker still has, and
those of the new one."""
import json
import os
import smtplib
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from server import Server
from tap import run_tests

CONTENT = b"Subject: followed\r\n\r\n"


class Trace:
    """Lines of "baridctl trace" as they come."""

    def __init__(self, server, *options):
        self.process = subprocess.Popen(
            [os.path.join(barid.BUILD, "src/baridctl/baridctl"), "--state", server.state, "trace",
             "--json", *options], stdout=subprocess.PIPE, text=True, env=server.environment)
        self.records = []
        self.changed = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.records.append(json.loads(line))
                self.changed.notify_all()

    def wait(self, what, seconds=20):
        """The first record that is (what)."""
        with self.changed:
            assert self.changed.wait_for(lambda: any(map(what, self.records)), seconds), self.records
            return [record for record in self.records if what(record)][0]

    def end(self, seconds=30):
        status = self.process.wait(seconds)
        return status


def connect(server):
    client = smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com")
    client.ehlo()
    return client


def send(client, sender="bob@example.com"):
    """The queue id."""
    client.mail(sender)
    client.rcpt("alice@example.org")
    code, text = client.data(CONTENT)
    assert code == 250, text
    return text.decode().split()[-1]


def accepted(queue_id):
    return lambda record: (record.get("event") == "message.accepted" and
                           record["fields"]["queue-id"] == queue_id)


def delivered(queue_id):
    return lambda record: (record.get("event") == "delivery.delivered" and
                           record["fields"]["queue-id"] == queue_id)


def test_over_a_reload():
    with Server() as server:
        trace = Trace(server, "--sender", "bob@example.com")
        early = connect(server)
        # The trace is heard of when the first message is.
        queue_id = None
        for _ in range(100):
            queue_id = send(early)
            try:
                trace.wait(accepted(queue_id), 0.2)
                break
            except AssertionError:
                continue
        trace.wait(delivered(queue_id))
        early.mail("bob@example.com")
        early.rcpt("alice@example.org")
        assert early.docmd("DATA")[0] == 354
        assert server.ctl_raw("reload").returncode == 0
        with connect(server) as late:
            for _ in range(100):
                queue_id = send(late)
                try:
                    trace.wait(accepted(queue_id), 0.2)
                    break
                except AssertionError:
                    continue
            trace.wait(delivered(queue_id))
        with connect(server) as another:
            other = send(another, "carol@example.com")
        early.send(CONTENT + b".\r\n")
        code, text = early.getreply()
        assert code == 250, text
        trace.wait(accepted(text.decode().split()[-1]))
        early.close()
        assert not any(map(accepted(other), trace.records)), trace.records
        assert not any("draining" in record for record in trace.records), trace.records
        server.stop()
        assert trace.end() == 0


def test_without_a_server():
    server = Server()
    assert Trace(server).end() == 3


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
