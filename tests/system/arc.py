#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ARC against dkimpy, mailauth and rspamd, both ways and mixed: what one seals the others validate, and
what was changed since none of them does. And: failed, full and hostile chains, and what the
server seals."""
import base64
import contextlib
import glob
import json
import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from name_server import NameServer
from rspamd import Rspamd
from server import BUILD, Server
from signers import Mailauth, dkimpy, text64
from tap import run_tests

BARIDCTL = os.path.join(BUILD, "src/baridctl/baridctl")
DOMAIN = "sealer.example"
ID = "mx.sealer.example"
BASE = (b"From: Bob <bob@example.com>\r\nTo: alice@example.org\r\nSubject: hello\r\n"
        b"Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\n"
        b"hello  \r\n\r\nthere\r\n\r\n")

class World:
    def __init__(self, stack):
        self.folder = tempfile.mkdtemp(prefix="barid-arc-")
        stack.callback(shutil.rmtree, self.folder)
        self.keys, self.records = {}, {}
        zone = ""
        for selector, name in (("rsa", "rsa-2048"), ("ed", "ed25519")):
            path = os.path.join(self.folder, selector + ".pem")
            done = subprocess.run(
                [BARIDCTL, "genkey", "dkim", "--algorithm", name, "--selector", selector,
                 "--domain", DOMAIN, "--output", path, "--json"], capture_output=True, check=True)
            made = json.loads(done.stdout)
            self.keys[selector], self.records[made["name"]] = path, made["record"]
            parts = [made["record"][at:at + 250] for at in range(0, len(made["record"]), 250)]
            zone += f"{selector}._domainkey IN TXT " + " ".join(f'"{part}"' for part in parts) + "\n"
        self.names = stack.enter_context(NameServer({DOMAIN: zone, "example.com": ""}))
        self.dns = f"127.0.0.1:{self.names.port}"
        self.mailauth = stack.enter_context(Mailauth())
        self.rspamd = stack.enter_context(
            Rspamd(self.names.port, DOMAIN, {"rsa": self.keys["rsa"]}, "rsa"))

    # --- Barid ---

    def check(self, message):
        done = subprocess.run([BARIDCTL, "check", "arc", "-", "--dns", self.dns, "--json"],
                              input=message, capture_output=True, timeout=60, check=False)
        answer = json.loads(done.stdout)
        assert set(answer) == {"result", "instances", "reason"}, answer
        assert (done.returncode == 0) == (answer["result"] in ("pass", "none")), done
        return answer

    def sign_raw(self, message, selector="rsa", server_id=ID):
        done = subprocess.run(
            [BARIDCTL, "sign", "arc", "--domain", DOMAIN, "--selector", selector, "--key",
             self.keys[selector], "--authserv-id", server_id, "--dns", self.dns, "-"],
            input=message, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done
        assert done.stdout.endswith(message), done.stdout
        return done.stdout

    def seal_barid(self, message):
        return self.sign_raw(message)

    def result_barid(self, message):
        return self.check(message)["result"]

    # --- dkimpy ---

    def find_record(self, name, timeout=5):
        record = self.records.get(name.decode().rstrip("."))
        return None if record is None else record.encode()

    def result_dkimpy(self, message):
        result, _, _ = dkimpy().arc_verify(message, dnsfunc=self.find_record)
        return (result or b"none").decode()

    def seal_dkimpy(self, message):
        with open(self.keys["rsa"], "rb") as file:
            fields = dkimpy().arc_sign(message, b"rsa", DOMAIN.encode(), file.read(), ID.encode())
        assert len(fields) == 3, fields
        return b"".join(fields) + message

    # --- mailauth ---

    def ask_mailauth(self, message, seal):
        return self.mailauth.ask({"arc": text64(message), "records": self.records, "seal": seal})

    def result_mailauth(self, message):
        return self.ask_mailauth(message, None)["result"]

    def seal_mailauth(self, message):
        with open(self.keys["rsa"], encoding="ascii") as file:
            seal = {"signingDomain": DOMAIN, "selector": "rsa", "privateKey": file.read()}
        headers = base64.b64decode(self.ask_mailauth(message, seal)["headers"])
        assert b"ARC-Seal" in headers, headers
        return headers + message

    # --- rspamd ---

    def result_rspamd(self, message):
        return self.rspamd.verify_chain(message)

    def seal_rspamd(self, message):
        return self.rspamd.seal(message) + message

    def results(self, message):
        return {name: getattr(self, "result_" + name)(message) for name in SEALERS}


SEALERS = ("barid", "dkimpy", "mailauth", "rspamd")


def with_results(message, chain):
    """As a host that has validated the chain hands it to its sealer: with one field of its own."""
    message = re.sub(rb"(?m)^Authentication-Results: " + ID.encode() + rb"(.*\r\n[ \t])*.*\r\n", b"",
                     message)
    return (f"Authentication-Results: {ID}; arc={chain};\r\n spf=pass "
            "smtp.mailfrom=bob@example.com; dmarc=pass header.from=example.com\r\n"
            ).encode() + message


def test_none(world):
    assert world.check(BASE) == {"result": "none", "instances": 0, "reason": None}


def test_chains(world):
    """Each order of two sealers; after each of them all validate."""
    for first in SEALERS:
        message = getattr(world, "seal_" + first)(with_results(BASE, "none"))
        assert set(world.results(message).values()) == {"pass"}, (first, world.results(message))
        for second in SEALERS:
            longer = getattr(world, "seal_" + second)(with_results(message, "pass"))
            results = world.results(longer)
            assert set(results.values()) == {"pass"}, (first, second, results, longer)
            assert world.check(longer)["instances"] == 2
    longer = world.seal_mailauth(with_results(longer, "pass"))
    assert set(world.results(longer).values()) == {"pass"}, longer


def test_ed25519(world):
    message = world.sign_raw(with_results(BASE, "none"), "ed")
    assert world.check(message)["result"] == "pass"
    longer = world.seal_dkimpy(with_results(message, "pass"))
    assert world.check(longer) == {"result": "pass", "instances": 2, "reason": None}


def test_changes(world):
    """Nobody takes what was changed, wherever it was."""
    message = world.seal_dkimpy(with_results(world.sign_raw(with_results(BASE, "none")), "pass"))
    for old, new in ((b"there", b"their"), (b"Subject: hello", b"Subject: hullo"),
                     (b"spf=pass", b"spf=fail"), (b"cv=pass", b"cv=none"), (b"i=1;", b"i=3;"),
                     (b"; s=rsa", b"; s=rsb")):
        at = message.rfind(old) if old != b"spf=pass" else message.rfind(
            old, 0, message.rfind(b"\r\nAuthentication-Results"))
        changed = message[:at] + new + message[at + len(old):]
        results = world.results(changed)
        assert at > 0 and "pass" not in results.values(), (old, results)
    # Trailing blanks and empty lines say nothing in relaxed form.
    assert world.check(message + b"\r\n")["result"] == "pass"


def test_results(world):
    """Fields of the id are merged, others are not; "none" adds nothing."""
    message = (f"Authentication-Results: {ID} 1; none\r\n"
               f"Authentication-Results: {ID}; dkim=pass (2048-bit; key)\r\n"
               "  header.d=example.com\r\nAuthentication-Results: other.example; dmarc=pass\r\n"
               f"Authentication-Results: \"{ID.upper()}\"; spf=fail\r\n").encode() + BASE
    sealed = world.sign_raw(message)
    field = re.search(rb"ARC-Authentication-Results: (.*?)\r\n(?! )", sealed, re.S).group(1)
    assert b" ".join(field.split()) == (b"i=1; " + ID.encode() + b"; dkim=pass (2048-bit; key) "
                                        b"header.d=example.com; spf=fail"), field
    assert set(world.results(sealed).values()) == {"pass"}
    sealed = world.sign_raw(BASE)
    assert f"ARC-Authentication-Results: i=1; {ID}; none".encode() in sealed, sealed


def test_unknown_chain(world):
    """Without arc= the chain is validated before it is sealed."""
    message = world.sign_raw(BASE)
    longer = world.sign_raw(message)
    assert b"cv=pass" in longer and world.check(longer)["instances"] == 2
    assert b"cv=fail" in world.sign_raw(message.replace(b"there", b"their"))


def test_failed(world):
    """A broken chain is sealed once, by itself, and then left alone."""
    message = world.seal_dkimpy(with_results(BASE, "none")).replace(b"there", b"their")
    message = with_results(message, "fail")
    failed = world.sign_raw(message)
    assert b"cv=fail" in failed.split(b"ARC-Message-Signature")[0], failed
    assert world.check(failed)["result"] == "fail"
    assert world.sign_raw(failed) == failed
    assert world.sign_raw(with_results(failed, "pass")) == with_results(failed, "pass")
    # dkimpy seals a failed chain in the same way: over its own set alone.
    theirs = world.seal_dkimpy(message)
    assert world.sign_raw(theirs) == theirs


def test_length(world):
    message = BASE
    for _ in range(50):
        message = world.sign_raw(with_results(message, "none" if message is BASE else "pass"),
                                 "ed")
    start = time.monotonic()
    assert world.check(message) == {"result": "pass", "instances": 50, "reason": None}
    assert time.monotonic() - start < 5
    assert world.sign_raw(with_results(message, "pass")) == with_results(message, "pass")
    more = message.replace(b"i=50;", b"i=51;")
    assert world.check(more)["result"] == "fail"


def test_line_ends(world):
    """A file with LF is sealed as it would be sent, and printed as it came."""
    message = with_results(BASE, "none").replace(b"\r\n", b"\n")
    sealed = world.sign_raw(message)
    assert b"\r" not in sealed and world.check(sealed)["result"] == "pass"
    assert set(world.results(sealed.replace(b"\n", b"\r\n")).values()) == {"pass"}


def test_hostile(world):
    sealed = world.sign_raw(with_results(BASE, "none"))
    for message in (
            b"ARC-Seal: " + b"x=y; " * 20000 + b"\r\n" + BASE,
            b"".join(b"ARC-Seal: i=%d; a=rsa-sha256; b=AA==; cv=pass; d=x.example; s=s\r\n" % n
                     for n in range(200)) + BASE,
            b"ARC-Authentication-Results: i=0; x\r\n" + BASE,
            b"ARC-Message-Signature: i=1; \0\xff\r\n" + sealed,
            b"ARC-Authentication-Results: " + b"(" * 50000 + b"\r\n" + BASE,
            sealed.replace(b"ARC-Seal: i=1;", b"ARC-Seal: i=1; h=From;"),
            sealed.replace(b"ARC-Seal: i=1;", b"ARC-Seal: i=99999999999999999999;"),
            sealed[:sealed.index(b"ARC-Message")] + sealed):
        start = time.monotonic()
        answer = world.check(message)
        assert answer["result"] == "fail" and answer["reason"], answer
        assert time.monotonic() - start < 5


def test_wrong_use(world):
    done = subprocess.run([BARIDCTL, "sign", "arc", "--domain", DOMAIN, "-"], input=BASE,
                          capture_output=True, check=False)
    assert done.returncode == 2, done
    broken = os.path.join(world.folder, "broken.pem")
    with open(broken, "w", encoding="ascii") as file:
        file.write("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    done = subprocess.run([BARIDCTL, "sign", "arc", "--domain", DOMAIN, "--selector", "s", "--key",
                           broken, "--authserv-id", ID, "-", "--json"], input=BASE,
                          capture_output=True, check=False)
    assert done.returncode == 1 and "error" in json.loads(done.stdout), done


def test_silence(world):
    message = world.sign_raw(BASE)
    start = time.monotonic()
    done = subprocess.run([BARIDCTL, "check", "arc", "-", "--dns", "127.0.0.1:1", "--json"],
                          input=message, capture_output=True, timeout=60, check=False)
    assert json.loads(done.stdout)["result"] == "fail" and time.monotonic() - start < 30, done


def test_server(world):
    """The server seals the message as it leaves, with what it has found itself."""
    config = f"""
