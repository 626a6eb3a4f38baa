#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mail exchangers by a real name server: preferences, null MX, implicit MX, loops, addresses
of both families, a thousand records; limits, suspension, another route by hand, and what
happens after an attempt that ended in doubt."""
import os
import signal
import smtplib
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from name_server import NameServer
from outbound import make_certificate, wait_tried
from scripted_peer import ALL, CLOSE, ScriptedPeer
from server import Server, free_port
from tap import run_tests

PORT = free_port(address="127.0.0.2")
SILENT = free_port()

ZONE = """
good IN MX 10 mx2
mx1 IN A 127.0.0.3
mx2 IN A 127.0.0.2
dead IN A 127.0.0.4
second IN MX 10 dead
second IN MX 20 mx2
preferred IN MX 20 mx1
preferred IN MX 10 mx2
null IN MX 0 .
nullandmore IN MX 0 .
nullandmore IN MX 10 mx2
implicit IN A 127.0.0.2
txtonly IN TXT "no mail here"
noaddress IN MX 10 txtonly
gone IN MX 10 nowhere
self IN MX 10 self-host
self-host IN A 127.0.0.1
bynameself IN MX 10 mx.example.org.
backup IN MX 10 mx2
backup IN MX 20 mx.example.org.
backup IN MX 30 mx1
behind IN MX 10 mx.example.org.
behind IN MX 20 mx2
equal IN MX 10 mx.example.org.
equal IN MX 10 mx2
loop IN MX 10 loop-host
loop-host IN A 0.0.0.0
mapped IN MX 10 mapped-host
mapped-host IN AAAA ::ffff:127.0.0.2
cname IN CNAME good
both IN MX 10 dual
dual IN AAAA ::1
dual IN A 127.0.0.2
""" + "".join(f"many IN MX {n} h{n}\n" for n in range(1, 1001)) + """
*.long IN MX 10 mx2
s1 IN MX 10 mx1
"""

EXTRA = """
[rcpt]
relay = yes
max-recipients = 5000
[queue]
retry = {retry}
[resolver]
servers = 127.0.0.1:{dns}
[outbound]
port = {port}
allow-loopback = yes
{more}
"""


def send(server, *recipients, sender="", content=b"Subject: r\r\n\r\nbody\r\n", options=()):
    client = smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com")
    client.ehlo()
    assert client.mail(sender)[0] == 250
    for recipient in recipients:
        code, text = client.rcpt(recipient, options)
        assert code == 250, text
    code, text = client.data(content)
    assert code == 250, text
    client.quit()
    return text.decode().split()[-1]


# domain, status, code, text, where it arrives
ROWS = [
    ("good.example", "delivered", "2.0.0", "", 2),
    ("second.example", "delivered", "2.0.0", "", 2),
    ("preferred.example", "delivered", "2.0.0", "", 2),
    ("cname.example", "delivered", "2.0.0", "", 2),
    ("GOOD.Example", "delivered", "2.0.0", "", 2),
    ("[127.0.0.2]", "delivered", "2.0.0", "", 2),
    ("both.example", "delivered", "2.0.0", "", 2),
    ("implicit.example", "delivered", "2.0.0", "", 2),
    ("nullandmore.example", "delivered", "2.0.0", "", 2),
    ("null.example", "failed", "5.1.10", "accepts no mail", None),
    ("nosuch.example", "failed", "5.1.2", "no such domain", None),
    ("x.invalid", "failed", "5.1.2", "no such domain", None),
    ("txtonly.example", "failed", "5.4.4", "no address", None),
    ("noaddress.example", "failed", "5.4.4", "no address", None),
    ("gone.example", "failed", "5.4.4", "no address", None),
    ("self.example", "failed", "5.4.6", "best mail exchanger", None),
    ("bynameself.example", "failed", "5.4.6", "best mail exchanger", None),
    ("behind.example", "failed", "5.4.6", "best mail exchanger", None),
    ("equal.example", "failed", "5.4.6", "best mail exchanger", None),
    ("backup.example", "delivered", "2.0.0", "", 2),
    ("loop.example", "failed", "5.4.4", "no mail is sent", None),
    ("mapped.example", "failed", "5.4.4", "no mail is sent", None),
    ("[127.0.0.1]", "failed", "5.4.6", "this host", None),
    ("[0.0.0.0]", "failed", "5.4.4", "no mail is sent", None),
    ("many.example", "failed", "5.4.4", "no address", None),
]


def test_domains(names):
    with ScriptedPeer(port=PORT) as two, ScriptedPeer(address="127.0.0.3", port=PORT) as one, \
            Server(extra=EXTRA.format(retry="1h", dns=names.port, port=PORT, more="")) as server:
        ids = [send(server, f"x@{row[0]}") for row in ROWS]
        problems = []
        for queue_id, (domain, status, code, text, arrives) in zip(ids, ROWS):
            told = wait_tried(server, queue_id)
            rcpt = told["recipients"][0]
            seen = (rcpt["status"], rcpt["code"], rcpt["text"])
            if seen[:2] != (status, code) or text not in seen[2]:
                problems.append(f"{domain}: {seen}\n{told['attempts'][-1]['transcript']}")
            count = sum(f"<x@{domain}>" in "".join(m.recipients) for m in two.messages)
            if count != (1 if arrives == 2 else 0):
                problems.append(f"{domain}: {count} at the host")
        assert not one.messages, "the less preferred host was asked"
        assert not problems, "\n".join(problems)
        # A thousand records: no more than mx-limit hosts are looked at.
        transcript = wait_tried(server, ids[-1])["attempts"][-1]["transcript"]
        assert transcript.count("there is no address for h") == 5, transcript


def test_silent_names(_names):
    """A name server that does not answer is a temporary matter."""
    with Server(extra=EXTRA.format(retry="1h", dns=SILENT, port=PORT, more="")
                + "[resolver]\ntimeout = 200ms\nattempts = 1\n") as server:
        rcpt = wait_tried(server, send(server, "x@good.example"))["recipients"][0]
        assert (rcpt["status"], rcpt["code"]) == ("pending", "4.4.3"), rcpt


def test_loopback_refused(names):
    with ScriptedPeer(port=PORT) as two, Server(extra=EXTRA.format(
            retry="1h", dns=names.port, port=PORT, more="").replace("allow-loopback = yes", "")) as server:
        rcpt = wait_tried(server, send(server, "x@good.example"))["recipients"][0]
        assert (rcpt["status"], rcpt["code"]) == ("failed", "5.4.4"), rcpt
        assert two.connections == 0


def test_in_doubt(names):
    """The peer that may have the message is asked first, later than usual; it is counted."""
    with ScriptedPeer(port=PORT, extensions=[], END=[CLOSE, None]) as two, \
            ScriptedPeer(address="127.0.0.3", port=PORT) as one, \
            Server(extra=EXTRA.format(retry="400ms", dns=names.port, port=PORT, more="")) as server:
        queue_id = send(server, "x@second.example")
        two.wait(lambda peer: len(peer.messages) == 1)
        server.wait_queue_empty()
        told = [t for t in server.ctl("explain", queue_id)["history"] if t["id"] == queue_id][0]
        first, second = told["attempts"]
        assert first["results"][0]["in_doubt"] is True, first
        assert "127.0.0.4" not in second["transcript"], second["transcript"]
        assert told["recipients"][0]["status"] == "delivered"
        assert not told["recipients"][0].get("in_doubt"), told["recipients"][0]
        assert len(two.seen) == 2 and not one.messages
        counters = str(server.ctl("metrics"))
        assert "delivery.in-doubt" in counters, counters


def test_reuse(names):
    """Messages to one host share a connection; one that went dead meanwhile is replaced."""
    with ScriptedPeer(port=PORT) as two, Server(extra=EXTRA.format(
            retry="1h", dns=names.port, port=PORT,
            more="concurrency = 1\nconnection-idle = 2s\nconnection-reuse = 5\n")) as server:
        for number in range(5):
            send(server, f"x{number}@good.example")
        two.wait(lambda peer: len(peer.messages) == 5)
        assert two.connections == 1, two.connections
        two.wait(lambda peer: "QUIT" in peer.lines)
        send(server, "y@good.example")
        two.wait(lambda peer: len(peer.messages) == 6)
        assert two.connections == 2
        for connection in list(two.open):
            connection.shutdown(2)
        time.sleep(0.1)
        send(server, "z@good.example")
        two.wait(lambda peer: len(peer.messages) == 7)
        server.wait_queue_empty()
        assert len(two.seen) == 7
        lines = list(two.lines)
        two.wait(lambda peer: peer.lines.count("QUIT") == 2)
        assert lines.count("QUIT") < 2, "an idle connection was not kept"


def test_concurrency(names):
    """One destination at its limit does not hold up another."""
    with ScriptedPeer(port=PORT, MAIL=1.0, extensions=[]) as two, \
            ScriptedPeer(address="127.0.0.3", port=PORT) as one, \
            Server(extra=EXTRA.format(retry="1h", dns=names.port, port=PORT,
                                      more="concurrency = 2\nconnection-idle = 0\n")) as server:
        for number in range(6):
            send(server, f"x{number}@good.example")
        send(server, "y@s1.example")
        one.wait(lambda peer: len(peer.messages) == 1, 5)
        assert len(two.messages) == 0, "the other came first"
        rows = {row["destination"]: row for row in
                server.ctl("queue", "destinations")["destinations"]}
        assert rows["good.example"]["active"] == 2, rows
        assert rows["good.example"]["waiting"] == 4, rows
        assert two.connections == 2, two.connections
        two.wait(lambda peer: len(peer.messages) == 6)
        server.wait_queue_empty()
        assert server.ctl("queue", "destinations")["destinations"] == []


def get_destination(server, name):
    rows = {row["destination"]: row for row in
            server.ctl("queue", "destinations")["destinations"]}
    return rows.get(name)


def test_down(names):
    """What cannot be reached is found out once, not by each message; one probe lets all go."""
    with Server(extra=EXTRA.format(retry="1h", dns=names.port, port=PORT, more="") +
                "[queue]\nprobe = 1h\n") as server:
        first = send(server, "a0@good.example")
        wait_tried(server, first)
        row = get_destination(server, "good.example")
        assert row["down"] and "refused" in row["down_reason"], row
        later = [send(server, f"a{number}@good.example") for number in range(1, 21)]
        wait_until(lambda: get_destination(server, "good.example")["waiting"] == 20)
        shown = server.ctl("queue", "show", *later)["messages"]
        assert not any(message["attempts"] for message in shown), shown
        wait = shown[-1]["waits_for"][0]
        assert wait["destination"] == "good.example" and "refused" in wait["down_reason"], wait
        assert wait["next_probe"] == row["next_probe"], (wait, row)
        text = server.ctl_raw("queue", "show", later[0]).stdout.decode()
        assert "which is down" in text and "refused" in text, text
        # Another place is not concerned.
        other = send(server, "x@dead.example")
        wait_tried(server, other)
        # By hand it is probed now: in vain, and then with success.
        assert server.ctl("queue", "retry", later[5])["count"] == 1
        wait_until(lambda: get_destination(server, "good.example")["waiting"] == 19)
        with ScriptedPeer(port=PORT) as two:
            assert server.ctl("queue", "retry", later[6])["count"] == 1
            two.wait(lambda peer: len(peer.messages) == 19)
            wait_until(lambda: get_destination(server, "good.example") is None)


def test_down_is_told(names):
    """Who waits for what is down and was never tried expires with the reason."""
    with Server(extra=EXTRA.format(retry="1h", dns=names.port, port=PORT, more="") +
                "[queue]\nprobe = 1h\nexpire = 3s\n") as server:
        wait_tried(server, send(server, "a0@good.example"))
        later = send(server, "a1@good.example")
        wait_until(lambda: server.ctl("queue", "count")["count"] == 0)
        record = [one for one in server.ctl("explain", later)["history"] if one["id"] == later][0]
        rcpt = record["recipients"][0]
        assert rcpt["status"] == "failed" and rcpt["code"] == "4.4.1", rcpt
        assert "refused" in rcpt["text"] and not record["attempts"], rcpt


def test_rate(names):
    with ScriptedPeer(port=PORT) as two, Server(extra=EXTRA.format(
            retry="1h", dns=names.port, port=PORT, more="rate = 2/1s\n")) as server:
        start = time.monotonic()
        for number in range(4):
            send(server, f"x{number}@good.example")
        two.wait(lambda peer: len(peer.messages) == 4)
        took = time.monotonic() - start
        assert 0.8 < took < 5, took


def test_rate_of_host(_):
    """A smart host with a limit of its own; who goes elsewhere is not concerned."""
    with ScriptedPeer() as slow, ScriptedPeer() as fast, Server(
            "[rcpt]\nrelay = yes\n[outbound]\nnext-hop = ${rcpt-domain}\nrate = 1/1h\n"
            f"[host slow.example]\naddress = {slow.address}:{slow.port}\nrate = 2/1s\n"
            f"[host fast.example]\naddress = {fast.address}:{fast.port}\n") as server:
        start = time.monotonic()
        for number in range(4):
            send(server, f"x{number}@slow.example")
            send(server, f"x{number}@fast.example")
        fast.wait(lambda peer: len(peer.messages) == 4)
        assert len(slow.messages) < 4, "the host got all at once"
        slow.wait(lambda peer: len(peer.messages) == 4)
        took = time.monotonic() - start
        assert 0.8 < took < 5, took


def wait_count(server, count):
    """The peer has a message before the queue has heard so."""
    end = time.monotonic() + 10
    while server.ctl("queue", "count")["count"] != count:
        assert time.monotonic() < end, server.ctl("queue", "list")
        time.sleep(0.02)


def wait_until(what):
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.05)


def test_suspend_and_reroute(names):
    with ScriptedPeer(port=PORT) as two, ScriptedPeer(address="127.0.0.3", port=PORT) as one, \
            Server(extra=EXTRA.format(retry="1h", dns=names.port, port=PORT, more="")
                   + f"[host other]\naddress = 127.0.0.3:{PORT}\n") as server:
        assert server.ctl("suspend", "good.example") == {"destination": "good.example",
                                                         "changed": True}
        assert server.ctl("suspend", "GOOD.example")["changed"] is False
        first = send(server, "a@good.example")
        send(server, "b@good.example")
        send(server, "c@s1.example")
        one.wait(lambda peer: len(peer.messages) == 1)
        assert not two.connections
        wait_count(server, 2)
        assert server.ctl_raw("queue", "reroute", first, "--to", "nobody").returncode != 0
        assert server.ctl("queue", "reroute", first, "--to", "other")["count"] == 1
        one.wait(lambda peer: len(peer.messages) == 2)
        assert not two.connections
        assert server.ctl("resume", "good.example")["changed"] is True
        two.wait(lambda peer: len(peer.messages) == 1)
        assert "<a@good.example>" in one.messages[1].recipients[0]
        server.wait_queue_empty()


def list_suspended(server):
    return [one["destination"] for one in server.ctl("queue", "destinations")["destinations"]
            if one["suspended"]]


def test_suspension_is_kept(names):
    """Over a worker that is killed, a reload, a power cut, and an end; until it is resumed."""
    with ScriptedPeer(port=PORT) as two, \
            Server(extra=EXTRA.format(retry="1h", dns=names.port, port=PORT, more="")) as server:
        def expect_kept():
            assert list_suspended(server) == ["good.example"]
            assert server.ctl("queue", "count")["count"] == 1 and not two.connections

        server.ctl("suspend", "other.example")
        server.ctl("suspend", "good.example")
        server.ctl("resume", "other.example")
        assert server.ctl_raw("suspend", "good.example\nx").returncode != 0
        send(server, "a@good.example")
        expect_kept()
        pid = server.worker_pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: server.ctl_raw("status").returncode == 0
                   and server.worker_pid() != pid)
        wait_until(lambda: not server.ctl("status")["replaying"])
        expect_kept()
        # A session keeps the older worker; what it knows is not told twice.
        with smtplib.SMTP("127.0.0.1", server.port, timeout=60) as client:
            client.ehlo()
            server.ctl("reload")
            wait_until(lambda: server.ctl("queue", "count")["count"] == 1)
            wait_until(lambda: list_suspended(server) == ["good.example"])
            expect_kept()
        pid = server.worker_pid()
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"))
        server.start()
        wait_until(lambda: not server.ctl("status")["replaying"])
        expect_kept()
        server.stop()
        server.start()
        wait_until(lambda: not server.ctl("status")["replaying"])
        expect_kept()
        assert server.ctl("resume", "good.example")["changed"] is True
        two.wait(lambda peer: len(peer.messages) == 1)
        server.wait_queue_empty()
        server.stop()
        server.start()
        assert list_suspended(server) == []


def test_reroute_is_kept(names):
    """The route survives a restart."""
    with ScriptedPeer(address="127.0.0.3", port=PORT) as one:
        server = Server(extra=EXTRA.format(retry="1h", dns=names.port, port=PORT, more="")
                        + f"[host other]\naddress = 127.0.0.3:{PORT}\n")
        with server:
            queue_id = send(server, "a@good.example")
            wait_tried(server, queue_id)
            server.ctl("queue", "hold", queue_id)
            server.ctl("queue", "reroute", queue_id, "--to", "other")
            server.stop()
            server.start()
            server.ctl("queue", "release", queue_id)
            one.wait(lambda peer: len(peer.messages) == 1)


def test_unchecked_connection_is_not_for_others(_):
    """Of two hosts at one address, one asks for a trusted certificate."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(folder, "peer.example", "IP:127.0.0.2")
        with ScriptedPeer(extensions=["STARTTLS"], certificate=certificate) as peer:
            where = f"address = 127.0.0.2:{peer.port}\ntls = required\n"
            extra = ("[server]\nthreads = 1\n[rcpt]\nrelay = yes\n"
                     "[outbound]\nnext-hop = ${rcpt-domain}\n"
                     f"[host any.example]\n{where}certificate-check = never\n"
                     f"[host checked.example]\n{where}certificate-check = always\n")
            with Server(extra) as server:
                with smtplib.SMTP("127.0.0.1", server.port) as client:
                    client.sendmail("bob@example.com", ["a@any.example"], "Subject: 1\r\n\r\n")
                peer.wait(lambda peer: peer.messages)
                with smtplib.SMTP("127.0.0.1", server.port) as client:
                    client.sendmail("bob@example.com", ["a@checked.example"], "Subject: 2\r\n\r\n")
                end = time.monotonic() + 20
                while "4.7.5" not in server.read_log() and time.monotonic() < end:
                    assert len(peer.messages) == 1, "it went over the unchecked connection"
                    time.sleep(0.02)
                assert "4.7.5" in server.read_log(), server.read_log()


def main():
    with NameServer({"example": ZONE}) as names:
        return run_tests(globals(), lambda test: test(names))


if __name__ == "__main__":
    sys.exit(main())
