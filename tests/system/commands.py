#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands that modules add: their options reach the module, checked, and the answer comes
as JSON or for people."""
import json
import os
import smtplib
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from server import Server
from tap import run_tests

CONFIG = """
[store local]
driver = memory
[module greylist]
enabled = yes
networks = 192.0.2.1
delay = 1ms
[module limit]
enabled = yes
[limit all]
rate = 1000/1h
"""
TRIPLET = ["--ip", "127.0.0.1", "--sender", "bob@example.com", "--recipient", "alice@example.org"]


def offer(server):
    """The code for a recipient of a new session, after the delay of 1 ms has passed."""
    time.sleep(0.005)
    with smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com") as smtp:
        smtp.ehlo()
        smtp.mail("bob@example.com")
        return smtp.rcpt("alice@example.org")[0]


def run(server, *words):
    result = server.ctl_raw(*words)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def test_options_of_a_module():
    with Server(extra=CONFIG) as server:
        assert offer(server) == 451
        assert offer(server) == 250
        status, out, _ = run(server, "greylist", "forget", *TRIPLET)
        assert (status, out) == (0, "It is forgotten: the next mail waits again.\n"), out
        assert offer(server) == 451
        # Options may stand anywhere, and with an equals sign.
        status, out, _ = run(server, "--json", "--sender=bob@example.com", "greylist", "--ip",
                             "127.0.0.99", "forget", "--recipient", "alice@example.org")
        assert status == 0 and json.loads(out) == {"network": "127.0.0.0/24", "known": True}, out
        status, out, _ = run(server, "greylist", "forget", *TRIPLET, "--store", "memory")
        assert (status, out) == (0, "It was not known.\n"), out


def test_config_diff():
    with Server(extra=CONFIG + "[limit some]\nrate = 5/1h\n") as server:
        config = ["config", "diff", "--config", server.config]
        assert run(server, *config)[:2] == (0, "The server runs what the files say.\n")
        with open(server.config, encoding="utf-8") as file:
            text = file.read()
        text = text.replace("rate = 1000/1h", "rate = 999/1h").replace("[limit some]\nrate = 5/1h\n", "")
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(text + "[smuggled\n")
        status, out, _ = run(server, *config)
        assert status == 1 and "barid.conf:" in out and "- 1000/1h" not in out, out
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(text)
        status, out, _ = run(server, *config, "--json")
        changes = json.loads(out)["changes"]
        assert status == 1 and changes[0]["section"] == "limit all", changes
        assert changes[0]["running"] == "1000/1h" and changes[0]["on_disk"] == "999/1h", changes
        assert changes[0]["file"] == server.config and changes[0]["line"] > 0, changes
        assert all(change["section"] == "limit some" and change["on_disk"] is None
                   for change in changes[1:]) and len(changes) > 1, changes
        status, out, _ = run(server, *config)
        assert status == 1 and "  - 1000/1h\n  + 999/1h\n" in out, out
        assert run(server, "reload")[0] == 0
        assert run(server, *config)[0] == 0
        server.stop()
        assert run(server, *config)[0] == 3


def test_config_show_without_a_server():
    """The settings on disk where no server runs; the running server's where one does."""
    server = Server(extra=CONFIG)
    status, out, error = run(server, "config", "show", "--config", server.config, "--changed")
    assert status == 0 and "delay" in out and "[ehlo]" not in out and error == "", (out, error)
    for words, has_changed, has_default in [([], True, True), (["--changed"], True, False),
                                            (["--defaults"], False, True)]:
        words = ["config", "show", "--config", server.config, "--json", *words]
        settings = json.loads(run(server, *words)[1])["settings"]
        kinds = {each["is_default"] for each in settings}
        assert (False in kinds) == has_changed and (True in kinds) == has_default, (words, kinds)
    # Without a file: what a server would start with, and that it is not what one runs.
    for words in [[], ["--defaults"], ["rcpt", "relay"]]:
        status, out, error = run(server, "config", "show", *words)
        assert status == 0 and "relay" in out, (words, status, out)
        assert error == "baridctl: no server is running: these are the settings on disk\n", error
    status, out, error = run(server, "config", "show", "--json", "--changed")
    assert status == 0 and "settings" in json.loads(out) and error == "", (status, error)
    assert run(server, "config", "show", "rcpt", "rely")[0] == 1
    # Who names a socket wants the server behind it.
    nowhere = os.path.join(server.folder, "nowhere")
    status, _, error = run(server, "config", "show", "--socket", nowhere)
    assert status == 3 and "no server answers" in error, (status, error)
    with server:
        status, out, error = run(server, "config", "show", "module greylist", "delay")
        assert status == 0 and "1ms" in out and error == "", (status, out, error)


