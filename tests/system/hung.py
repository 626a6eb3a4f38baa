#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Workers that hang (stopped from outside, they read nothing any more) hold nobody up: the
supervisor goes on, says so, and puts others in their place."""
import os
import signal
import smtplib
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from server import Server
from tap import run_tests

# More than a socket holds that nobody reads.
QUESTIONS = 16
QUESTION = ("queue", "count", "--sender", "x" * 50000)


def ctl(server, *words, seconds=60):
    return subprocess.run([os.path.join(barid.BUILD, "src/baridctl/baridctl"), "--state",
                           server.state, *words], capture_output=True, timeout=seconds)


def wait_gone(pid, seconds=60):
    end = time.monotonic() + seconds
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < end, f"the process {pid} is still there"
        time.sleep(0.1)


def wait_logged(server, text, seconds=60):
    end = time.monotonic() + seconds
    while text not in server.read_log():
        assert time.monotonic() < end, f"{text} is not logged"
        time.sleep(0.1)


def send(server):
    with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
        client.sendmail("bob@example.com", ["alice@example.org"], "Subject: x\r\n\r\nhi\r\n")


def hold(client):
    """A session that keeps a worker from ending: its message is not finished."""
    client.ehlo()
    for command, code in (("MAIL FROM:<bob@example.com>", 250), ("RCPT TO:<alice@example.org>", 250),
                          ("DATA", 354)):
        assert client.docmd(command)[0] == code


def end_stopped(pid):
    """So that a failed test leaves none behind."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def test_draining_worker():
    with Server() as server:
        old = server.worker_pid()
        with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
            hold(client)
            assert ctl(server, "reload").returncode == 0
            assert server.worker_pid() != old
            os.kill(old, signal.SIGSTOP)
            try:
                # Each is asked of the one that drains, too.
                threads = [threading.Thread(target=ctl, args=(server, *QUESTION))
                           for _ in range(QUESTIONS)]
                for thread in threads:
                    thread.start()
                wait_logged(server, "worker.hung")
                wait_gone(old)
                for thread in threads:
                    thread.join(60)
                done = ctl(server, "reload")
                assert done.returncode == 0, done
                send(server)
                server.wait_queue_empty()
            finally:
                end_stopped(old)
            client.sock.close()
            client.sock = None


def test_question_is_given_up():
    """One question does not fill the socket: what the others know is told all the same."""
    with Server() as server:
        old = server.worker_pid()
        with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
            hold(client)
            assert ctl(server, "reload").returncode == 0
            os.kill(old, signal.SIGSTOP)
            try:
                assert ctl(server, "status").returncode == 0
            finally:
                os.kill(old, signal.SIGCONT)
            assert any(one["pid"] == old for one in server.ctl("status")["draining"])
            client.send(b"Subject: held\r\n\r\nhi\r\n.\r\n")
            assert client.getreply()[0] == 250
            client.close()


def test_serving_worker():
    with Server() as server:
        old = server.worker_pid()
        os.kill(old, signal.SIGSTOP)
        try:
            server.process.send_signal(signal.SIGHUP)
            wait_logged(server, "worker.hung")
            wait_gone(old)
        finally:
            end_stopped(old)
        done = ctl(server, "reload")
        assert done.returncode == 0, done
        send(server)
        server.wait_queue_empty()
        assert len(server.mails()) == 1


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
