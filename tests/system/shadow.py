#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shadows of settings and a module in shadow mode on real traffic: nothing is treated
differently, and the report says what would have been, also while an older worker drains."""
import os
import signal
import smtplib
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from server import Server
from tap import run_tests

CONTENT = b"Subject: tried\r\n\r\n"
CONFIG = """
[rcpt]
relay = if remote-ip in 127.0.0.0/8 then yes else no
relay.shadow = if sender == "carol@example.com"
  then yes else no
[ehlo]
reject-non-fqdn = no
reject-non-fqdn.shadow = yes
[outbound]
next-hop = local
next-hop.shadow = mx
[module greylist]
enabled = yes
mode = shadow
networks = 192.0.2.1
[store local]
driver = memory
"""


def connect(server, name="client.example.com"):
    client = smtplib.SMTP("127.0.0.1", server.port, local_hostname=name)
    assert client.ehlo()[0] == 250
    return client


def begin(client, sender):
    assert client.mail(sender)[0] == 250
    assert client.rcpt("dave@elsewhere.example")[0] == 250
    assert client.docmd("DATA")[0] == 354


def finish(client):
    """The queue id."""
    client.send(CONTENT + b".\r\n")
    code, text = client.getreply()
    assert code == 250, text
    return text.decode().split()[-1]


def report(server, *options):
    answer = server.ctl("shadow", "report", *options)
    assert "error" not in answer, answer
    return answer


def find_shadow(answer, **wanted):
    found = [each for each in answer["shadows"]
             if all(each.get(key) == value for key, value in wanted.items())]
    assert len(found) == 1, answer["shadows"]
    return found[0]


def find_case(server, case_id, enough, seconds=20):
    """The report's case, once (enough) is true of its differences."""
    end = time.monotonic() + seconds
    while True:
        answer = report(server)
        found = [each for each in answer["cases"] if each["id"] == case_id]
        assert len(found) <= 1, answer["cases"]
        if found and enough(found[0]["differences"]):
            return found[0]
        assert time.monotonic() < end, answer["cases"]
        time.sleep(0.05)


def differs(key, before, after):
    return lambda differences: any(each.get("key") == key and each["from"] == before and
                                   each["to"] == after for each in differences)


def test_settings_and_module():
    with Server(CONFIG) as server:
        with connect(server) as client:
            begin(client, "bob@example.com")
            bob = finish(client)
            begin(client, "carol@example.com")
            carol = finish(client)
        # Routed, and therefore noted, when it is tried.
        case = find_case(server, bob, differs("next-hop", "local", "mx"))
        assert differs("relay", "yes", "no")(case["differences"]), case
        assert any(each["kind"] == "module" and each["source"] == "greylist" and
                   each["to"] == "defer" for each in case["differences"]), case
        assert case["sender"] == "bob@example.com" and case["kind"] == "message", case
        case = find_case(server, carol, differs("next-hop", "local", "mx"))
        assert not any(each.get("key") == "relay" for each in case["differences"]), case
        answer = report(server)
        relay = find_shadow(answer, kind="setting", section="rcpt", key="relay")
        assert (relay["evaluated"], relay["different"]) == (2, 1), relay
        assert relay["changes"] == [{"from": "yes", "to": "no", "count": 1}], relay
        assert relay["file"] == server.config and relay["value"].startswith("if remote-ip"), relay
        greylist = find_shadow(answer, kind="module", name="greylist")
        assert greylist["different"] == 2, greylist
        assert {"where": "rcpt", "from": "continue", "to": "defer",
                "count": 2} in greylist["changes"], greylist
        times = [each["time"] for each in answer["cases"]]
        assert times == sorted(times, reverse=True), times
        assert len(report(server, "--limit", "1")["cases"]) == 1
        assert report(server, "--limit", "1")["truncated"]
        assert report(server, "--since", "2099-01-01T00:00:00Z")["cases"] == []