def test_wrong_use():
    with Server(extra=CONFIG) as server:
        for words, wanted in [
                (["greylist", "forget"], "are needed"),
                (["greylist", "forget", *TRIPLET, "extra"], "usage: greylist forget"),
                (["greylist", "forget", "--ip"], "--ip needs a value"),
                (["greylist", "forget", "--nowhere", "x"], "there is no option --nowhere"),
                (["greylist", "forget", "--limit", "5"], "has no option --limit"),
                (["limits", "--limit", "many"], "--limit needs a NUMBER"),
                (["limits", "--limit", "0"], "from 1 to"),
                (["greylist", "forgte"], "there is no verb")]:
            status, _, error = run(server, *words)
            assert status == 2 and wanted in error, (words, status, error)
        status, _, error = run(server, "greylist", "forget", *TRIPLET, "--store", "nowhere")
        assert status == 1 and "there is no [store nowhere]" in error, (status, error)


def test_slips():
    """Of verbs and files that need no server, nothing is said about one."""
    for words, status, wanted in [
            (["check", "dkmi", "x"], 2, "there is no verb \"check dkmi\"; did you mean \"check dkim\"?"),
            (["check", "zzzzzzzz"], 2, "\"baridctl --help check\" lists"),
            (["sign"], 2, "there is no verb \"sign\""),
            (["check", "dkim", "/nowhere/at/all"], 1, "/nowhere/at/all: No such file"),
            (["check", "dsn", "/nowhere/at/all"], 1, "/nowhere/at/all: No such file")]:
        done = subprocess.run([os.path.join(barid.BUILD, "src/baridctl/baridctl"), *words],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == status and wanted in done.stderr, (words, done)
    done = subprocess.run([os.path.join(barid.BUILD, "src/baridctl/baridctl"), "--help"],
                          capture_output=True, text=True, timeout=60)
    assert "\n  sendmail [OPTION ...]" in done.stdout, done


def test_list():
    with Server(extra=CONFIG) as server:
        commands = {each["name"]: each for each in server.ctl("commands")["commands"]}
        assert set(commands) == {"greylist forget", "limits"}, commands
        assert commands["limits"]["options"] == [
            {"name": "limit", "value": "NUMBER", "summary": "show at most so many"}]
        status, out, _ = run(server, "commands")
        assert status == 0 and "--store TEXT" in out, out
        offer(server)
        assert len(server.ctl("limits", "--limit", "1")["result"]) == 1


def test_hooks_are_counted_apart():
    """A module may have two at one stage: who finds out, and who judges."""
    with Server("[module spf]\nenabled = yes\n") as server:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client:
            client.ehlo("[127.0.0.1]")
            client.mail("")
            client.mail("")
        spf = next(each for each in server.ctl("modules")["modules"] if each["name"] == "spf")
        calls = {(hook["stage"], hook["phase"]): hook["calls"] for hook in spf["hooks"]}
        assert calls == {("ehlo", "identify"): 1, ("ehlo", "authorise"): 1,
                         ("mail", "identify"): 1, ("mail", "authorise"): 1}, calls


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
