#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""baridctl sendmail, as programs call it: the local listener knows the user; recipients from
the command line and the header; SMTP over a pipe; the queue listed and tried."""
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import threading

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
        assert all("two\n\nbody\n" in mail and "not" not in mail for mail in mails)
        assert not any("secret" in mail.split("\n\n")[0].replace("Delivered-To", "")
                       and "Bcc" in mail for mail in mails), mails
        assert all(f"Return-Path: <{USER}@mx.example.org>" in mail for mail in mails), mails[0]


def test_letters_together():
    """As with getopt(3): -ti is -t -i, and the last may have a value."""
    with Server(CONFIG) as server:
        for words in (["-ti"], ["-it"], ["-i", "-tfbob@example.com"], ["-tivf", "bob@example.com"],
                      ["-em", "-Am", "-tif", "Bob <bob@example.com>"], ["-oit", "-t", "-oi"]):
            done = sendmail(server, *words, text="To: alice@example.org\n\nhi\n.\nthere\n")
            assert (done.returncode, done.stderr) == (0, b""), (words, done)
        mails = delivered(server, 6)
        assert all(mail.endswith("\n\nhi\n.\nthere\n") for mail in mails), mails
        assert sum("Return-Path: <bob@example.com>" in mail for mail in mails) == 3, mails
        assert sendmail(server, "-f", "<bob@example.com>, x", "alice@example.org",
                        text="\nhi\n").returncode == 64


def test_sent_on():
    """RFC 5322 section 3.6.6: those of the first sending do not get it again."""
    with Server(CONFIG) as server:
        done = sendmail(server, "-t", text="Resent-To: alice@example.org\nTo: x@elsewhere.example\n"
                                           "Resent-Bcc: y@example.org\nBcc: z@example.org\n\nhi\n")
        assert done.returncode == 0, done
        mails = delivered(server, 2)
        assert not any("Bcc" in mail or "elsewhere" not in mail for mail in mails), mails
        assert sorted(mail.split("Delivered-To: ")[1].split("@")[0] for mail in mails) == [
            "alice", "y"], mails


def test_text_alone():
    """Text without a header is the body; the line of a mailbox file is no part of the message."""
    with Server(CONFIG) as server:
        for text in ("the disk is full\nof text\n", "From x Sat Jan  1 00:00:00 2000\nTo: you\n\ntwo\n",
                     "Subject: x\nno field\n"):
            done = sendmail(server, "alice@example.org", text=text)
            assert done.returncode == 0, done
        mails = delivered(server, 3)
        assert not any("\nFrom x" in mail for mail in mails), mails
        assert sorted(mail.split("\n\n", 1)[1] for mail in mails) == [
            "no field\n", "the disk is full\nof text\n", "two\n"], mails


def test_words():
    """Several recipients in one word, with names; quoted local parts; the null reverse-path."""
    with Server(CONFIG) as server:
        done = sendmail(server, "-f", "<>", 'Alice <alice@example.org>, "a <b"@example.org',
                        text="Subject: x\n\nhi\n")
        assert (done.returncode, done.stderr) == (0, b""), done
        mails = delivered(server, 2)
        assert all("Return-Path: <>\n" in mail and f"<{USER}@mx.example.org>\n" in mail
                   for mail in mails), mails
        assert any('Delivered-To: "a <b"@example.org\n' in mail for mail in mails), mails
        for word in ('"a"b>@example.org', '"a', "a b@example.org", '"a\\\nb"@example.org'):
            assert sendmail(server, word, text="\nhi\n").returncode == 65, word


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
    assert [sendmail(server, word).returncode for word in ("-bp", "-q")] == [75, 75]


def test_no_listener():
    """Nobody's mail is taken without being asked for; who tries learns what to do."""
    with Server() as server:
        done = sendmail(server, "alice@example.org", text="\nhi\n")
        assert done.returncode == 75, done
        assert b'"enabled = yes" in [listener local]' in done.stderr, done


def test_off_as_delivered():
    """The section of conf.d is there, but off; one line switches it on."""
    with open(os.path.join(barid.TOP, "conf.d", "listener.conf"), encoding="utf-8") as file:
        local = "[listener local]" + file.read().split("[listener local]")[1].split("# [")[0]
    with Server(local) as server:
        done = sendmail(server, "alice@example.org", text="\nhi\n")
        assert done.returncode == 75 and b"[listener local]" in done.stderr, done
    with Server(local.replace("enabled = no", "enabled = yes")) as server:
        assert sendmail(server, "alice@example.org", text="\nhi\n").returncode == 0
        delivered(server, 1)


def test_smtp():
    with Server(CONFIG) as server:
        text = ("EHLO here\r\nMAIL FROM:<bob@example.com>\r\nRCPT TO:<alice@example.org>\r\n"
                "DATA\r\nSubject: smtp\r\n\r\nhi\r\n.\r\nQUIT\r\n")
        done = sendmail(server, "-bs", text=text)
        assert done.returncode == 0 and b"queued as" in done.stdout, done
        delivered(server, 1)


