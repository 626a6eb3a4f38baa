#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a replay finds around the messages: copies of stores, what is given to it, the answers of
name servers that were recorded, a real name server; and what it says where nothing is known."""
import hashlib
import json
import os
import smtplib
import socket
import sqlite3
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from name_server import NameServer
from server import Server
from tap import run_tests

SQLITE = """
[module sqlite]
enabled = yes
[store local]
driver = sqlite
path = local.sqlite
"""
GREYLIST = """
[module greylist]
enabled = yes
networks = 0.0.0.0/32
delay = 1s
store = {store}
"""
# A name server and the rule that asks it; "sender-domain" is what it is asked for.
NAMES = """
[resolver]
servers = 127.0.0.1:{port}
local-names = localhost, invalid
[rcpt]
relay = if sender-domain in dns "allow.example" then yes else no
[outbound]
next-hop = hole
[host hole]
address = 127.0.0.1:9
"""
ZONES = {"example": "good.test.allow A 127.0.0.2\nother.deny A 127.0.0.3\n"
                    "spf TXT \"v=spf1 ip4:192.0.2.1 -all\"\nmany MX 10 mx1\nmany MX 20 mx2\n"}


def offer(server, sender, rcpt, helo="client.example.com"):
    """The reply to RCPT, or to what follows."""
    with smtplib.SMTP("127.0.0.1", server.port, local_hostname=helo) as smtp:
        try:
            smtp.sendmail(sender, [rcpt], "Subject: traffic\r\n\r\ntext\r\n")
        except smtplib.SMTPRecipientsRefused as error:
            return error.recipients[rcpt][0]
        return 250


def wait_recorded(server, count):
    """Until so many messages and sessions that were refused are told."""
    end = time.monotonic() + 20
    while True:
        told = server.ctl("explain", "--since", "1h")
        if sum(len(told.get(key, [])) for key in ("messages", "history", "sessions")) >= count:
            return
        assert time.monotonic() < end, told
        time.sleep(0.05)


def write(server, name, text):
    path = os.path.join(server.folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def other(server, before="", after="", more=""):
    """The server's configuration with (after) instead of (before), and (more)."""
    with open(server.config, encoding="utf-8") as file:
        text = file.read()
    assert before in text
    return write(server, "other/barid.conf", text.replace(before, after, 1) + more)


def replay_raw(server, config, *words):
    return server.ctl_raw("replay", "--config", config, "--base", server.config, "--since", "1h",
                          *words)


def replay(server, config, *words):
    done = replay_raw(server, config, "--json", *words)
    assert done.returncode in (0, 1), done.stderr
    answer = json.loads(done.stdout)
    assert "error" not in answer, answer
    return answer


def files_below(folder):
    """Names, and digests of what is in them."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            if "sqlite" in name:
                with open(os.path.join(path, name), "rb") as file:
                    found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


def test_stores_hold_what_they_hold():
    """Whom greylisting knows it knows in a replay, and the store is not touched."""
    with Server(SQLITE + GREYLIST.format(store="local")) as server:
        assert offer(server, "bob@example.com", "alice@example.org") == 451
        time.sleep(1.1)  # the delay of the module, of its own clock
        assert offer(server, "bob@example.com", "alice@example.org") == 250
        assert offer(server, "new@example.com", "alice@example.org") == 451
        wait_recorded(server, 3)
        before = files_below(server.state)
        assert {"local.sqlite", "local.sqlite-wal"} <= set(before), before
        answer = replay(server, other(server, "[module greylist]\nenabled = yes",
                                      "[module greylist]\nenabled = no"))
        assert files_below(server.state) == before
        assert answer["compared"] == 3, answer
        # Two were put off when they came first; the message that came in is let in again.
        assert answer["changed"] == 2, answer
        assert all(each["before"]["reply"].startswith("451") and
                   each["after"]["stage"] == "message" for each in answer["changes"]), answer
        assert answer["before"]["stores"] == [{"name": "local", "contents": "copied"}], answer
        assert answer["after"]["stores"] == [], answer
        # Of a server that has ended, too, whose file nobody has open: there is nothing to ask.
        text = replay_raw(server, other(server)).stdout.decode()
        assert "began empty" not in text, text


def test_stores_that_nobody_sees():
    """What is in the memory of the server alone, and a file that is no database, are told."""
    with Server(GREYLIST.format(store="memory")) as server:
        assert offer(server, "bob@example.com", "alice@example.org") == 451
        wait_recorded(server, 1)
        config = other(server)
        answer = replay(server, config)
        assert answer["changed"] == 0, answer
        assert answer["before"]["stores"] == [{"name": "memory", "contents": "empty"}], answer
        text = replay_raw(server, config).stdout.decode()
        assert text.count("The store memory began empty") == 1, text
        broken = write(server, "broken.sqlite", "This is no database, but some text of a kind.")
        config = other(server, "store = memory", "store = broken", f"""
