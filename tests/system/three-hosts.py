#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mail between hosts with addresses and links of their own, all on port 25: the Internet's
side with a name server and a sender, Barid as a relay, and a site with two mail servers, of
which the first is a Barid, too."""
import contextlib
import json
import os
import smtplib
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
import hosts
from name_server import NameServer, peer_environment
from outbound import wait_tried
from peers import find_peer
from programs import Sink, wait_for
from scripted_peer import ScriptedPeer
from server import Server
from tap import run_tests

NETWORKS = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"]
HOSTS = {
    "internet": ["192.0.2.7", "192.0.2.5", "192.0.2.6", "192.0.2.8", "192.0.2.9", "192.0.2.25",
                 "192.0.2.53", "2001:db8:a::7"],
    "relay": ["198.51.100.10", "198.51.100.11", "2001:db8:b::10", "2001:db8:b::11"],
    "first": ["203.0.113.21", "2001:db8:c::21"],
    "second": ["203.0.113.22", "2001:db8:c::22"],
}


def reverse_v6(address):
    return ".".join(reversed(socket.inet_pton(socket.AF_INET6, address).hex()[8:]))


ZONES = {
    "example": """
home IN MX 10 mail.home
mail.home IN A 192.0.2.25
far IN MX 20 second.site
far IN MX 10 first.site
first.site IN A 203.0.113.21
second.site IN A 203.0.113.22
six IN MX 10 dual.site
dual.site IN A 203.0.113.21
dual.site IN AAAA 2001:db8:c::21
half IN MX 10 half.site
half.site IN AAAA 2001:db8:c::22
half.site IN A 203.0.113.22
null IN MX 0 .
loop IN MX 10 mx.example.org.
hidden IN MX 10 other-name
other-name IN A 198.51.100.10
backup IN MX 10 mx.example.org.
backup IN MX 20 first.site
client.sender IN A 192.0.2.7
client.sender IN AAAA 2001:db8:a::7
listed.sender IN A 192.0.2.9
liar.sender IN A 192.0.2.7
stranger IN A 192.0.2.6
out.relay IN A 198.51.100.11
out.relay IN AAAA 2001:db8:b::11
9.2.0.192.bl IN A 127.0.0.2
9.2.0.192.bl IN TXT "see bl.example"
""",
    "example.org": "mx IN A 198.51.100.10\nmx IN AAAA 2001:db8:b::10\n",
    "2.0.192.in-addr.arpa": """
5 IN PTR liar.sender.example.
6 IN PTR stranger.example.
7 IN PTR client.sender.example.
9 IN PTR listed.sender.example.
""",
    "100.51.198.in-addr.arpa": "10 IN PTR mx.example.org.\n11 IN PTR out.relay.example.\n",
    "8.b.d.0.1.0.0.2.ip6.arpa": f"""
{reverse_v6("2001:db8:a::7")} IN PTR client.sender.example.
{reverse_v6("2001:db8:b::11")} IN PTR out.relay.example.
""",
}
COMMON = """
[resolver]
servers = 192.0.2.53:53
[module iprev]
enabled = yes
strict = yes
[listener net]
address = {addresses}
"""
RELAY = """
[module dnsbl]
enabled = yes
[dnsbl bl]
zone = bl.example
quote-text = yes
[rcpt]
relay = if finding.iprev.name ends-with ".sender.example" then yes else no
[queue]
retry = 500ms
[outbound]
source-ipv4 = 198.51.100.11
source-ipv6 = 2001:db8:b::11
address-family = ipv6-then-ipv4
connect-timeout = 5s
connection-idle = 0
"""
SITE = """
[domain six.example]
catch-all = alice@far.example
[outbound]
address-family = ipv4-only
"""
CONTENT = b"Subject: over three hosts\r\n\r\nthe body\r\n.dot\r\n"


def make_server(name, more):
    addresses = ", ".join(f"[{address}]:25" if ":" in address else f"{address}:25"
                          for address in HOSTS[name] if address.endswith(("10", "21")))
    return Server(COMMON.format(addresses=addresses) + more)


def make_site():
    """The same base as the relay's, under other names."""
    server = make_server("first", SITE)
    with open(server.config, encoding="utf-8") as file:
        text = file.read()
    with open(server.config, "w", encoding="utf-8") as file:
        file.write(text.replace("mx.example.org", "first.site.example")
                   .replace("example.org", "far.example"))
    return server