[resolver]
servers = {world.dns}
[module spf]
enabled = yes
[module authresults]
enabled = yes
[module dkim]
enabled = yes
sign = own
[signature own]
domain = {DOMAIN}
selector = rsa
key-file = {world.keys["rsa"]}
[module arc]
enabled = yes
seal = yes
domain = {DOMAIN}
selector = ed
key-file = {world.keys["ed"]}
"""
    with Server(config) as server:
        for message, instances in ((BASE, 1), (world.sign_raw(BASE), 2)):
            forged = b"Authentication-Results: mx.example.org; dmarc=pass\r\n" + message
            with smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client:
                client.sendmail("bob@example.com", ["alice@example.org"], forged)
            found = wait_for_file(server)
            with open(found, "rb") as file:
                stored = file.read()
            os.unlink(found)
            assert world.check(stored) == {"result": "pass", "instances": instances,
                                           "reason": None}, stored
            assert b"dmarc=pass" not in stored, stored
            results = stored[stored.index(b"ARC-Authentication-Results"):]
            assert b"mx.example.org; spf=none" in b" ".join(results.split()), stored
            # What the server signed for DKIM is part of what was sealed.
            assert b"DKIM-Signature" in stored and b"DKIM-Signature" in re.search(
                rb"ARC-Message-Signature:.*?bh=", stored, re.S).group(0), stored


def wait_for_file(server, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = glob.glob(os.path.join(server.state, "**/new/*"), recursive=True)
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError("nothing was delivered: " + server.read_log())


def main():
    with contextlib.ExitStack() as stack:
        world = World(stack)
        return run_tests(globals(), lambda test: test(world))


if __name__ == "__main__":
    sys.exit(main())
