#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Status notifications over the wire: the sender lives elsewhere and hears of failure, delay
and success by mail; nobody hears of what must not be told."""
import email
import json
import os
import smtplib
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from outbound import without
from scripted_peer import ScriptedPeer
from server import Server
from tap import run_tests

CONTENT = b"Subject: the subject\r\n\r\nthe secret body\r\n"
EXTRA = """
[rcpt]
relay = yes
[queue]
retry = {retry}
notify = {notify}
expire = {expire}
[outbound]
next-hop = ${{rcpt-domain}}
[host home.example]
address = 127.0.0.2:{home}
[host there.example]
address = 127.0.0.2:{there}
{host}
"""
ME = "me@home.example"


class World:
    """A server between (home), where the sender lives, and (there)."""

    def __init__(self, retry="1h", notify="1d", expire="5d", host="", home=None, lmtp=False, **there):
        self.home = ScriptedPeer(**(home or {}))
        self.there = ScriptedPeer(lmtp=lmtp, **there)
        self.server = Server(extra=EXTRA.format(
            retry=retry, notify=notify, expire=expire, home=self.home.port, there=self.there.port,
            host=host))

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, kind, value, trace):
        self.server.__exit__(kind, value, trace)
        self.home.close()
        self.there.close()

    def send(self, mail_options=(), rcpt_options=(), sender=ME, recipients=("x@there.example",),
             content=CONTENT):
        client = smtplib.SMTP("127.0.0.1", self.server.port, local_hostname="c.example.com")
        client.command_encoding = "utf-8"
        client.ehlo()
        assert client.mail(sender, list(mail_options))[0] == 250
        for recipient in recipients:
            code, text = client.rcpt(recipient, list(rcpt_options))
            assert code == 250, text
        assert client.data(content)[0] == 250
        client.quit()

    def notice(self, number=0):
        """The (number)-th notice: (fields of the message, fields of each recipient, all)."""
        self.home.wait(lambda peer: len(peer.messages) > number)
        message = self.home.messages[number]
        assert message.mail.startswith("MAIL FROM:<>"), message.mail
        assert message.recipients[0].startswith(f"RCPT TO:<{ME}>"), message.recipients
        parsed = email.message_from_bytes(message.content)
        assert parsed.get_content_type() == "multipart/report", parsed
        assert parsed["Auto-Submitted"] is not None and parsed["To"] is not None
        text, status, returned = parsed.get_payload()
        blocks = status.get_payload()
        return blocks[0], blocks[1:], text.get_payload(), returned.as_string(), message.content

    def nothing_comes(self):
        self.server.wait_queue_empty()
        assert not self.home.messages, self.home.messages[0].content


def test_failure():
    with World(RCPT="550 5.1.1 nobody here") as world:
        world.send(["ENVID=abc", "RET=FULL"], ["ORCPT=rfc822;alias@there.example"])
        head, (rcpt,), text, returned, _ = world.notice()
        assert head["Original-Envelope-Id"] == "abc", head
        assert rcpt["Action"] == "failed" and rcpt["Status"] == "5.1.1", rcpt
        assert rcpt["Final-Recipient"].replace(" ", "") == "rfc822;x@there.example", rcpt
        assert rcpt["Original-Recipient"].replace(" ", "") == "rfc822;alias@there.example", rcpt
        assert rcpt["Remote-MTA"].replace(" ", "") == "dns;[127.0.0.2]", rcpt
        assert rcpt["Diagnostic-Code"].replace("\n", "") == "smtp; 550 5.1.1 nobody here", rcpt
        assert "S: 550 5.1.1 nobody here" in text and "C: RCPT TO:" in text, text
        assert "the secret body" in returned


def check_dsn(content, *options):
    done = subprocess.run([os.path.join(barid.BUILD, "src/baridctl/baridctl"), "check", "dsn",
                           *options, "-"], input=content, capture_output=True)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_read_by_the_tool():
    with World(RCPT="550 5.1.1 nobody here") as world:
        world.send(["ENVID=abc"], ["ORCPT=rfc822;alias@there.example"])
        content = world.notice()[4]
    for form in (content, content.replace(b"\r\n", b"\n")):
        status, text, _ = check_dsn(form, "--json")
        read = json.loads(text)
        assert status == 0 and read["envelope_id"] == "abc" and read["unreadable"] == 0, read
        (rcpt,) = read["recipients"]
        assert rcpt["address"] == "x@there.example" and rcpt["action"] == "failed", rcpt
        assert rcpt["original"] == "alias@there.example" and rcpt["status"] == "5.1.1", rcpt
        assert rcpt["diagnostic"] == "550 5.1.1 nobody here", rcpt
    status, text, _ = check_dsn(content)
    assert status == 0 and "x@there.example: failed (5.1.1)" in text, text
    status, _, error = check_dsn(b"Subject: no notice\n\n")
    assert status == 1 and "no delivery status notification" in error, (status, error)


def test_headers_only():
    with World(RCPT="550 5.1.1 nobody here") as world:
        world.send(["RET=HDRS"])
        _, _, text, returned, _ = world.notice()
        assert "the subject" in returned and "secret body" not in returned + text, returned


def test_local_reason():
    with World(host="tls = required") as world:
        world.send()
        _, (rcpt,), text, _, _ = world.notice()
        assert rcpt["Status"] == "5.7.10" and rcpt["Remote-MTA"] is None, rcpt
        assert not rcpt["Diagnostic-Code"].startswith("smtp"), rcpt


def test_relayed():
    """RFC 3461 section 5.2.2: a host without DSN is where knowledge ends."""
    with World(extensions=without("DSN")) as world:
        world.send([], ["NOTIFY=SUCCESS"])
        _, (rcpt,), _, _, _ = world.notice()
        assert rcpt["Action"] == "relayed" and rcpt["Status"].startswith("2."), rcpt


def test_handed_on():
    """A host with DSN tells of success itself."""
    with World() as world:
        world.send([], ["NOTIFY=SUCCESS"])
        world.nothing_comes()
        assert "NOTIFY=SUCCESS" in world.there.messages[0].recipients[0]


def test_delivered():
    """LMTP is delivery."""
    with World(lmtp=True, host="protocol = lmtp", extensions=without("DSN")) as world:
        world.send([], ["NOTIFY=SUCCESS"])
        _, (rcpt,), _, _, _ = world.notice()
        assert rcpt["Action"] == "delivered", rcpt


def test_long_original_recipient():
    """RFC 6533 section 3: 240 characters beyond ASCII fit as they are, but four times as long
    in escapes they are more than RFC 3461 section 4.2 lets a peer expect."""
    original = "ORCPT=utf-8;" + "\u00fc" * 230 + "@there.example"
    unicode_subject = CONTENT.replace(b"the subject", "S\u00fcjet".encode())
    with World() as world:
        world.send(["SMTPUTF8", "BODY=8BITMIME"], [original], content=unicode_subject)
        world.there.wait(lambda peer: peer.messages)
        line = world.there.messages[0].recipients[0]
        assert original in line, line
    with World() as world:
        world.send(["SMTPUTF8"], [original])
        world.there.wait(lambda peer: peer.messages)
        line = world.there.messages[0].recipients[0]
        assert "ORCPT" not in line, line


def test_alias():
    """The address that the sender knew goes with the message, by its own type (RFC 6533)."""
    aliases = "".join(f"[alias {name}@example.org]\nto = x@there.example\n"
                      for name in ("plain", "k\u00e4se"))
    with World(host=aliases) as world:
        world.send(["SMTPUTF8"], recipients=["plain@example.org"])
        world.send(["SMTPUTF8"], recipients=["k\u00e4se@example.org"])
        world.there.wait(lambda peer: len(peer.messages) == 2)
        lines = sorted(message.recipients[0] for message in world.there.messages)
        assert lines == ["RCPT TO:<x@there.example> ORCPT=rfc822;plain@example.org",
                         r"RCPT TO:<x@there.example> ORCPT=utf-8;k\x{E4}se@example.org"], lines


def test_alias_of_ascii():
    """That the alias is beyond ASCII does not concern the host of its member."""
    alias = "[alias k\u00e4se@example.org]\nto = x@there.example\n"
    with World(host=alias, extensions=without("SMTPUTF8")) as world:
        world.send(["SMTPUTF8"], recipients=["k\u00e4se@example.org"])
        world.there.wait(lambda peer: len(peer.messages) == 1)
        (message,) = world.there.messages
        assert "SMTPUTF8" not in message.mail, message.mail
        assert message.recipients == [
            r"RCPT TO:<x@there.example> ORCPT=utf-8;k\x{E4}se@example.org"], message.recipients


def test_list():
    """Who wants to hear of success hears that the list was expanded, and of failures later."""
    aliases = "[alias list@example.org]\nto = x@there.example, y@there.example\n"
    with World(host=aliases) as world:
        world.send([], ["NOTIFY=SUCCESS,FAILURE"], recipients=["list@example.org"])
        world.there.wait(lambda peer: len(peer.messages) == 1)
        _, rows, text, _, _ = world.notice()
        assert [(row["Action"], row["Status"], row["Final-Recipient"].split(";")[1].strip())
                for row in rows] == [("expanded", "2.0.0", "list@example.org")], rows
        assert "members of these lists" in text, text
        lines = world.there.messages[0].recipients
        assert len(lines) == 2 and all("NOTIFY=FAILURE ORCPT=rfc822;list@example.org" in line
                                       for line in lines), lines
        world.server.wait_queue_empty()
        assert len(world.home.messages) == 1
        queue_id = world.there.messages[0].content.split(b"\r\n id ")[1].split()[0].decode()
        shown = world.server.ctl_raw("explain", queue_id).stdout.decode()
        assert "<list@example.org> delivered, sent on to its members" in shown, shown
    with World(host=aliases, RCPT="550 5.1.1 nobody here") as world:
        world.send([], ["NOTIFY=SUCCESS"], recipients=["list@example.org"])
        _, (row,), _, _, _ = world.notice()
        assert row["Action"] == "expanded", row
        world.server.wait_queue_empty()


def test_not_asked_for():
    with World(extensions=without("DSN")) as world:
        world.send()
        world.nothing_comes()


def test_never():
    with World(RCPT="550 5.1.1 nobody here") as world:
        world.send([], ["NOTIFY=NEVER"])
        world.nothing_comes()


def test_null_sender():
    with World(RCPT="550 5.1.1 nobody here") as world:
        world.send(sender="")
        world.nothing_comes()
        assert "queue.double-bounce" in world.server.read_log()


def test_double_bounce():
    """The notice itself is refused: it is logged and dropped."""
    with World(RCPT="550 5.1.1 nobody here", home={"RCPT": "550 5.1.1 unknown"}) as world:
        world.send()
        world.server.wait_queue_empty()
        assert len([line for line in world.home.lines if line.startswith("MAIL")]) == 1
        assert world.server.read_log().count("queue.double-bounce") == 1
        assert world.server.read_log().count("dsn.queued") == 1


def test_several():
    """One notice for all that failed at the same moment."""
    with World(RCPT=["550 5.1.1 one", None, "550 5.2.1 three"]) as world:
        world.send([], [], recipients=[f"r{n}@there.example" for n in range(3)])
        _, rcpts, text, _, _ = world.notice()
        assert [rcpt["Status"] for rcpt in rcpts] == ["5.1.1", "5.2.1"], rcpts
        assert text.count("What was said") == 1, text
        world.server.wait_queue_empty()
        assert len(world.home.messages) == 1


def test_delay_then_expiry():
    with World(retry="300ms", notify="600ms", expire="2s", RCPT="450 4.2.1 later") as world:
        world.send()
        _, (rcpt,), _, _, _ = world.notice()
        assert rcpt["Action"] == "delayed" and rcpt["Status"] == "4.2.1", rcpt
        assert rcpt["Will-Retry-Until"] is not None
        _, (rcpt,), _, _, _ = world.notice(1)
        assert rcpt["Action"] == "failed" and rcpt["Status"] == "4.2.1", rcpt
        world.server.wait_queue_empty()
        assert len(world.home.messages) == 2
        tries = [line for line in world.there.lines if line.startswith("MAIL")]
        assert 4 <= len(tries) <= 8, len(tries)


def test_delay_not_wanted():
    with World(retry="300ms", notify="400ms", expire="1s", RCPT="450 4.2.1 later") as world:
        world.send([], ["NOTIFY=FAILURE"])
        _, (rcpt,), _, _, _ = world.notice()
        assert rcpt["Action"] == "failed", rcpt


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