class World:
    def __init__(self, stack):
        self.hosts = {name: hosts.Host(name, addresses, NETWORKS)
                      for name, addresses in HOSTS.items()}
        with self.hosts["internet"].inside():
            stack.enter_context(NameServer(ZONES, "192.0.2.53", 53))
            self.home = stack.enter_context(ScriptedPeer("192.0.2.25", port=25))
        with self.hosts["second"].inside():
            self.second = stack.enter_context(Sink(address="203.0.113.22", port=25))
        with self.hosts["first"].inside():
            self.first = stack.enter_context(make_site())
        with self.hosts["relay"].inside():
            self.relay = stack.enter_context(make_server("relay", RELAY))
        self.n_sent = 0

    def connect(self, source="192.0.2.7", to="198.51.100.10"):
        with self.hosts["internet"].inside():
            client = smtplib.SMTP(to, 25, "helo.example", timeout=30, source_address=(source, 0))
        client.ehlo()
        return client

    def send(self, *recipients, notify="NEVER", **connection):
        """Queue id and ENVID of a message from home.example."""
        self.n_sent += 1
        client = self.connect(**connection)
        envid = f"envid-{self.n_sent}"
        code, text = client.mail("bob@home.example", [f"ENVID={envid}"])
        assert code == 250, text
        for recipient in recipients:
            code, text = client.rcpt(recipient, [f"NOTIFY={notify}"])
            assert code == 250, text
        code, text = client.data(CONTENT)
        assert code == 250, text
        client.quit()
        return text.decode().split()[-1], envid

    def explain(self, queue_id):
        """The recipients, and the transcripts, once the message was tried."""
        told = wait_tried(self.relay, queue_id)
        return told["recipients"], [attempt["transcript"] for attempt in told["attempts"]]

    def at_first(self, queue_id):
        """The message with the relay's queue id as it lies at the site's first server."""
        found = []

        def has_come():
            found[:] = [mail for mail in self.first.mails() if queue_id.encode() in mail
                        and b"multipart/report" not in mail]
            return found
        wait_for(has_come)
        assert len(found) == 1, found
        assert found[0].endswith(CONTENT.replace(b"\r\n", b"\n")), found[0]
        return found[0].decode()

    def at_second(self, queue_id):
        found = [mail.decode() for mail in self.second.mails() if queue_id.encode() in mail]
        assert len(found) == 1, found
        assert "the body\n" in found[0], found[0]
        return found[0]

    def wait_notice(self, envid, word):
        """The notice about (envid) at the sender's home that contains (word)."""
        def find():
            return [message.content for message in list(self.home.messages)
                    if f"\nOriginal-Envelope-Id: {envid}\r\n".encode() in message.content
                    and word in message.content]
        wait_for(find)
        assert len(find()) == 1, find()
        return find()[0].decode()


def test_best_exchanger(world):
    queue_id, _ = world.send("carol@far.example")
    (rcpt,), (transcript,) = world.explain(queue_id)
    assert rcpt["status"] == "delivered", transcript
    world.at_first(queue_id)
    assert "203.0.113.22" not in transcript, transcript


def test_source_address(world):
    """The peer sees the address that was set, and its name leads back."""
    queue_id, _ = world.send("carol@far.example")
    mail = world.at_first(queue_id)
    assert "from mx.example.org (out.relay.example [198.51.100.11])" in mail, mail


def test_ipv6_first(world):
    queue_id, _ = world.send("carol@six.example")
    mail = world.at_first(queue_id)
    assert "(out.relay.example [IPv6:2001:db8:b::11])" in mail, mail


def test_ipv6_then_ipv4(world):
    """Nobody listens at the IPv6 address."""
    queue_id, _ = world.send("carol@half.example")
    (rcpt,), (transcript,) = world.explain(queue_id)
    assert rcpt["status"] == "delivered", transcript
    assert 0 <= transcript.find("[2001:db8:c::22]:25") < transcript.find("203.0.113.22:25"), \
        transcript
    assert "198.51.100.11" in world.at_second(queue_id).partition("Received:")[0]


def test_null_mx(world):
    queue_id, envid = world.send("carol@null.example", notify="FAILURE")
    (rcpt,), _ = world.explain(queue_id)
    assert (rcpt["status"], rcpt["code"]) == ("failed", "5.1.10"), rcpt
    notice = world.wait_notice(envid, b"Action: failed")
    assert "Reporting-MTA: dns; mx.example.org" in notice, notice