def talk(offer, *words, text):
    """A server that offers (offer); what sendmail says to it, and how it ends."""
    lines = []

    def serve(listener):
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            connection.sendall(b"220 mx.example.org ESMTP\r\n")
            in_data = False
            for line in stream:
                lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
                in_data = in_data and lines[-1] != "."
                if in_data:
                    continue
                replies = ["250 good"]
                if lines[-1].startswith("EHLO"):
                    replies = [f"250-{word}" for word in ("mx.example.org", *offer)] + ["250 HELP"]
                elif lines[-1] == "DATA":
                    replies, in_data = ["354 go on"], True
                if lines[-1] == "QUIT":  # nobody waits for the answer
                    return
                connection.sendall("".join(f"{reply}\r\n" for reply in replies).encode())

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(folder, "submit.sock")
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        done = subprocess.run([os.path.join(barid.BUILD, "src/baridctl/baridctl"), "sendmail",
                               "--socket", path, "-F", "Bob", "-f", *words],
                              input=text if isinstance(text, bytes) else text.encode(),
                              capture_output=True, timeout=60)
        thread.join(60)
    return done, [line for line in lines if line.startswith("MAIL")]


BOTH = ("8BITMIME", "SMTPUTF8")


def test_parameters():
    """What is asked for, of servers that offer more or less (RFC 6152; RFC 6531 section 3)."""
    rows = [  # what, offer, sender, recipient, text, parameters, exit status
        ("ASCII", BOTH, "bob@a.example", "al@b.example", "Subject: x\n\nhi\n", "", 0),
        ("an 8-bit body", BOTH, "bob@a.example", "al@b.example", "Subject: x\n\ngrün\n",
         " BODY=8BITMIME", 0),
        ("no 8BITMIME", (), "bob@a.example", "al@b.example", "Subject: x\n\ngrün\n", "", 0),
        ("the sender", BOTH, "bøb@a.example", "al@b.example", "From: <bob@a.example>\n\nhi\n",
         " SMTPUTF8", 0),
        ("the sender, in the From that is added", BOTH, "bøb@a.example", "al@b.example", "\nhi\n",
         " BODY=8BITMIME SMTPUTF8", 0),
        ("a recipient", BOTH, "bob@a.example", "æl@b.example", "Subject: x\n\nhi\n",
         " SMTPUTF8", 0),
        ("a domain", BOTH, "bob@a.example", "al@bücher.example", "Subject: x\n\nhi\n",
         " SMTPUTF8", 0),
        ("a field", BOTH, "bob@a.example", "al@b.example", "Subject: grün\n\nhi\n",
         " BODY=8BITMIME SMTPUTF8", 0),
        ("a field in Latin-1", BOTH, "bob@a.example", "al@b.example", b"Subject: gr\xfcn\n\nhi\n",
         " BODY=8BITMIME", 0),
        ("small letters", ("8bitmime", "smtputf8"), "bob@a.example", "æl@b.example", "\ngrün\n",
         " BODY=8BITMIME SMTPUTF8", 0),
        ("no SMTPUTF8, the sender", ("8BITMIME",), "bøb@a.example", "al@b.example", "\nhi\n",
         None, 69),
        ("no SMTPUTF8, a recipient", ("8BITMIME",), "bob@a.example", "æl@b.example", "\nhi\n",
         None, 69),
        ("no SMTPUTF8, a field", ("8BITMIME",), "bob@a.example", "al@b.example",
         "Subject: grün\n\nhi\n", None, 69),
    ]
    for what, offer, sender, recipient, text, parameters, status in rows:
        done, mail = talk(offer, sender, recipient, text=text)
        wanted = [] if parameters is None else [f"MAIL FROM:<{sender}>{parameters}"]
        assert (mail, done.returncode) == (wanted, status), (what, mail, done)
        assert (b"offers no SMTPUTF8" in done.stderr) == (status == 69), (what, done)


def test_other_letters():
    """All of it by the real server."""
    with Server(CONFIG) as server:
        text = "To: Ælice <ælice@example.org>\nSubject: grün\n\nfür dich\n"
        done = sendmail(server, "-t", "-f", "bøb@example.com", text=text)
        assert done.returncode == 0, done
        mail, = delivered(server, 1)
        assert "with UTF8SMTPA" in mail and "Subject: grün\n\nfür dich\n" in mail, mail
    with Server(CONFIG + "[extensions]\nsmtputf8 = no\n") as server:
        done = sendmail(server, "-t", "-f", "bob@example.com", text=text)
        assert done.returncode == 69 and "ælice@example.org is not in ASCII" in \
            done.stderr.decode(), done


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
