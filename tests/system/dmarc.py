#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""DMARC with a real name server: what "check dmarc" and "check message" say, broken records and
names, and that the server looks everything up side by side."""
import json
import os
import resource
import smtplib
import subprocess
import sys
import tempfile
import time
from collections import namedtuple

sys.path.insert(0, os.path.dirname(__file__))
from dns_gate import Gate
from name_server import NameServer
from server import BUILD, Server
from tap import run_tests

BARIDCTL = os.path.join(BUILD, "src/baridctl/baridctl")
CLIENT = "192.0.2.7"
KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIHiZxITqKET6lwQnN7LIgMnVK7azgLavhcM8KiZhG13M
-----END PRIVATE KEY-----
"""
KEY_RECORD = "v=DKIM1; k=ed25519; p=Ht9LrLf2MgO9CYF15MwMgEfM5nhCcnjfFYLw9TVj5QU="
LONG = ".".join(f"l{n}" for n in range(48)) + ".example.com"


def strings(text):
    """A text as the strings of one TXT record."""
    return " ".join(f'"{text[at:at + 250]}"' for at in range(0, len(text), 250))


JUNK = "".join(f"x{n}=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; " for n in range(1200))
URIS = "rua=" + ",".join(f"mailto:reports{n}@example.com" for n in range(1800))

ZONE = f"""
@ IN TXT "v=spf1 ip4:{CLIENT} -all"
news IN TXT "v=spf1 ip4:{CLIENT} -all"
news IN A {CLIENT}
_dmarc IN TXT "v=DMARC1; p=quarantine; sp=reject; np=none"
s._domainkey IN TXT "{KEY_RECORD}"
_dmarc.test IN TXT "v=DMARC1; p=reject; t=y"
_dmarc.bad IN TXT "v=DMARC1; p=rejekt"
_dmarc.loop IN CNAME _dmarc.loop2
_dmarc.loop2 IN CNAME _dmarc.loop
_dmarc.alias IN CNAME target.records
target.records IN TXT "v=DMARC1; p=reject"
_dmarc.junk IN TXT {strings("v=DMARC1; " + JUNK + "p=reject")}
_dmarc.uris IN TXT {strings("v=DMARC1; p=reject; " + URIS)}
_dmarc.many IN TXT "v=DMARC1; p=reject"
""" + "".join(f'_dmarc.many IN TXT "v=DMARC1; p=none; x={n}"\n' for n in range(300)) + "".join(
    f'_dmarc.huge IN TXT {strings("v=DMARC1; p=reject; x=" + letter * 40000)}\n'
    for letter in "abc") + r"""
_dmarc.binary IN TXT "v=DMARC1; p=reject; x=\000\255\007; rua=mailto:a\000b@example.com"
"""

REVERSE = "7 IN PTR news.example.com.\n7 IN PTR other.example.com.\n"

Row = namedtuple("Row", "author sender result policy disposition")
ROWS = [
    Row("example.com", "example.com", "pass", "quarantine", "none"),
    Row("news.example.com", "example.com", "pass", "reject", "none"),
    Row("example.com", "news.example.com", "pass", "quarantine", "none"),
    Row("example.com", "stranger.example", "fail", "quarantine", "quarantine"),
    Row("news.example.com", "stranger.example", "fail", "reject", "reject"),
    Row("nowhere.example.com", "stranger.example", "fail", "none", "none"),
    Row("NEWS.Example.COM", "stranger.example", "fail", "reject", "reject"),
    Row("test.example.com", "stranger.example", "fail", "reject", "quarantine"),
    Row("bad.example.com", "stranger.example", "permerror", None, "none"),
    Row("other.example", "stranger.example", "none", None, "none"),
    Row("alias.example.com", "stranger.example", "fail", "reject", "reject"),
    Row("loop.example.com", "stranger.example", "temperror", None, "none"),
    Row("junk.example.com", "stranger.example", "fail", "reject", "reject"),
    Row("uris.example.com", "stranger.example", "fail", "reject", "reject"),
    # Several records of a name are none: that of the organization applies.
    Row("many.example.com", "stranger.example", "fail", "reject", "reject"),
    # More than a reply can hold.
    Row("huge.example.com", "stranger.example", "temperror", None, "none"),
    Row("binary.example.com", "stranger.example", "fail", "reject", "reject"),
    Row(LONG, "stranger.example", "fail", "none", "none"),
]


def message_of(author):
    return f"From: A <a@{author}>\nSubject: x\n\nbody\n"