def test_session_without_a_message():
    with Server(CONFIG) as server:
        connect(server, "nodots").quit()
        end = time.monotonic() + 20
        while not report(server)["cases"]:
            assert time.monotonic() < end
            time.sleep(0.05)
        case = report(server)["cases"][0]
        assert case["kind"] == "session" and case["remote_ip"] == "127.0.0.1", case
        assert differs("reject-non-fqdn", "no", "yes")(case["differences"]), case
        text = server.ctl_raw("shadow", "report").stdout.decode()
        assert "[ehlo] reject-non-fqdn.shadow" in text, text
        assert "1 different" in text and "no -> yes" in text, text
        assert case["id"] in text, text


def test_over_a_reload():
    with Server(CONFIG) as server:
        early = connect(server)
        begin(early, "bob@example.com")
        assert server.ctl_raw("reload").returncode == 0
        with connect(server) as late:
            begin(late, "bob@example.com")
            late_id = finish(late)
        relay = find_shadow(report(server), section="rcpt", key="relay")
        assert (relay["evaluated"], relay["different"]) == (2, 2), relay
        assert relay["changes"] == [{"from": "yes", "to": "no", "count": 2}], relay
        assert find_shadow(report(server), kind="module", name="greylist")["different"] == 2
        early_id = finish(early)
        early.close()
        find_case(server, early_id, differs("relay", "yes", "no"))
        find_case(server, late_id, differs("relay", "yes", "no"))
        # A shadow that was changed is another one.
        with open(server.config, encoding="utf-8") as file:
            text = file.read()
        early = connect(server)
        begin(early, "bob@example.com")
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(text.replace("next-hop.shadow = mx", "next-hop.shadow = local"))
        assert server.ctl_raw("reload").returncode == 0
        shadows = [each["shadow"] for each in report(server)["shadows"]
                   if each.get("key") == "next-hop"]
        assert sorted(shadows) == ["local", "mx"], shadows
        early.close()


def test_over_a_restart():
    """What was counted is kept with what it was counted for, over a stop, and over the end of a
    worker that drained."""
    with Server(CONFIG) as server:
        with connect(server) as client:
            begin(client, "bob@example.com")
            finish(client)
        since = report(server)["counted_since"]
        server.stop()
        server.start()
        relay = find_shadow(report(server), section="rcpt", key="relay")
        assert (relay["evaluated"], relay["different"]) == (1, 1), relay
        assert report(server)["counted_since"] == since
        with connect(server) as client:
            begin(client, "bob@example.com")
            finish(client)
        old = server.worker_pid()
        assert server.ctl_raw("reload").returncode == 0
        end = time.monotonic() + 60
        while os.path.exists(f"/proc/{old}"):
            assert time.monotonic() < end
            time.sleep(0.05)
        relay = find_shadow(report(server), section="rcpt", key="relay")
        assert (relay["evaluated"], relay["different"]) == (2, 2), relay
        assert relay["changes"] == [{"from": "yes", "to": "no", "count": 2}], relay
        assert find_shadow(report(server), kind="module", name="greylist")["different"] == 2
        # Another shadow begins anew; the first one's are there again when it comes back.
        with open(server.config, encoding="utf-8") as file:
            text = file.read()
        for config, count in [(text.replace("carol@example.com", "dora@example.com"), 0),
                              (text, 2)]:
            server.stop()
            with open(server.config, "w", encoding="utf-8") as file:
                file.write(config)
            server.start()
            relay = find_shadow(report(server), section="rcpt", key="relay")
            assert relay["evaluated"] == count, relay
        # A file that is damaged counts nothing, and does no harm.
        server.stop()
        with open(os.path.join(server.state, "shadow-counts.json"), "w", encoding="utf-8") as file:
            file.write('{"shadows":[{"identity":5},{"identity":"setting"},3')
        server.start()
        assert find_shadow(report(server), section="rcpt", key="relay")["evaluated"] == 0