[module sqlite]
enabled = yes
[store broken]
driver = sqlite
path = {broken}
""")
        answer = replay(server, config)
        store = answer["after"]["stores"][0]
        assert store["contents"] == "failed" and broken in store["error"], answer
        text = replay_raw(server, config).stdout.decode()
        assert "The store broken began empty, for it could not be copied" in text, text
        assert "With the other configuration:" in text, text


def test_stores_that_are_given():
    with Server(SQLITE) as server:
        assert offer(server, "bob@example.com", "carol@elsewhere.example") == 550
        wait_recorded(server, 1)
        config = other(server, more='\n[rcpt]\nrelay = if sender in store "friends" then yes '
                       'else no\n[store friends]\ndriver = memory\n')
        assert replay(server, config)["changed"] == 0
        given = write(server, "friends", "store friends:\n    bob@example.com since yesterday\n")
        answer = replay(server, config, "--stores", given)
        assert answer["changed"] == 1, answer
        assert answer["changes"][0]["after"]["stage"] == "message", answer
        for text, told in [("store foes:\n    bob@example.com\n", "no [store foes]"),
                           ("store friends:\n    a\nmail-from: a@b.example\n", ":3: ")]:
            done = replay_raw(server, config, "--stores", write(server, "wrong", text))
            assert done.returncode == 1 and told in done.stderr.decode(), done


def test_recorded_answers():
    """What a rule was told at the time holds, be it "absent"; what it was not is told."""
    with NameServer(ZONES) as names:
        with Server(NAMES.format(port=names.port)) as server:
            assert offer(server, "a@good.test", "b@elsewhere.example") == 250
            assert offer(server, "a@bad.test", "b@elsewhere.example") == 550
            wait_recorded(server, 2)
            config = other(server)
            answer = replay(server, config)
            assert (answer["compared"], answer["changed"]) == (2, 0), answer
            for side in ("before", "after"):
                assert (answer[side]["lookups"], answer[side]["unanswered"]) == (2, 0), answer
            # The rule of another configuration asks what nobody has asked before.
            config = other(server, "allow.example", "deny.example")
            answer = replay(server, config)
            assert answer["after"]["unanswered_names"] == ["bad.test.deny.example A",
                                                           "good.test.deny.example A"], answer
            change = answer["changes"][0]
            assert change["after"]["unanswered"] == ["good.test.deny.example A"], answer
            assert "unanswered" not in change["before"], answer
            text = replay_raw(server, config).stdout.decode()
            assert "without an answer to: good.test.deny.example A" in text, text
            assert "2 of 2 different look-ups of names had no answer" in text, text


def test_answers_of_modules():
    """What a module was told holds, too."""
    with NameServer(ZONES) as names:
        with Server(NAMES.format(port=names.port) +
                    "[module spf]\nenabled = yes\nmail-from = relaxed\n") as server:
            assert offer(server, "a@spf.example", "alice@example.org", "many.example") == 250
            wait_recorded(server, 1)
            answer = replay(server, other(server, "mail-from = relaxed", "mail-from = strict"))
            assert answer["after"]["lookups"] > 0 and answer["after"]["unanswered"] == 0, answer
            assert "SPF fail" in answer["changes"][0]["after"]["reply"], answer


def test_a_name_server_is_asked():
    with NameServer(ZONES) as names:
        with Server(NAMES.format(port=names.port)) as server:
            assert offer(server, "a@good.test", "b@elsewhere.example") == 250
            assert offer(server, "a@spf.example", "alice@example.org") == 250
            assert offer(server, "a@many.example", "alice@example.org") == 250
            wait_recorded(server, 3)
            dns = ("--dns", f"127.0.0.1:{names.port}")
            config = other(server, more="""