def run(*words, text):
    with tempfile.NamedTemporaryFile("w", suffix=".eml") as file:
        file.write(text)
        file.flush()
        return subprocess.run([BARIDCTL, *words, file.name], capture_output=True, text=True,
                              timeout=60, check=False)


def sign(text, domain="example.com"):
    with tempfile.NamedTemporaryFile("w") as key:
        key.write(KEY)
        key.flush()
        done = run("sign", "dkim", "--domain", domain, "--selector", "s", "--key", key.name,
                   text=text)
    assert done.returncode == 0, done
    return done.stdout


def check(verb, port, text, sender="a@stranger.example", *more):
    return run("check", verb, "--ip", CLIENT, "--helo", "mx.stranger.example", "--mail-from",
               sender, "--dns", f"127.0.0.1:{port}", *more, text=text)


def check_json(verb, port, text, sender="a@stranger.example"):
    done = check(verb, port, text, sender, "--json")
    assert done.returncode in (0, 1), done
    found = json.loads(done.stdout)
    result = (found if verb == "dmarc" else found["dmarc"])["result"]
    assert (done.returncode == 0) == (result in ("pass", "none")), done
    return found


def test_rows(names):
    wrong = []
    for row in ROWS:
        start = time.monotonic()
        found = check_json("dmarc", names.port, message_of(row.author), f"a@{row.sender}")
        assert set(found) == {"result", "policy", "disposition", "domain", "spf", "dkim"}, found
        assert found["domain"] == row.author.lower(), found
        if (found["result"], found["policy"], found["disposition"]) != row[2:]:
            wrong.append((row, found))
        if time.monotonic() - start > 15:
            wrong.append((row, "took", time.monotonic() - start))
    assert not wrong, "\n".join(map(str, wrong))


def test_signature(names):
    found = check_json("dmarc", names.port, sign(message_of("news.example.com")))
    assert found["result"] == "pass" and found["spf"]["result"] == "none", found
    assert [entry["result"] for entry in found["dkim"]] == ["pass"], found
    found = check_json("dmarc", names.port, sign(message_of("example.com")).replace("body", "x"))
    assert found["result"] == "fail" and found["dkim"][0]["result"] == "fail", found


def test_message(names):
    found = check_json("message", names.port, sign(message_of("news.example.com")),
                       "a@example.com")
    assert found["dmarc"] == {"result": "pass", "policy": "reject", "disposition": "none",
                              "domain": "news.example.com"}, found
    assert found["iprev"] == {"result": "pass", "name": "news.example.com", "names": [
        "news.example.com", "other.example.com"]}, found
    assert found["spf"]["result"] == "pass" and found["dkim"][0]["result"] == "pass", found
    field = found["authentication_results"]
    assert field.split(";")[0] == "localhost", field
    for part in ("iprev=pass policy.iprev=192.0.2.7", "spf=pass smtp.mailfrom=a@example.com",
                 "dmarc=pass header.from=news.example.com policy.dmarc=reject"):
        assert part in field, field
    done = check("message", names.port, message_of("example.com"), "a@example.com", "--json",
                 "--authserv-id", "mx.example.net")
    assert json.loads(done.stdout)["authentication_results"].startswith("mx.example.net;"), done


def test_explain(names):
    """For a person: what was looked up, what was found, what is done and why."""
    done = check("message", names.port, sign(message_of("news.example.com")), "a@example.com",
                 "--explain")
    assert done.returncode == 0, done
    for part in ("iprev, connect", "_dmarc.example.com: v=DMARC1; p=quarantine", "_dmarc.com: no record",
                 "dmarc.spf example.com: pass, aligned", "dmarc: pass for news.example.com",
                 "dmarc.disposition: none", "v=spf1 ip4"):
        assert part in done.stdout, (part, done.stdout)


def test_authors(names):
    for header in ("From: a@example.com, b@other.example\n", "", "From: x\n",
                   "From: a@example.com\nFrom: b@other.example\n"):
        found = check_json("dmarc", names.port, header + "Subject: x\n\nbody\n")
        assert found["result"] == "none" and found["domain"] is None, (header, found)


def test_forged_fields(names):
    """Thousands of fields with results cost little, and none of ours stays."""
    forged = "".join(f"Authentication-Results: x{n}; none\n" for n in range(9900))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    found = check_json("message", names.port, forged + message_of("example.com"),
                       "a@example.com")
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    assert found["dmarc"]["result"] == "pass" and seconds < 2, (found, seconds)