def test_over_a_killed_worker():
    """What was counted some seconds ago is there after the worker's sudden end."""
    with Server(CONFIG) as server:
        with connect(server) as client:
            begin(client, "bob@example.com")
            finish(client)
        path = os.path.join(server.state, "shadow-counts.json")
        end = time.monotonic() + 20  # far from a minute
        while not os.path.exists(path) or "relay" not in open(path, encoding="utf-8").read():
            assert time.monotonic() < end, "the counts are not saved"
            time.sleep(0.05)
        old = server.worker_pid()
        os.kill(old, signal.SIGKILL)
        while server.ctl_raw("status").returncode != 0 or server.worker_pid() == old:
            assert time.monotonic() < end + 20
            time.sleep(0.05)
        relay = find_shadow(report(server), section="rcpt", key="relay")
        assert (relay["evaluated"], relay["different"]) == (1, 1), relay


def test_a_refusal_is_explained_by_its_setting():
    with Server() as server:
        with connect(server) as client:
            client.mail("bob@example.com")
            assert client.rcpt("dave@elsewhere.example")[0] == 550
        end = time.monotonic() + 20
        while True:
            text = server.ctl_raw("explain", "--remote-ip", "127.0.0.1").stdout.decode()
            if "relay-denied" in text:
                break
            assert time.monotonic() < end, text
            time.sleep(0.05)
        assert 'the setting "rcpt relay" decided, which has its default' in text, text
        assert "if the client had authenticated" in text, text


def wait_explained(server, *words, until):
    """What a person is told, once it holds (until)."""
    end = time.monotonic() + 20
    while True:
        text = server.ctl_raw("explain", *words).stdout.decode()
        if until in text:
            return text
        assert time.monotonic() < end, text
        time.sleep(0.05)


def test_a_refusal_is_explained_by_its_module():
    """The module and its page, the rules that it asked, how long it took, and nothing of those that
    let everything pass."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        with Server(f"""[resolver]
servers = 127.0.0.1:{silent.getsockname()[1]}
timeout = 300ms
attempts = 1
tcp-on-error = no
[module spf]
enabled = yes
mail-from = if sender-domain == "example.com" then strict else off
[module dkim]
enabled = yes
[module limit]
enabled = yes
[module dnsbl]
enabled = yes
when = sender == "nobody@example.com"
""") as server:
            with connect(server) as client:
                assert client.mail("bob@example.com")[0] == 451
            text = wait_explained(server, "--sender", "bob@example.com", until="451")
            assert 'the setting "module spf mail-from" gave strict, at ' in text, text
            assert "the module spf decided: barid-spf(5) has its settings" in text, text
            assert "come again later" in text, text
            line = [line for line in text.splitlines() if " spf " in line and "which took" in line]
            assert line and int(line[0].split("which took ")[1].split()[0]) >= 250, text
            assert "spf = example.com cannot be looked up" in text, text
            assert "limit" not in text and "not shown: " in text, text
            # Asked in three stages, not wanted in any: once.
            assert text.count("dnsbl      continue: not-wanted, by the rule at ") == 1, text


def test_whom_a_rule_names_is_not_who_came():
    """A session is found by what it offered, not by the addresses in the rules that refused it."""
    with Server("""[rcpt]
relay = if sender == "carol@example.com" or rcpt == "erin@elsewhere.example" then yes else no
""") as server:
        with connect(server) as client:
            client.mail("bob@example.com")
            assert client.rcpt("dave@elsewhere.example")[0] == 550
        end = time.monotonic() + 20
        while "sessions" not in server.ctl("explain", "--sender", "bob@example.com"):
            assert time.monotonic() < end
            time.sleep(0.05)
        found = server.ctl("explain", "--sender", "bob@", "--recipient", "dave@")["sessions"]
        assert len(found) == 1, found
        rule = found[0]["decisions"][-1]["rules"][0]
        assert rule["setting"] == "rcpt relay" and rule["value"] == "no", rule
        assert [one["held"] for one in rule["conditions"]] == [False], rule
        assert rule["inputs"] == {"sender": "bob@example.com",
                                  "rcpt": "dave@elsewhere.example"}, rule
        for words in [("--sender", "carol@example.com"), ("--recipient", "erin@"),
                      ("--sender", "bob@example.com", "--recipient", "erin@")]:
            assert "error" in server.ctl("explain", *words), words
        text = server.ctl_raw("explain", "--sender", "bob@example.com").stdout.decode()
        assert 'did not hold: sender == "carol@example.com" or rcpt ==' in text, text
        assert "sender = bob@example.com" in text, text


def test_all_steps_under_one_key_are_explained():
    """JSON readers see all signatures, and people, too; named rules say whether they held."""
    with Server("""[rule friends]