[module spf]
enabled = yes
mail-from = strict
[data]
max-size = if dns-exists(sender-domain, "MX") then 1 else 50M
""")
            blind = replay(server, config)
            assert blind["after"]["unanswered"] > 0, blind
            answer = replay(server, config, *dns)
            # It knows the zone "example" alone, and refuses to speak about others.
            assert answer["after"]["unanswered_names"] == [
                "client.example.com TXT", "good.test MX", "good.test TXT"], answer
            after = {each["sender"]: each["after"] for each in answer["changes"]}
            assert after["a@spf.example"]["reply"].startswith("550 5.7"), answer
            assert after["a@many.example"]["reply"].startswith("552"), answer
            # Without it, the module finds no policy, which is told with the difference.
            blind_after = {each["sender"]: each["after"] for each in blind["changes"]}
            assert "SPF none" in blind_after["a@spf.example"]["reply"], blind
            assert "spf.example TXT" in blind_after["a@spf.example"]["unanswered"], blind
            wrong = replay_raw(server, config, "--dns", "nowhere")
            assert wrong.returncode == 1 and b"127.0.0.1:53" in wrong.stderr, wrong


def test_a_silent_name_server_holds_nothing_up():
    with NameServer(ZONES) as names:
        with Server(NAMES.format(port=names.port)) as server:
            for number in range(12):
                offer(server, f"a@s{number}.example", "b@elsewhere.example")
            wait_recorded(server, 12)
            config = other(server, "allow.example", "deny.example")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
                silent.bind(("127.0.0.1", 0))
                began = time.monotonic()
                answer = replay(server, config, "--dns", f"127.0.0.1:{silent.getsockname()[1]}")
                assert time.monotonic() - began < 30, "a silent name server was waited for"
            assert answer["after"]["unanswered"] == 12, answer
            # Nobody can tell: that is another reply than "no".
            assert all(each["after"]["reply"].startswith("451") for each in answer["changes"])
            assert answer["changed"] == 12, answer


def test_a_zone_is_given():
    """It holds instead of what was recorded."""
    with NameServer(ZONES) as names:
        with Server(NAMES.format(port=names.port)) as server:
            assert offer(server, "a@good.test", "b@elsewhere.example") == 250
            wait_recorded(server, 1)
            zone = write(server, "zone", "$ORIGIN deny.example.\ngood.test A 127.0.0.2\n")
            config = other(server, "allow.example", "deny.example")
            answer = replay(server, config, "--zone", zone)
            assert answer["changes"][0]["before"]["reply"].startswith("550"), answer
            assert answer["changes"][0]["after"]["stage"] == "message", answer
            assert answer["before"]["unanswered_names"] == ["good.test.allow.example A"], answer
            assert answer["after"]["unanswered"] == 0, answer
            # And a name server for what it does not hold.
            answer = replay(server, config, "--zone", zone, "--dns", f"127.0.0.1:{names.port}")
            assert answer["changed"] == 0, answer
            wrong = replay_raw(server, config, "--zone", write(server, "zone", "a IN MX nothing\n"))
            assert wrong.returncode == 1 and b"line 1" in wrong.stderr, wrong


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