def test_loops(world):
    """The best exchanger is the relay itself: by name, and by address under another name."""
    for domain in ("loop.example", "hidden.example", "backup.example"):
        queue_id, envid = world.send(f"carol@{domain}", notify="FAILURE")
        (rcpt,), transcripts = world.explain(queue_id)
        assert (rcpt["status"], rcpt["code"]) == ("failed", "5.4.6"), (domain, rcpt, transcripts)
        world.wait_notice(envid, b"Status: 5.4.6")


def test_iprev(world):
    """Who has no name, or one that does not lead back, is refused; a name decides who may
    relay, and stands in the trace."""
    for source in ("192.0.2.8", "192.0.2.5"):
        code, text = world.connect(source).mail("bob@home.example")
        assert code == 550 and text.startswith(b"5.7.25"), (source, code, text)
    client = world.connect("192.0.2.6")
    assert client.mail("bob@home.example")[0] == 250
    assert client.rcpt("carol@far.example")[0] == 550
    assert client.rcpt("alice@example.org")[0] == 250
    queue_id, _ = world.send("carol@far.example")
    mail = world.at_first(queue_id)
    assert "from helo.example (client.sender.example [192.0.2.7])" in mail, mail


def test_iprev_ipv6(world):
    queue_id, _ = world.send("carol@far.example", source="2001:db8:a::7", to="2001:db8:b::10")
    mail = world.at_first(queue_id)
    assert "(client.sender.example [IPv6:2001:db8:a::7])" in mail, mail


def test_dnsbl(world):
    reply = world.connect("192.0.2.9").mail("bob@home.example")
    assert reply == (554, b"5.7.1 192.0.2.9 is listed by bl.example: see bl.example"), reply
    sessions = world.relay.ctl("explain", "--remote-ip", "192.0.2.9")["sessions"]
    assert "127.0.0.2" in json.dumps(sessions[-1]["decisions"]), sessions


def test_notices_come_home(world):
    """One message to three ends: the site tells of success, the relay of two failures."""
    queue_id, envid = world.send("carol@far.example", "dave@null.example", "erin@loop.example",
                                 notify="SUCCESS,FAILURE")
    success = world.wait_notice(envid, b"Action: delivered")
    assert "Reporting-MTA: dns; first.site.example" in success, success
    assert "Final-Recipient: rfc822; carol@far.example" in success, success
    for recipient, status in (("dave@null.example", "5.1.10"), ("erin@loop.example", "5.4.6")):
        notice = world.wait_notice(envid, f"Final-Recipient: rfc822; {recipient}".encode())
        assert "Reporting-MTA: dns; mx.example.org" in notice, notice
        assert f"Status: {status}" in notice, notice
    world.at_first(queue_id)
    assert all(message.mail.startswith("MAIL FROM:<>") for message in world.home.messages)


def can_connect(world, address):
    with world.hosts["relay"].inside(), socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, 25)) == 0


def test_link_down(world):
    """The first exchanger is cut off: the second gets the mail, until the first is back."""
    world.hosts["first"].unplug()
    try:
        queue_id, _ = world.send("carol@far.example")
        (rcpt,), (transcript,) = world.explain(queue_id)
        assert rcpt["status"] == "delivered", transcript
        assert 0 <= transcript.find("203.0.113.21:25") < transcript.find("203.0.113.22:25"), \
            transcript
        world.at_second(queue_id)
    finally:
        world.hosts["first"].plug_in()
    wait_for(lambda: can_connect(world, "203.0.113.21"))
    queue_id, _ = world.send("carol@far.example")
    world.at_first(queue_id)


def test_both_links_down(world):
    """Then the mail waits, and goes out once there is a way."""
    for name in ("first", "second"):
        world.hosts[name].unplug()
    try:
        queue_id, _ = world.send("carol@far.example")
        (rcpt,), transcripts = world.explain(queue_id)
        assert rcpt["status"] == "pending" and rcpt["code"].startswith("4.4."), rcpt
        assert "203.0.113.21:25" in transcripts[0] and "203.0.113.22:25" in transcripts[0]
    finally:
        for name in ("first", "second"):
            world.hosts[name].plug_in()
    world.relay.wait_queue_empty()
    arrived = sum(queue_id.encode() in mail for mail in world.first.mails()
                  + world.second.mails())
    assert arrived == 1, arrived


def main():
    # These are fetched while there is a network.
    find_peer("nsd", "usr/sbin/nsd")
    find_peer("postfix", "usr/sbin/smtp-sink")
    peer_environment()
    hosts.enter()
    with contextlib.ExitStack() as stack:
        world = World(stack)
        return run_tests(globals(), lambda test: test(world))


if __name__ == "__main__":
    sys.exit(main())
