#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""baridctl sendmail, as programs call it: the local listener knows the user; recipients from
the command line and the header; SMTP over a pipe; the queue listed and tried."""
import os
import pwd
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from server import Server
from tap import run_tests

CONFIG = """
[listener local]
address = unix:submit.sock
tls = none
"""
USER = pwd.getpwuid(os.getuid()).pw_name


def sendmail(server, *words, text="", name="sendmail"):
    program = os.path.join(barid.BUILD, "src/baridctl/baridctl")
    return subprocess.run([program, name, "--state", server.state, *words], input=text.encode(),
                          capture_output=True, timeout=60)


def delivered(server, count):
    server.wait_queue_empty()
    mails = [mail.decode() for mail in server.mails()]
    assert len(mails) == count, mails
    return mails


def test_arguments():
    with Server(CONFIG) as server:
        done = sendmail(server, "-i", "-f", "bob@example.com", "-F", 'Bob "B" Brown',
                        "alice@example.org", text="Subject: one\n\n.\n..\nlast line\n")
        assert (done.returncode, done.stderr) == (0, b""), done
        mail, = delivered(server, 1)
        assert mail.endswith("\n\n.\n..\nlast line\n"), mail
        assert 'From: "Bob \\"B\\" Brown" <bob@example.com>\n' in mail
        assert "Return-Path: <bob@example.com>" in mail and "Message-ID: <" in mail
        assert "with ESMTPA" in mail, mail


def test_header_recipients():
    with Server(CONFIG) as server:
        text = ("To: Alice <alice@example.org>,\n \"X, Y\" <x@example.org>\n"
                "Bcc: secret@example.org\nCc: Some: y@example.org;\nSubject: two\n\nbody\n.\nnot\n")
        done = sendmail(server, "-t", "-oem", text=text)
        assert done.returncode == 0, done
        mails = delivered(server, 4)
        assert all("body\n" in mail and "not" not in mail for mail in mails)
        assert not any("secret" in mail.split("\n\n")[0].replace("Delivered-To", "")
                       and "Bcc" in mail for mail in mails), mails
        assert all(f"Return-Path: <{USER}@mx.example.org>" in mail for mail in mails), mails[0]


def test_elsewhere_is_queued():
    """A user of this host may send to others; a stranger over TCP may not."""
    with Server(CONFIG + "[queue]\nconcurrency = 0\n") as server:
        done = sendmail(server, "else@elsewhere.example", text="Subject: x\n\n")
        assert done.returncode == 0, done
        assert server.ctl("queue", "count")["count"] == 1
        message, = server.ctl("queue", "list")["messages"]
        shown = server.ctl("queue", "show", message["id"])
        assert f'"user": "{USER}"' in __import__("json").dumps(shown), shown
        listed = sendmail(server, "-bp")
        assert listed.returncode == 0 and message["id"].encode() in listed.stdout, listed
        assert sendmail(server, "-q").returncode == 0


def test_refusals():
    with Server(CONFIG + "[domain other.example]\n") as server:
        done = sendmail(server, "alice@example.org", "nobody@other.example", text="\nhi\n")
        assert done.returncode == 67 and b"nobody@other.example" in done.stderr, done
        assert sendmail(server, text="\nhi\n").returncode == 64
        assert sendmail(server, "-Z", "alice@example.org").returncode == 64
        assert sendmail(server, "a@example.org>\r\nDATA", text="\n").returncode == 65
        delivered(server, 0)  # all or none
    assert sendmail(server, "alice@example.org", text="\nhi\n").returncode == 75


def test_smtp():
    with Server(CONFIG) as server:
        text = ("EHLO here\r\nMAIL FROM:<bob@example.com>\r\nRCPT TO:<alice@example.org>\r\n"
                "DATA\r\nSubject: smtp\r\n\r\nhi\r\n.\r\nQUIT\r\n")
        done = sendmail(server, "-bs", text=text)
        assert done.returncode == 0 and b"queued as" in done.stdout, done
        delivered(server, 1)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
