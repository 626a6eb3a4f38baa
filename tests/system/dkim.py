#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""DKIM against other implementations, both ways: what Barid signs verifies with OpenDKIM, dkimpy,
mailauth and rspamd, and what they sign verifies here, over a corpus of awkward messages, with a
real name server. And: records, names and messages that are made to hurt."""
import base64
import contextlib
import ctypes
import functools
import hashlib
import json
import os
import random
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from name_server import NameServer
from peers import find_peer, multiarch
from rspamd import Rspamd
from server import BUILD, Server
from signers import Mailauth, dkimpy, text64
from tap import run_tests

BARIDCTL = os.path.join(BUILD, "src/baridctl/baridctl")
DOMAIN = "signer.example"
KINDS = {"rsa": "rsa-sha256", "ed": "ed25519-sha256"}
CANONS = ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"]
# OpenDKIM refuses fields that there may be once (RFC 5322 section 3.6), and cuts what is huge.
NOT_FOR_OPENDKIM = ("repeated", "huge header")
# It asks the servers of resolv.conf, at port 53.
OPENDKIM_ADDRESS = "127.53.53.53"

HEADER = (b"From: Bob <bob@signer.example>\r\nTo: alice@example.org\r\nSubject: hello\r\n"
          b"Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@signer.example>\r\n")

CORPUS = {
    "plain": HEADER + b"\r\nhello\r\n",
    "folding": HEADER.replace(b"Subject: hello", b"Subject:  a  \t b\r\n\tc\r\n    d ") +
               b"X-Folded:\r\n a\r\n\r\nhello\r\n",
    "trailing blanks": HEADER + b"\r\na  b \t \r\n \r\n\tc\t\r\n \t\r\n\r\n\r\n",
    "empty body": HEADER + b"\r\n",
    "empty lines": HEADER + b"\r\n\r\n\r\n\r\n",
    "blank lines": HEADER + b"\r\n \r\n\t\r\n",
    "no final newline": HEADER + b"\r\nhello\r\nno end",
    "8-bit": HEADER.replace(b"hello", "Grüße".encode()) + b"\r\n\xff\xfe\x80 \xc3\xbc\r\n",
    "huge header": HEADER + b"References:" +
                   b"".join(b"\r\n <%d.%s@signer.example>" % (n, b"x" * 60) for n in range(1500)) +
                   b"\r\n\r\nhello\r\n",
    "many fields": HEADER + b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(1000)) +
                   b"\r\nhello\r\n",
    "repeated": HEADER + b"To: carol@example.org\r\nCc: a\r\nCc: b\r\nSUBJECT: again\r\nto:\r\n"
                b"\r\nhello\r\n",
    "empty field": HEADER.replace(b" hello", b"") + b"\r\nhello\r\n",
    "long line": HEADER + b"\r\n" + b"x" * 5000 + b"\r\n",
    "dots": HEADER + b"\r\n.\r\n..\r\n.a\r\n",
    "large body": HEADER + b"\r\n" + b"A line of some length that is repeated.  \r\n" * 20000,
}
# What is no mail by RFC 5322: the others change such line ends before they hash, each in its way.
BARE = {
    "bare CR": HEADER + b"\r\na\rb\r\r\nc\r\n",
    "bare CR at the end": HEADER + b"\r\nhello\r",
    "CR in header": HEADER.replace(b"hello", b"a\rb") + b"\r\nhello\r\n",
}


def run(words, message=b"", **more):
    return subprocess.run(words, input=message, capture_output=True, timeout=60, check=False,
                          **more)


def ctl(*words, message=b""):
    return run([BARIDCTL, *words], message)


class World:
    """Keys, their records and a name server with them."""

    def __init__(self, stack):
        self.folder = tempfile.mkdtemp(prefix="barid-dkim-")
        stack.callback(shutil.rmtree, self.folder)
        self.keys, self.records = {}, {}
        zone = ""
        for selector, name in [("rsa", "rsa-2048"), ("ed", "ed25519")]:
            path = os.path.join(self.folder, f"{selector}._domainkey.{DOMAIN}.pem")
            made = json.loads(ctl("genkey", "dkim", "--algorithm", name, "--selector", selector,
                                  "--domain", DOMAIN, "--output", path, "--json").stdout)
            self.keys[selector], self.records[made["name"]] = path, made["record"]
            zone += f"{selector}._domainkey IN TXT {strings(made['record'])}\n"
        self.zones = {DOMAIN: zone, "bad.example": BAD_ZONE}
        self.names = stack.enter_context(NameServer(self.zones))
        self.dns = f"127.0.0.1:{self.names.port}"
        self.stack = stack

    @functools.cached_property
    def rspamd(self):
        return self.stack.enter_context(Rspamd(self.names.port, DOMAIN, self.keys, "rsa"))

    @functools.cache  # several peers get the same
    def sign(self, message, selector, canon, *more):
        done = ctl("sign", "dkim", "--domain", DOMAIN, "--selector", selector, "--key",
                   self.keys[selector], "--canon", canon, *more, "-", message=message)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith(message) and done.stdout.startswith(b"DKIM-Signature: ")
        return done.stdout

    def check(self, message, *more):
        done = ctl("check", "dkim", "-", "--dns", self.dns, "--json", *more, message=message)
        assert done.returncode in (0, 1), done
        answer = json.loads(done.stdout)
        assert set(answer) == {"result", "signatures"}, answer
        assert (done.returncode == 0) == (answer["result"] in ("pass", "none", "neutral")), done
        for one in answer["signatures"]:
            assert set(one) == {"domain", "selector", "algorithm", "result", "reason"}, one
        return answer


def strings(record):
    """Of a TXT record: each has 255 bytes at most."""
    return " ".join('"' + record[at:at + 255] + '"' for at in range(0, len(record), 255))


def cases(corpus, left_out=()):
    """Each message in each form, by one kind of key after the other."""
    return [(name, message, list(KINDS)[(index + form) % 2], canon)
            for index, (name, message) in enumerate(corpus.items()) if name not in left_out
            for form, canon in enumerate(CANONS)]


# --- the others ---

class OpenDkim:
    """opendkim-testmsg where resolv.conf names a server of ours."""

    def __init__(self, folder):
        self.program = find_peer("opendkim-tools", "usr/sbin/opendkim-testmsg")
        self.resolv = os.path.join(folder, "resolv.conf")
        with open(self.resolv, "w", encoding="utf-8") as file:
            file.write(f"nameserver {OPENDKIM_ADDRESS}\noptions attempts:1\n")
        self.library = find_peer("libopendkim11", f"usr/lib/{multiarch()}/libopendkim.so.11")
        self.environment = dict(os.environ, LD_LIBRARY_PATH=os.path.dirname(self.library))

    def run(self, message, *words):
        return run(["unshare", "-m", "sh", "-c", f'mount --bind "{self.resolv}" /etc/resolv.conf'
                    ' && exec "$0" "$@"', self.program, *words], message, env=self.environment)


# --- both ways ---

def test_own(world):
    wrong = []
    for name, message, selector, canon in cases(CORPUS | BARE):
        answer = world.check(world.sign(message, selector, canon))
        one = answer["signatures"][0]
        if answer["result"] != "pass" or (one["domain"], one["selector"], one["algorithm"]) != \
                (DOMAIN, selector, KINDS[selector]):
            wrong.append((name, selector, canon, answer))
    assert not wrong, wrong


def test_dkimpy_verifies(world):
    dkim, wrong = dkimpy(), []
    for name, message, selector, canon in cases(CORPUS):
        signed = world.sign(message, selector, canon)
        if not dkim.verify(signed, dnsfunc=lambda name, timeout=5: world.records.get(
                name.decode().rstrip("."), "").encode()):
            wrong.append((name, selector, canon))
    assert not wrong, wrong


def test_dkimpy_signs(world):
    dkim, wrong = dkimpy(), []
    for name, message, selector, canon in cases(CORPUS):
        with open(world.keys[selector], "rb") as file:
            key = file.read()
        if selector == "ed":  # it takes the seed alone
            key = base64.b64encode(base64.b64decode(b"".join(key.split(b"\n")[1:-2]))[-32:])
        field = dkim.sign(message, selector.encode(), DOMAIN.encode(), key,
                          canonicalize=tuple(canon.encode().split(b"/")),
                          signature_algorithm=KINDS[selector].encode())
        answer = world.check(field + message)
        if answer["result"] != "pass":
            wrong.append((name, selector, canon, answer))
    assert not wrong, wrong


def test_mailauth_verifies(world):
    wrong = []
    with Mailauth() as mailauth:
        for name, message, selector, canon in cases(CORPUS):
            answer = mailauth.ask({"verify": text64(world.sign(message, selector, canon)),
                                   "records": world.records})
            if [one[0] for one in answer] != ["pass"]:
                wrong.append((name, selector, canon, answer))
    assert not wrong, wrong


def test_mailauth_signs(world):
    keys, wrong = {}, []
    for selector, path in world.keys.items():
        with open(path, encoding="ascii") as file:
            keys[selector] = file.read()
    with Mailauth() as mailauth:
        for name, message, selector, canon in cases(CORPUS):
            field = mailauth.ask({"sign": text64(message), "data": {
                "signingDomain": DOMAIN, "selector": selector, "privateKey": keys[selector],
                "canonicalization": canon, "algorithm": KINDS[selector]}})
            answer = world.check(base64.b64decode(field) + message)
            if answer["result"] != "pass":
                wrong.append((name, selector, canon, answer))
    assert not wrong, wrong


def test_opendkim_verifies(world):
    tool, wrong = OpenDkim(world.folder), []
    with NameServer(world.zones, OPENDKIM_ADDRESS, 53):
        for name, message, selector, canon in cases(CORPUS, NOT_FOR_OPENDKIM):
            done = tool.run(world.sign(message, selector, canon))
            if done.returncode != 0:
                wrong.append((name, selector, canon, done.stderr, done.stdout[-200:]))
        # It says no, where it must.
        done = tool.run(world.sign(CORPUS["plain"], "rsa", CANONS[0]) + b"more\r\n")
        assert done.returncode != 0, done
    assert not wrong, wrong


def is_beyond_rspamd(name, canon):
    """Where rspamd is wrong; dkimpy, mailauth and OpenDKIM say so, too.

    It does not take fields of one name from the bottom up (RFC 6376 section 5.4.2), and rejects
    what it has signed itself then. A relaxed body of blank lines is empty, as section 3.4.4 first
    takes the blanks; it hashes one CRLF."""
    return name == "repeated" or (name == "blank lines" and canon.endswith("/relaxed"))


def test_rspamd_verifies(world):
    wrong = []
    for name, message, selector, canon in cases(CORPUS):
        found = world.rspamd.verify(world.sign(message, selector, canon))
        result = "REJECT" if is_beyond_rspamd(name, canon) else "ALLOW"
        if found != [(f"{DOMAIN}:s={selector}", "R_DKIM_" + result)]:
            wrong.append((name, selector, canon, found))
    assert not wrong, wrong
    # Both signatures of one message, of which one may be broken.
    twice = world.sign(world.sign(CORPUS["plain"], "ed", CANONS[3]), "rsa", CANONS[0])
    for message, results in ((twice, ("ALLOW", "ALLOW")),
                             (twice.replace(b"b=", b"b=A", 1), ("ALLOW", "REJECT")),
                             (twice.replace(b"\r\nhello", b"\r\nhullo"), ("REJECT", "REJECT"))):
        found = world.rspamd.verify(message)
        assert found == [(f"{DOMAIN}:s={selector}", "R_DKIM_" + result)
                         for selector, result in zip(("ed", "rsa"), results)], found


def test_rspamd_signs(world):
    """With both keys, always in relaxed form."""
    wrong = []
    for name, message in CORPUS.items():
        signed = b"".join(world.rspamd.sign(message)) + message
        result = "fail" if is_beyond_rspamd(name, CANONS[0]) else "pass"
        answer = world.check(signed)
        if [one["result"] for one in answer["signatures"]] != [result] * len(KINDS):
            wrong.append((name, answer, signed))
    assert not wrong, wrong
    repeated = world.rspamd.sign(CORPUS["repeated"])[0] + CORPUS["repeated"]
    assert world.rspamd.verify(repeated)[0][1] == "R_DKIM_REJECT"
    empty = base64.b64encode(hashlib.sha256(b"\r\n").digest())
    assert b"bh=" + empty in world.rspamd.sign(CORPUS["blank lines"])[0]


class LibOpenDkim:
    """The library of OpenDKIM, whose test program signs with SHA-1 alone."""
    ALGORITHMS = {"rsa": 1, "ed": 2}

    def __init__(self, library):
        self.library = ctypes.CDLL(library)
        for name in ("dkim_init", "dkim_sign"):
            getattr(self.library, name).restype = ctypes.c_void_p
        self.handle = ctypes.c_void_p(self.library.dkim_init(None, None))

    def sign(self, message, selector, key, canon):
        forms = [ctypes.c_int(form == "relaxed") for form in canon.split("/")]
        status, field, length = ctypes.c_int(0), ctypes.c_void_p(), ctypes.c_size_t()
        signer = ctypes.c_void_p(self.library.dkim_sign(
            self.handle, b"test", None, key, selector.encode(), DOMAIN.encode(), *forms,
            ctypes.c_int(self.ALGORITHMS[selector]), ctypes.c_long(-1), ctypes.byref(status)))
        assert signer, status
        results = [self.library.dkim_chunk(signer, message, ctypes.c_size_t(len(message))),
                   self.library.dkim_chunk(signer, None, ctypes.c_size_t(0)),
                   self.library.dkim_eom(signer, None),
                   self.library.dkim_getsighdr_d(signer, ctypes.c_size_t(16), ctypes.byref(field),
                                                 ctypes.byref(length))]
        self.library.dkim_geterror.restype = ctypes.c_char_p
        assert results == [0] * 4, (results, self.library.dkim_geterror(signer), message[:300])
        text = ctypes.string_at(field, length.value)
        self.library.dkim_free(signer)
        return b"DKIM-Signature: " + text + b"\r\n"


def test_opendkim_signs(world):
    tool = OpenDkim(world.folder)
    library, wrong = LibOpenDkim(tool.library), []
    # Nor does it sign what ends within a line.
    for name, message, selector, canon in cases(CORPUS, (*NOT_FOR_OPENDKIM, "no final newline")):
        with open(world.keys[selector], "rb") as file:
            field = library.sign(message, selector, file.read(), canon)
        answer = world.check(field + message)
        # Its Ed25519 signatures over a simple header are broken: dkimpy and mailauth say so, too.
        broken = selector == "ed" and canon.startswith("simple/")
        if answer["result"] != ("fail" if broken else "pass"):
            wrong.append((name, selector, canon, answer, field))
    assert not wrong, wrong
    # SHA-1 is no signature (RFC 8301 section 3.1).
    done = tool.run(CORPUS["plain"], "-C", "-d", DOMAIN, "-s", "rsa", "-k", world.keys["rsa"])
    answer = world.check(done.stdout)
    assert answer["result"] == "policy" and b"a=rsa-sha1" in done.stdout, (answer, done)


# --- through the server ---

SERVER = """
[resolver]
servers = {dns}
[module dkim]
enabled = yes
sign = rsa, ed
[signature rsa]
domain = ${{from-domain}}
selector = rsa
key-folder = {folder}
[signature ed]
domain = ${{from-domain}}
selector = ed
key-folder = {folder}
canonicalization = {canon}
headers = From, To, Cc, Subject, Date, Message-ID, Received, Received-SPF, Authentication-Results
[module authresults]
enabled = yes
received-spf = yes
[module spf]
enabled = yes
[module iprev]
enabled = yes
[module dmarc]
enabled = yes
[module arc]
enabled = yes
seal = yes
domain = signer.example
selector = ed
key-file = {folder}/ed._domainkey.signer.example.pem
[module openssl]
enabled = yes
"""


def test_server(world):
    """What other modules, and the server itself, do to the header before SEAL is signed; the
    Authentication-Results of a second pass tell both signatures."""
    dkim = dkimpy()
    for canon in ("relaxed/relaxed", "simple/simple"):
        messages = {name: message for name, message in CORPUS.items() if name != "long line"}
        # What is forged is cut out, what is missing is added.
        messages["edited"] = (b"Authentication-Results: mx.example.org; dkim=pass\r\n"
                              b"From: bob@signer.example\r\n\r\nhello\r\n")
        with Server(SERVER.format(dns=world.dns, folder=world.folder, canon=canon)) as server:
            with smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example") as smtp:
                for message in messages.values():
                    smtp.sendmail("bob@signer.example", ["alice@example.org"], message,
                                  ["BODY=8BITMIME"])
            server.wait_queue_empty()
            mails = server.mails()
            assert len(mails) == len(messages), len(mails)
            for mail in mails:
                answer = world.check(mail)
                assert [one["result"] for one in answer["signatures"]] == ["pass"] * 2, mail
                assert mail.count(b"Authentication-Results: mx.example.org;") == 1, mail
                for index in (0, 1):
                    assert dkim.DKIM(mail).verify(index, dnsfunc=lambda name, timeout=5:
                                                  world.records[name.decode().rstrip(".")]
                                                  .encode()), mail
            mail = min(mails, key=len)
            with smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example") as smtp:
                smtp.sendmail("bob@signer.example", ["alice@example.org"],
                              mail.replace(b"\n", b"\r\n"))
            server.wait_queue_empty()
            again = (set(server.mails()) - set(mails)).pop()
            # In the field and in what was sealed.
            assert again.count(b"dkim=pass") == 4, again


def random_message(chance):
    """Of fields that our modules and the server add, cut out, sign or leave alone."""
    fields = [b"Authentication-Results: mx.example.org; dkim=pass", b"X-Other: 1",
              b"Authentication-Results: mx.example.org 1;\r\n\tspf=pass (\"forged\")",
              b"AUTHENTICATION-RESULTS: other.example; dkim=fail", b"Received-SPF: pass",
              b"Received: from a.example by b.example;\r\n Tue, 24 Nov 2026 12:00:00 +0000",
              b"Date: Tue, 24 Nov 2026 12:00:00 +0000", b"Message-ID: <1@signer.example>",
              b"To: alice@example.org", b"Subject:  a \t b\r\n\tc", b"Cc:", b"Subject: again"]
    chosen = chance.sample(fields, chance.randrange(len(fields)))
    chosen.insert(chance.randrange(len(chosen) + 1), b"From: Bob <bob@signer.example>")
    lines = [chance.choice((b"", b" ", b"a  b \t", b"\xff\xfe", b".", b"From x", b"-" * 200))
             for _ in range(chance.randrange(12))]
    return b"\r\n".join([*chosen, b"", *lines, b""])


def signed_places(message, selector):
    """Where the bytes are that a signature in simple form covers: of as many fields of each name
    as "h=" has, from the bottom, and of the body without the lines that end it."""
    end = message.index(b"\r\n\r\n") + 2
    fields = list(re.finditer(rb"([^:\r\n]+):(?:\r\n[ \t]|[^\n])*\r\n", message[:end]))
    field = [one.group(0) for one in fields if one.group(1) == b"DKIM-Signature" and
             b"s=" + selector.encode() + b";" in one.group(0)][0]
    names = re.search(rb"[; \t]h=([^;]*)", field).group(1).lower()
    places = list(range(end + 2, len(message.rstrip(b"\r\n"))))
    for name in b"".join(names.split()).split(b":"):
        for index, one in reversed(list(enumerate(fields))):
            if one.group(1).lower() == name:
                places += range(one.start(), one.end())
                del fields[index]
                break
    return places


def test_edits_and_flips(world):
    """Whatever our modules do to a message before it is sealed, what was signed is good; a bit
    that is flipped later is found."""
    chance = random.Random(5)
    messages = [random_message(chance) for _ in range(40)]
    with Server(SERVER.format(dns=world.dns, folder=world.folder, canon="simple/simple")) as server:
        with smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example") as smtp:
            for message in messages:
                smtp.sendmail("bob@signer.example", ["alice@example.org"], message,
                              ["BODY=8BITMIME"])
        server.wait_queue_empty()
        mails = [mail.replace(b"\n", b"\r\n") for mail in server.mails()]
    assert len(mails) == len(messages), len(mails)
    n_flips = 0
    for mail in mails:
        assert b"forged" not in mail and mail.count(b"Results: mx.example.org;") == 1, mail
        answer = world.check(mail)
        assert [one["result"] for one in answer["signatures"]] == ["pass"] * 2, (mail, answer)
        arc = json.loads(ctl("check", "arc", "-", "--dns", world.dns, "--json",
                             message=mail).stdout)
        assert arc["result"] == "pass" and arc["instances"] == 1, (mail, arc)
        for place in chance.sample(signed_places(mail, "ed"), 3):
            bit = place * 8 + chance.randrange(8)
            results = {one["selector"]: one["result"]
                       for one in world.check(flip(mail, bit))["signatures"]}
            assert results.get("ed") != "pass", (place, flip(mail, bit))
            n_flips += 1
    assert n_flips == 3 * len(messages)


def flip(message, bit):
    changed = bytearray(message)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_flipped_bits(world):
    """A sample of them; the unit test flips them all."""
    signed = world.sign(CORPUS["plain"], "ed", "simple/simple")
    start = signed.index(b"\r\nFrom:") + 2
    wrong = []
    for bit in range(start * 8, len(signed) * 8, 97):
        if world.check(flip(signed, bit))["result"] == "pass":
            wrong.append(bit)
    assert not wrong, [(bit, flip(signed, bit)) for bit in wrong]


# --- what is made to hurt ---

BAD_ZONE = (
    "loop1._domainkey IN CNAME loop2._domainkey\nloop2._domainkey IN CNAME loop1._domainkey\n" +
    "".join(f"chain{n}._domainkey IN CNAME chain{n + 1}._domainkey\n" for n in range(40)) +
    "chain40._domainkey IN TXT \"v=DKIM1; p=\"\n"
    "oversized._domainkey IN TXT " + " ".join('"' + "A" * 255 + '"' for _ in range(200)) + "\n"
    "many._domainkey IN TXT \"v=spf1 -all\"\n" +
    "".join(f"many._domainkey IN TXT \"v=DKIM1; p={n}\"\n" for n in range(100)) +
    "empty._domainkey IN TXT \"\"\n"
    "junk._domainkey IN TXT \"\\000\\255;;;=;v=DKIM1\"\n"
    "huge._domainkey IN TXT \"v=DKIM1; p=\" " +
    " ".join('"' + "A" * 252 + '"' for _ in range(150)) + "\n"
)


def forged(selector):
    body_hash = base64.b64encode(hashlib.sha256(b"hello\r\n").digest()).decode()
    return (f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=bad.example; s={selector};"
            f" h=from; bh={body_hash}; b=AAAA\r\n".encode() + CORPUS["plain"])


def test_bad_records(world):
    start = time.monotonic()
    for selector, result in [("loop1", ("permerror", "temperror")),
                             ("chain0", ("permerror", "temperror")),
                             ("oversized", ("permerror",)), ("many", ("permerror",)),
                             ("empty", ("permerror",)), ("junk", ("permerror",)),
                             ("huge", ("permerror",)), ("nowhere", ("permerror",))]:
        answer = world.check(forged(selector))
        assert answer["result"] in result, (selector, answer)
    assert time.monotonic() - start < 40


def test_silence(world):
    start = time.monotonic()
    message = world.sign(CORPUS["plain"], "rsa", CANONS[0])
    done = ctl("check", "dkim", "-", "--dns", "127.0.0.1:1", "--json", message=message)
    answer = json.loads(done.stdout)
    assert done.returncode == 1 and answer["result"] == "temperror", answer
    assert answer["signatures"][0]["result"] == "temperror", answer
    assert time.monotonic() - start < 30


def test_bad_messages(world):
    signed = world.sign(CORPUS["plain"], "ed", CANONS[0])
    field = signed[:signed.index(b"\r\nFrom:") + 2]
    start = time.monotonic()
    rows = [
        (b"", "none", 0),
        (b"\0" * 1000, "none", 0),
        (b"no header at all", "none", 0),
        (field * 200 + CORPUS["plain"], "pass", 200),
        (field.replace(b"v=1;", b"v=1; x=" + b"y" * 100000 + b";") + CORPUS["plain"],
         "neutral", 1),
        (field.replace(b"v=1;", b"v=1;" + b"".join(b" x%d=y;" % n for n in range(20000))) +
         CORPUS["plain"], "neutral", 1),
        (field.replace(b"h=From", b"h=" + b"From:" * 20000 + b"From") + CORPUS["plain"],
         "fail", 1),
        (field.replace(b"d=signer", b"d=sig\0ner") + CORPUS["plain"], "neutral", 1),
        (field.replace(b"d=signer", b"d=sig\xffner") + CORPUS["plain"], "neutral", 1),
        (field.replace(b"b=", b"b=" + b"A" * 100000) + CORPUS["plain"], "neutral", 1),
        (b"DKIM-Signature:\r\n" * 1000 + signed, "pass", 1001),
        (field + b"X: \0\xff\r\n" + CORPUS["plain"], "pass", 1),
        (field + CORPUS["plain"].replace(b"hello\r\nDate", b"hel\0lo\r\nDate"), "fail", 1),
    ]
    for index, (message, result, count) in enumerate(rows):
        answer = world.check(message)
        assert answer["result"] == result, (index, answer["result"], answer["signatures"][:2])
        assert len(answer["signatures"]) == count, (index, len(answer["signatures"]))
    assert time.monotonic() - start < 60


def test_keys(world):
    """Keys in all their forms sign; what is too short, or none, is an error."""
    message = CORPUS["plain"]
    pkcs1 = os.path.join(world.folder, "pkcs1.pem")
    subprocess.run(["openssl", "rsa", "-traditional", "-in", world.keys["rsa"], "-out", pkcs1],
                   check=True, capture_output=True)
    done = ctl("sign", "dkim", "--domain", DOMAIN, "--selector", "rsa", "--key", pkcs1, "-",
               message=message)
    assert world.check(done.stdout)["result"] == "pass", done
    short = os.path.join(world.folder, "short.pem")
    subprocess.run(["openssl", "genrsa", "-out", short, "512"], check=True, capture_output=True)
    with open(os.path.join(world.folder, "junk.pem"), "wb") as file:
        file.write(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    for words in (["--key", short], ["--key", file.name], ["--key", "/nowhere.pem"],
                  ["--key", pkcs1, "--algorithm", "ed25519-sha256"],
                  ["--key", pkcs1, "--algorithm", "rsa-sha1"], ["--key", pkcs1, "--canon", "x"],
                  ["--key", pkcs1, "--headers", "to:subject"],
                  ["--key", pkcs1, "--domain", "a..b"]):
        domain = [] if "--domain" in words else ["--domain", DOMAIN]
        done = ctl("sign", "dkim", *domain, "--selector", "rsa", *words, "-", "--json",
                   message=message)
        assert done.returncode == 1 and json.loads(done.stdout)["error"], (words, done)
        assert b"PRIVATE" not in done.stdout + done.stderr
    done = ctl("sign", "dkim", "--domain", DOMAIN, "--key", pkcs1, "-", message=message)
    assert done.returncode == 2, done


def test_line_ends(world):
    """A message with LF is hashed as if it had CRLF, and written as it came."""
    message = CORPUS["folding"].replace(b"\r\n", b"\n")
    for canon in CANONS:
        signed = world.sign(message, "rsa", canon, "--headers", "from:subject")
        assert b"\r" not in signed and b"h=from:subject;" in signed, signed
        assert world.check(signed)["result"] == "pass"
        assert world.check(signed.replace(b"\n", b"\r\n"))["result"] == "pass"


def test_now(world):
    """--now is the time of a check, in both forms."""
    field = dkimpy().sign(CORPUS["plain"], b"rsa", DOMAIN.encode(),
                          open(world.keys["rsa"], "rb").read())
    assert world.check(field + CORPUS["plain"], "--now", "2001-01-01T00:00:00Z")["result"] == \
        "pass"
    done = ctl("check", "dkim", "-", "--now", "yesterday", "--json", message=b"")
    assert done.returncode == 1 and json.loads(done.stdout)["error"], done


def main():
    with contextlib.ExitStack() as stack:
        world = World(stack)
        return run_tests(globals(), lambda test: test(world))


if __name__ == "__main__":
    sys.exit(main())