condition = sender-domain == "example.com" or sender-domain == "example.net"
[rcpt]
relay = rule "friends" and remote-ip in 127.0.0.0/8
[outbound]
next-hop = "drop"
[host drop]
address = 127.0.0.1:9
[module dkim]
enabled = yes
""") as server:
        with connect(server) as client:
            client.sendmail("bob@example.com", ["dave@elsewhere.example"],
                            "DKIM-Signature: v=1; d=one.example\r\n"
                            "DKIM-Signature: v=1; d=two.example\r\nSubject: x\r\n\r\nx\r\n")
        message = server.ctl("explain", "--sender", "bob@example.com")["messages"][0]
        dkim = [each for each in message["decisions"]
                if "dkim.signature" in each.get("inputs", {})][0]
        domains = [each.split()[0] for each in dkim["inputs"]["dkim.signature"]]
        assert domains == ["one.example", "two.example"], dkim
        rules = [rule for each in message["decisions"] for rule in each.get("rules", [])
                 if rule["setting"] == "rcpt relay"]
        named = rules[0]["named"]
        assert len(named) == 1 and named[0]["name"] == "friends" and named[0]["held"], rules
        assert named[0]["text"].startswith('sender-domain == "example.com" or'), named
        text = server.ctl_raw("explain", message["id"]).stdout.decode()
        assert text.count("dkim.signature = ") == 2, text
        assert '[rule friends] held: sender-domain == "example.com" or' in text, text


def test_a_shadow_without_a_rule_is_refused():
    server = Server("[server]\nthreads.shadow = 2\n")
    done = server.ctl_raw("config", "check", "--config", server.config)
    assert done.returncode == 1, done
    text = done.stdout.decode()
    assert "threads.shadow" in text and "takes no rule" in text, text


def test_settings_are_shown_with_their_shadows():
    with Server(CONFIG) as server:
        shown = server.ctl("config", "show", "rcpt", "relay")["settings"]
        assert len(shown) == 1, shown
        relay = shown[0]
        assert relay["dynamic"] and relay["stage"] == "rcpt" and not relay["is_default"], relay
        assert relay["shadow"].startswith("if sender =="), relay
        assert relay["shadow_line"] == relay["line"] + 1, relay
        assert "rcpt-domain" in relay["variables"] and "mx" not in relay["variables"], relay
        threads = server.ctl("config", "show", "server", "threads")["settings"][0]
        assert not threads["dynamic"] and threads["is_default"] and "shadow" not in threads
        text = server.ctl_raw("config", "show", "rcpt").stdout.decode()
        assert "relay.shadow = if sender" in text and "takes a rule" in text, text
        assert "password" not in text and "[ehlo]" not in text, text
        assert server.ctl_raw("config", "show", "rcpt", "rely").returncode == 1
        # What a reload would change names shadows, too.
        with open(server.config, encoding="utf-8") as file:
            config = file.read()
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(config.replace("next-hop.shadow = mx", "next-hop.shadow = local"))
        changes = server.ctl("config", "diff", "--config", server.config)["changes"]
        assert len(changes) == 1 and changes[0]["key"] == "next-hop", changes
        assert changes[0]["running_shadow"] == "mx", changes
        assert changes[0]["on_disk_shadow"] == "local", changes


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