def test_wrong_use(names):
    done = run("check", "dmarc", text="x")
    assert done.returncode == 2, done
    done = subprocess.run([BARIDCTL, "check", "dmarc", "--ip", CLIENT, "--helo", "x",
                           "--mail-from", "", "/nowhere/x", "--json"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 1 and "error" in json.loads(done.stdout), done


def test_silence(_):
    start = time.monotonic()
    found = check_json("dmarc", 1, message_of("example.com"))
    assert found["result"] == "temperror" and time.monotonic() - start < 30, found


def test_questions(names):
    """Fifty labels cost eight questions, and a stranger's names none."""
    with Gate(names.port) as gate:
        found = check_json("dmarc", gate.port, message_of(LONG), "a@stranger.example")
        assert found["result"] == "fail", found
        policies = [name for name in gate.asked if name.startswith("_dmarc.")]
        assert len(policies) == 8 and len(set(policies)) == 8, policies
        assert "_dmarc.com" in policies and "_dmarc.stranger.example" not in policies, policies


def test_side_by_side(names):
    """Nothing waits for anything else: none of these is answered before all are asked."""
    together = ("_dmarc.news.example.com", "_dmarc.example.com", "_dmarc.com",
                "s._domainkey.example.com")
    with Gate(names.port) as gate:
        config = f"""
[resolver]
servers = 127.0.0.1:{gate.port}
[module spf]
enabled = yes
[module dkim]
enabled = yes
verify = strict
[module dmarc]
enabled = yes
verify = strict
"""
        with Server(config) as server:
            gate.hold(*together)
            text = sign(message_of("news.example.com"))
            start = time.monotonic()
            with smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client:
                client.sendmail("a@stranger.example", ["alice@example.org"], text)
            assert set(together) <= set(gate.asked), gate.asked
            assert time.monotonic() - start < 4, "questions waited for each other"


def test_rfc7489(names):
    """The standard before, with a list of public suffixes."""
    folder = tempfile.mkdtemp(prefix="barid-dmarc-")
    os.mkdir(os.path.join(folder, "tests.d"))
    suffixes = os.path.join(folder, "suffixes")
    config = os.path.join(folder, "barid.conf")
    with open(suffixes, "w", encoding="utf-8") as file:
        file.write("// a list\ncom\nco.uk\nuk\n")
    base = f"""
[server]
hostname = mx.example.org
[listener smtp]
address = 127.0.0.1:2525
[domain example.org]
[user alice]
addresses = alice@example.org
[module maildir]
enabled = yes
[module spf]
enabled = yes
[module dmarc]
enabled = yes
verify = strict
method = rfc7489
"""
    script = """\
client: 192.0.2.7
dns:
    _dmarc.example.co.uk TXT "v=DMARC1; p=reject; np=none; t=y"
    _dmarc.mail.example.co.uk TXT "v=DMARC1; sp=reject"
    _dmarc.uk TXT "v=DMARC1; p=reject; psd=y"
    _dmarc.sampled.com TXT "v=DMARC1; p=reject; pct=0"
    bounces.example.co.uk TXT "v=spf1 ip4:192.0.2.7 -all"
"""
    for author, sender, expected in (
            ("a.b.example.co.uk", "stranger.com", "S: 550 5.7.1"),
            ("a.example.co.uk", "bounces.example.co.uk", "finding: dmarc = pass"),
            ("mail.example.co.uk", "stranger.com", "finding: dmarc = permerror"),
            ("other.co.uk", "stranger.com", "finding: dmarc = none"),
            ("sampled.com", "stranger.com",
             "finding: dmarc.disposition = quarantine\nfinding: dmarc.override = sampled_out")):
        script += (f"mail-from: a@{sender}\nrcpt-to: alice@example.org\nmessage:\n"
                   f"    From: a@{author}\n\n    body\n{expected}\n")
    with open(os.path.join(folder, "tests.d/rfc7489.dialogue"), "w", encoding="utf-8") as file:
        file.write(script)
    for line, status, part in ((f"public-suffixes = {suffixes}\n", 0, "ok 1"),
                               ("", 1, "needs the list"),
                               ("public-suffixes = /dev/null\n", 1, "no rule")):
        with open(config, "w", encoding="utf-8") as file:
            file.write(base + line)
        done = subprocess.run([BARIDCTL, "test", "--config", config], capture_output=True,
                              text=True, timeout=60, check=False)
        assert done.returncode == status and part in done.stdout + done.stderr, done


def main():
    with NameServer({"example.com": ZONE, "com": "", "example": "",
                     "2.0.192.in-addr.arpa": REVERSE}) as names:
        return run_tests(globals(), lambda test: test(names))


if __name__ == "__main__":
    sys.exit(main())
