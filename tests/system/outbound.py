#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The way out: a scripted peer that answers, refuses, closes or talks nonsense at every
stage, and lacks each extension in turn. One server, one domain a case."""
import base64
import json
import os
import smtplib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from scripted_peer import ALL, CLOSE, RESET, ScriptedPeer
from server import Server
from tap import run_rows

ASCII = b"Subject: plain\r\n\r\nline one\r\n.dot\r\n..two dots\r\nlast line\r\n"
EIGHT = ("Subject: eight\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "Content-Transfer-Encoding: 8bit\r\n\r\nk\u00e4se\r\n").encode()
SIGNED = ("Subject: signed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n"
          "--b\r\n\r\nk\u00e4se\r\n--b--\r\n").encode()
UTF8_HEADER = "Subject: k\u00e4se\r\n\r\nbody\r\n".encode()
LARGE = b"Subject: large\r\n\r\n" + b"a line of it\r\n" * 600000
BINARY = (b"Subject: binary\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
          b"Content-Transfer-Encoding: binary\r\n\r\na\nb\0c\rd\r\n")


def without(*names):
    return [text for text in ALL if text.split(" ")[0] not in names]


class Case:
    """peers: one dict of ScriptedPeer arguments each, tried in this order. (status) is what
    becomes of the (last) recipient, (code) its enhanced code, (text) a part of its text."""

    def __init__(self, name, peers, status, code, text="", content=ASCII, recipients=1, check=None,
                 options="", host="", mail_options=(), rcpt_options=(), bdat=False, local="r"):
        self.name, self.peers, self.status, self.code = name, peers, status, code
        self.text, self.content, self.recipients, self.check = text, content, recipients, check
        self.options, self.host = options, host
        self.mail_options, self.rcpt_options, self.bdat = mail_options, rcpt_options, bdat
        self.local = local


def taken_by(index, by=None):
    def check(case, peers):
        counts = [len(peer.messages) for peer in peers]
        assert counts == [1 if i == index else 0 for i in range(len(peers))], counts
        if by is not None:
            assert peers[index].messages[0].by == by, peers[index].messages[0].by
    return check


def said(*words, index=0):
    def check(case, peers):
        lines = "\n".join(peers[index].lines)
        for word in words:
            if word.startswith("!"):
                assert word[1:] not in lines, f"{word} in {lines}"
            else:
                assert word in lines, f"no {word} in {lines}"
    return check


def both(*checks):
    def check(case, peers):
        for one in checks:
            one(case, peers)
    return check


def content_ends(tail, index=0):
    def check(case, peers):
        content = peers[index].messages[0].content
        assert content.endswith(tail), content
    return check


def never_two(case, peers):
    total = sum(len(peer.seen) for peer in peers)
    assert total == 1, f"{total} transmissions"


GOOD = {}
UTF8 = ["SMTPUTF8", "BODY=8BITMIME"]
MEGABYTE = b"250-" + b"x" * 1048576 + b"\r\n250 ok\r\n"
MANY_LINES = b"250-more\r\n" * 100000 + b"250 ok\r\n"

CASES = [
    Case("plain", [GOOD], "delivered", "2.0.0", check=both(taken_by(0, "BDAT"), content_ends(
        b"line one\r\n.dot\r\n..two dots\r\nlast line\r\n"))),
    Case("no chunking", [{"extensions": without("CHUNKING", "BINARYMIME")}], "delivered", "2.0.0",
         check=both(taken_by(0, "DATA"), content_ends(
             b"line one\r\n.dot\r\n..two dots\r\nlast line\r\n"))),
    Case("no pipelining", [{"extensions": without("PIPELINING")}], "delivered", "2.0.0",
         check=taken_by(0, "BDAT")),
    Case("nothing", [{"extensions": []}], "delivered", "2.0.0",
         check=both(taken_by(0, "DATA"), said("!SIZE", "!BODY"))),
    Case("helo only", [{"EHLO": "502 5.5.1 what?"}], "delivered", "2.0.0",
         check=both(taken_by(0, "DATA"), said("HELO mx.example.org"))),
    Case("helo too", [{"EHLO": "502 no", "HELO": "550 5.7.1 not you"}], "failed", "5.7.1", "not you"),
    # Another host where one is of no use.
    Case("closed port", [None, GOOD], "delivered", "2.0.0", check=taken_by(1)),
    Case("closes at once", [{"CONNECT": CLOSE}, GOOD], "delivered", "2.0.0", check=taken_by(1)),
    Case("resets at once", [{"CONNECT": RESET}, GOOD], "delivered", "2.0.0", check=taken_by(1)),
    Case("greets with 421", [{"CONNECT": "421 4.3.2 busy"}, GOOD], "delivered", "2.0.0",
         check=taken_by(1)),
    Case("greets with 554", [{"CONNECT": "554 5.3.2 no"}, GOOD], "delivered", "2.0.0",
         check=taken_by(1)),
    Case("greets with nonsense", [{"CONNECT": b"SSH-2.0-x\r\n"}, GOOD], "delivered", "2.0.0",
         check=taken_by(1)),
    Case("ehlo 421", [{"EHLO": "421 4.3.2 busy"}, GOOD], "delivered", "2.0.0", check=taken_by(1)),
    Case("ehlo closes", [{"EHLO": CLOSE}, GOOD], "delivered", "2.0.0", check=taken_by(1)),
    Case("mail 450", [{"MAIL": "450 4.2.1 later"}, GOOD], "delivered", "2.0.0", check=taken_by(1)),
    Case("mail 421", [{"MAIL": "421 4.3.2 bye"}, GOOD], "delivered", "2.0.0", check=taken_by(1)),
    Case("rcpt 450", [{"RCPT": "450 4.2.1 later"}, GOOD], "delivered", "2.0.0", check=taken_by(1)),
    Case("mail 550 is final", [{"MAIL": "550 5.7.1 never"}, GOOD], "failed", "5.7.1", "never",
         check=taken_by(None)),
    Case("rcpt 550 is final", [{"RCPT": "550 5.1.1 nobody"}, GOOD], "failed", "5.1.1", "nobody",
         check=taken_by(None)),
    # One host alone.
    Case("only 421", [{"CONNECT": "421 4.3.2 busy"}], "pending", "4.3.2", "busy"),
    Case("only 554", [{"CONNECT": "554 5.3.2 no mail here"}], "failed", "5.3.2", "no mail here"),
    Case("only closed", [None], "pending", "4.4.1", "refused"),
    Case("mail closes", [{"MAIL": CLOSE, "extensions": without("CHUNKING")}], "pending", "4.4.2",
         "MAIL"),
    Case("rcpt closes", [{"RCPT": CLOSE, "extensions": without("CHUNKING")}], "pending", "4.4.2",
         "RCPT"),
    Case("data closes", [{"DATA": CLOSE, "extensions": without("CHUNKING")}], "pending", "4.4.2",
         "DATA"),
    Case("data 451", [{"DATA": "451 4.3.0 not now", "extensions": without("CHUNKING")}], "pending",
         "4.3.0", "not now"),
    Case("data 554", [{"DATA": "554 5.6.0 never", "extensions": without("CHUNKING")}], "failed",
         "5.6.0", "never"),
    Case("end 451", [{"END": "451 4.3.0 not now", "extensions": without("CHUNKING")}], "pending",
         "4.3.0", "not now"),
    Case("end 550", [{"END": "550 5.7.1 spam", "extensions": without("CHUNKING")}], "failed", "5.7.1",
         "spam"),
    Case("bdat 452", [{"BDAT": "452 4.3.1 full"}], "pending", "4.3.1", "full"),
    Case("bdat 554", [{"BDAT": "554 5.7.1 spam"}], "failed", "5.7.1", "spam"),
    Case("closes in the content", [{"CONTENT": CLOSE, "extensions": without("CHUNKING")}],
         "pending", "4.4.2", "content", content=LARGE),
    Case("closes in a chunk", [{"CONTENT": CLOSE}], "pending", "4.4.2", "content", content=LARGE),
    Case("quit closes", [{"QUIT": CLOSE}], "delivered", "2.0.0"),
    Case("no enhanced code", [{"RCPT": "550 nobody"}], "failed", "5.0.0", "550 nobody"),
    Case("several lines", [{"RCPT": b"550-5.1.1 first\r\n550-5.1.1 second\r\n550 5.1.1 third\r\n"}],
         "failed", "5.1.1", "550 5.1.1 first second third"),
    # Replies that are none.
    Case("a megabyte in a line", [{"MAIL": MEGABYTE, "extensions": without("CHUNKING")}], "pending", "4.5.0", "too long"),
    Case("a megabyte of lines", [{"EHLO": MANY_LINES}], "pending", "4.5.0", "too many lines"),
    Case("nonsense at rcpt", [{"RCPT": b"what?\r\n", "extensions": without("CHUNKING")}], "pending",
         "4.5.0", "no reply"),
    Case("354 to mail", [{"MAIL": "354 hm", "extensions": without("CHUNKING")}], "pending", "4.5.0",
         "354"),
    Case("bytes of 0", [{"CONNECT": b"220 \0\0\0\r\n"}], "delivered", "2.0.0"),
    # Silence.
    Case("silent greeting", [{"CONNECT": 30}, GOOD], "delivered", "2.0.0", check=taken_by(1),
         options="greeting-timeout"),
    Case("silent at mail", [{"MAIL": 30, "extensions": without("CHUNKING")}], "pending", "4.4.2",
         options="mail-timeout"),
    Case("slow but there", [{"CONNECT": 0.3, "MAIL": 0.3, "END": 0.3}], "delivered", "2.0.0"),
    # In doubt: nobody else is offered the message in this attempt.
    Case("end closes", [{"END": CLOSE, "extensions": without("CHUNKING")}, GOOD], "doubt", "4.4.2",
         "content", check=never_two),
    Case("bdat closes", [{"BDAT": CLOSE}, GOOD], "doubt", "4.4.2", "content", check=never_two),
    Case("end nonsense", [{"END": b"?\r\n", "extensions": without("CHUNKING")}, GOOD], "doubt",
         "4.5.0", "no reply", check=never_two),
    # Several recipients.
    Case("two recipients at once", [GOOD], "delivered", "2.0.0", recipients=2,
         check=lambda case, peers: assert_equal(len(peers[0].messages[0].recipients), 2)),
    Case("one of two refused", [{"RCPT": ["550 5.1.1 no", None]}], "delivered", "2.0.0",
         recipients=2, check=lambda case, peers: assert_equal(
             len(peers[0].messages[0].recipients), 1)),
    Case("both refused", [{"RCPT": "550 5.1.1 no", "extensions": without("CHUNKING")}], "failed",
         "5.1.1", recipients=2, check=taken_by(None)),
    Case("too many", [{"RCPT": [None, None, "452 4.5.3 too many", None]}], "delivered", "2.0.0",
         recipients=3, check=lambda case, peers: assert_equal(
             [len(m.recipients) for m in peers[0].messages], [2, 1])),
    Case("one after the other", [GOOD], "delivered", "2.0.0", recipients=3,
         options="recipients-per-transaction", check=lambda case, peers: (
             assert_equal([len(m.recipients) for m in peers[0].messages], [1, 1, 1]),
             assert_equal(peers[0].connections, 1))),
    Case("more than a window", [GOOD], "delivered", "2.0.0", recipients=250,
         check=lambda case, peers: assert_equal(
             [len(m.recipients) for m in peers[0].messages], [250])),
    Case("more than a window, by DATA", [{"extensions": without("CHUNKING")}], "delivered",
         "2.0.0", recipients=250, check=lambda case, peers: assert_equal(
             [len(m.recipients) for m in peers[0].messages], [250])),
    Case("more than a window, refused at MAIL", [{"MAIL": "550 5.7.1 no"}], "failed", "5.7.1",
         recipients=250, check=said("r99@", "!r100@", "!BDAT")),
    Case("more than a window, all refused", [{"RCPT": "550 5.1.1 no"}], "failed", "5.1.1",
         recipients=250, check=taken_by(None)),
    Case("rcptmax", [{"extensions": ALL + ["LIMITS RCPTMAX=2"]}], "delivered", "2.0.0",
         recipients=3, check=lambda case, peers: assert_equal(
             [len(m.recipients) for m in peers[0].messages], [2, 1])),
    Case("the rest elsewhere", [{"RCPT": [None, "450 4.2.1 later"]}, GOOD], "delivered", "2.0.0",
         recipients=2, check=lambda case, peers: assert_equal(
             [len(p.messages) for p in peers], [1, 1])),
    # Parameters.
    Case("size", [GOOD], "delivered", "2.0.0", check=said("SIZE=")),
    Case("too large", [{"extensions": without("SIZE") + ["SIZE 100"]}], "failed", "5.3.4", "100",
         check=said("!MAIL")),
    Case("dsn offered", [GOOD], "delivered", "2.0.0", mail_options=["RET=HDRS", "ENVID=a+2Bb"],
         rcpt_options=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;me+2B@x.example"],
         check=said("RET=HDRS", "ENVID=a+2Bb", "NOTIFY=SUCCESS,FAILURE",
                    "ORCPT=rfc822;me+2B@x.example")),
    Case("dsn not offered", [{"extensions": without("DSN")}], "delivered", "2.0.0",
         mail_options=["RET=HDRS", "ENVID=a+2Bb"], rcpt_options=["NOTIFY=FAILURE"],
         check=said("!RET", "!ENVID", "!NOTIFY")),
    # What a peer does not take.
    Case("8 bits", [GOOD], "delivered", "2.0.0", content=EIGHT,
         check=both(said("BODY=8BITMIME"), content_ends("k\u00e4se\r\n".encode()))),
    Case("7 bits", [{"extensions": without("8BITMIME", "BINARYMIME")}], "delivered", "2.0.0",
         content=EIGHT, check=both(said("!BODY"), content_ends(
             b"Content-Transfer-Encoding: quoted-printable\r\n\r\nk=C3=A4se\r\n"))),
    Case("signed in 7 bits", [{"extensions": without("8BITMIME", "BINARYMIME")}], "failed", "5.6.3",
         content=SIGNED, check=said("!MAIL")),
    Case("signed in 7 bits, another takes it", [{"extensions": without("8BITMIME", "BINARYMIME")},
                                                GOOD], "delivered", "2.0.0", content=SIGNED,
         check=taken_by(1)),
    Case("binary", [GOOD], "delivered", "2.0.0", content=BINARY, bdat=True,
         check=both(said("BODY=BINARYMIME"), content_ends(b"a\nb\0c\rd\r\n"))),
    Case("binary in 8 bits", [{"extensions": without("BINARYMIME")}], "delivered", "2.0.0",
         content=BINARY, bdat=True, check=both(said("!BINARYMIME"), content_ends(
             b"Content-Transfer-Encoding: base64\r\n\r\n" +
             base64.b64encode(b"a\nb\0c\rd\r\n") + b"\r\n"))),
    Case("binary in 7 bits", [{"extensions": without("BINARYMIME", "8BITMIME")}], "delivered",
         "2.0.0", content=BINARY, bdat=True, check=both(said("!BODY"), content_ends(
             b"Content-Transfer-Encoding: base64\r\n\r\n" +
             base64.b64encode(b"a\nb\0c\rd\r\n") + b"\r\n"))),
    # RFC 6531 section 3.5: what is not allowed is the address, or the header.
    Case("utf-8 in the header", [GOOD], "delivered", "2.0.0", content=UTF8_HEADER,
         mail_options=UTF8, check=said("SMTPUTF8")),
    Case("utf-8 in the header, not taken", [{"extensions": without("SMTPUTF8")}], "failed",
         "5.6.9", "SMTPUTF8", content=UTF8_HEADER, mail_options=UTF8, check=said("!MAIL")),
    Case("utf-8 in the header, another takes it", [{"extensions": without("SMTPUTF8")}, GOOD],
         "delivered", "2.0.0", content=UTF8_HEADER, mail_options=UTF8, check=taken_by(1)),
    Case("utf-8 in the header, 7 bits", [{"extensions": without("8BITMIME", "BINARYMIME")}],
         "failed", "5.6.9", content=UTF8_HEADER, mail_options=UTF8, check=said("!MAIL")),
    Case("utf-8 in an address", [GOOD], "delivered", "2.0.0", mail_options=UTF8, local="k\u00e4se",
         check=said("SMTPUTF8", "RCPT TO:<k\u00e4se0@")),
    Case("utf-8 in an address, not taken", [{"extensions": without("SMTPUTF8")}], "failed",
         "5.6.7", "SMTPUTF8", mail_options=UTF8, local="k\u00e4se", check=said("!MAIL")),
    Case("utf-8 announced but not used", [{"extensions": without("SMTPUTF8")}], "delivered",
         "2.0.0", mail_options=UTF8, check=said("!SMTPUTF8")),
    # LMTP.
    Case("lmtp", [{"lmtp": True}], "delivered", "2.0.0", recipients=2, host="protocol = lmtp",
         check=said("LHLO")),
    Case("lmtp, one mailbox full", [{"lmtp": True, "BDAT": ["452 4.2.2 full", None], "END":
                                     ["452 4.2.2 full", None]}], "delivered", "2.0.0", recipients=2,
         host="protocol = lmtp"),
    Case("lmtp, the last full", [{"lmtp": True, "BDAT": [None, "552 5.2.2 full"]}], "failed", "5.2.2",
         recipients=2, host="protocol = lmtp"),
    Case("lmtp closes between answers", [{"lmtp": True, "BDAT": [None, CLOSE]}], "doubt", "4.4.2",
         recipients=2, host="protocol = lmtp"),
    # AUTH and TLS.
    Case("tls required", [GOOD], "failed", "5.7.10", "TLS", host="tls = required"),
    Case("tls refused", [{"extensions": ALL + ["STARTTLS"], "STARTTLS": "454 4.7.0 not now"}],
         "delivered", "2.0.0"),
    Case("tls required, refused", [{"extensions": ALL + ["STARTTLS"], "STARTTLS": "454 4.7.0 no"}],
         "pending", "4.7.5", "454", host="tls = required"),
    Case("tls broken", [{"extensions": ALL + ["STARTTLS"], "HANDSHAKE": b"nonsense\r\n"}],
         "delivered", "2.0.0", check=lambda case, peers: assert_equal(peers[0].connections, 2)),
    Case("tls, closes at STARTTLS", [{"extensions": ALL + ["STARTTLS"], "STARTTLS": CLOSE}],
         "delivered", "2.0.0", check=lambda case, peers: assert_equal(peers[0].connections, 2)),
    Case("tls, closes at STARTTLS, required", [{"extensions": ALL + ["STARTTLS"],
                                                "STARTTLS": CLOSE}], "pending", "4.4.2", "STARTTLS",
         host="tls = required",
         check=lambda case, peers: assert_equal(peers[0].connections, 1)),
    Case("tls, 421 at STARTTLS", [{"extensions": ALL + ["STARTTLS"], "STARTTLS": "421 4.3.2 bye"}],
         "delivered", "2.0.0", check=lambda case, peers: assert_equal(peers[0].connections, 2)),
    # With TLS 1.3 a server's objection to the handshake comes behind it.
    Case("tls, closes behind it", [{"extensions": ALL + ["STARTTLS"], "certificate": True,
                                    "EHLO": [None, CLOSE, None]}],
         "delivered", "2.0.0", check=lambda case, peers: assert_equal(peers[0].connections, 2)),
    Case("tls broken, required", [{"extensions": ALL + ["STARTTLS"], "HANDSHAKE": b"nonsense\r\n"}],
         "pending", "4.7.5", "TLS", host="tls = required",
         check=lambda case, peers: assert_equal(peers[0].connections, 1)),
    Case("tls with an injected answer", [{"extensions": ALL + ["STARTTLS"], "certificate": True,
                                          "STARTTLS": b"220 go\r\n250 injected\r\n"}],
         "delivered", "2.0.0", check=taken_by(0)),
    Case("tls", [{"extensions": ALL + ["STARTTLS"], "certificate": True}], "delivered", "2.0.0",
         check=both(said("STARTTLS"), taken_by(0))),
    Case("tls at once", [{"certificate": True, "implicit": True}], "delivered", "2.0.0",
         host="tls = implicit", check=both(said("!STARTTLS"), taken_by(0))),
    Case("auth plain", [{"extensions": ALL + ["STARTTLS", "AUTH LOGIN PLAIN"], "certificate": True}],
         "delivered", "2.0.0",
         host="user = me\npassword = secret\ntls = required\ntrust = TRUST",
         check=said("AUTH PLAIN " + base64.b64encode(b"\0me\0secret").decode(), "AUTH=<>")),
    Case("auth, certificate of nobody known",
         [{"extensions": ALL + ["STARTTLS", "AUTH PLAIN"], "certificate": True}], "pending",
         "4.7.5", "NOT trusted", host="user = me\npassword = secret",
         check=both(said("!AUTH"), lambda case, peers: assert_equal(peers[0].connections, 1))),
    Case("auth, certificate of another",
         [{"extensions": ALL + ["STARTTLS", "AUTH PLAIN"], "certificate": "other.example"}],
         "pending", "4.7.5", "does not match", host="user = me\npassword = secret\ntrust = TRUST",
         check=said("!AUTH")),
    Case("auth, certificate unchecked",
         [{"extensions": ALL + ["STARTTLS", "AUTH PLAIN"], "certificate": "other.example"}],
         "delivered", "2.0.0", host="user = me\npassword = secret\ncertificate-check = never",
         check=said("AUTH PLAIN")),
    Case("certificate checked without a password",
         [{"extensions": ALL + ["STARTTLS"], "certificate": True}], "pending", "4.7.5",
         "NOT trusted", host="certificate-check = always"),
    Case("certificate checked at once", [{"certificate": True, "implicit": True}], "delivered",
         "2.0.0", host="tls = implicit\ncertificate-check = always\ntrust = TRUST"),
    Case("certificate to be checked, no TLS", [{}], "failed", "5.7.10",
         host="certificate-check = always"),
    Case("auth login", [{"extensions": ALL + ["AUTH LOGIN"]}], "delivered", "2.0.0",
         host="user = me\npassword = secret\ntls = none",
         check=said("AUTH LOGIN\nbWU=\nc2VjcmV0")),
    Case("auth in the clear", [{"extensions": ALL + ["AUTH PLAIN"]}], "pending", "4.7.10",
         host="user = me\npassword = secret", check=said("!AUTH")),
    Case("auth refused", [{"extensions": ALL + ["AUTH PLAIN"], "AUTH": "535 5.7.8 wrong"}], "pending",
         "4.7.8", "wrong", host="user = me\npassword = secret\ntls = none"),
    Case("auth closes", [{"extensions": ALL + ["AUTH PLAIN"], "AUTH": CLOSE}], "pending",
         "4.4.2", "AUTH", host="user = me\npassword = secret\ntls = none"),
    Case("auth unknown", [{"extensions": ALL + ["AUTH GSSAPI"]}], "failed", "5.7.4",
         host="user = me\npassword = secret\ntls = none"),
]


def assert_equal(got, wanted):
    assert got == wanted, f"{got} instead of {wanted}"


def make_certificate(folder, name, alternative):
    chain, key = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name, "-addext",
                    "subjectAltName=" + alternative, "-keyout", key, "-out", chain, "-days", "2"],
                   check=True, capture_output=True)
    return chain, key


def make_certificates(folder):
    """By what a case says: its peer's own, and one that is trusted but of another."""
    made = {True: make_certificate(folder, "peer.example", "IP:127.0.0.2,IP:::1"),
            "other.example": make_certificate(folder, "other.example", "DNS:other.example")}
    with open(os.path.join(folder, "trust.pem"), "w") as file:
        for chain, _ in made.values():
            file.write(open(chain).read())
    return made


def open_peers(case, certificates):
    peers = []
    for options in case.peers:
        if options is None:
            peers.append(ScriptedPeer())
            peers[-1].close()
            continue
        options = dict(options)
        if "certificate" in options:
            options["certificate"] = certificates[options["certificate"]]
        peers.append(ScriptedPeer(**options))
    return peers


SHORT_TIMEOUTS = ("greeting-timeout", "mail-timeout")


def make_config(cases, folder):
    text = "[rcpt]\nrelay = yes\n[queue]\nretry = 1h\n[outbound]\nnext-hop = ${rcpt-domain}\n"
    for setting in SHORT_TIMEOUTS:
        domain = [f"c{n}.example" for n, (case, _) in enumerate(cases) if case.options == setting][0]
        text += f"{setting} = if rcpt-domain == \"{domain}\" then 300ms else 1min\n"
    domain = [f"c{n}.example" for n, (case, _) in enumerate(cases)
              if case.options == "recipients-per-transaction"][0]
    text += f"recipients-per-transaction = if rcpt-domain == \"{domain}\" then 1 else 1000\n"
    for number, (case, peers) in enumerate(cases):
        addresses = ", ".join(f"{peer.address}:{peer.port}" for peer in peers)
        text += f"[host c{number}.example]\naddress = {addresses}\n"
        text += case.host.replace("TRUST", os.path.join(folder, "trust.pem")) + "\n"
    return text


def send(server, case, number):
    client = smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com")
    client.ehlo()
    client.command_encoding = "utf-8"
    recipients = [f"{case.local}{n}@c{number}.example" for n in range(case.recipients)]
    options = list(case.mail_options)
    if case.bdat:
        options.append("BODY=BINARYMIME")
    code, text = client.mail("", options)
    assert code == 250, text
    for recipient in recipients:
        code, text = client.rcpt(recipient, case.rcpt_options)
        assert code == 250, text
    if case.bdat:
        client.send(b"BDAT %d LAST\r\n" % len(case.content) + case.content)
        code, text = client.getreply()
    else:
        code, text = client.data(case.content)
    assert code == 250, text
    client.quit()
    return text.decode().split()[-1]


def look(server, queue_id):
    """The message as it is told, once it was tried; None before."""
    answer = server.ctl("explain", queue_id)
    told = answer.get("messages", []) + answer.get("history", [])
    told = [one for one in told if one["id"] == queue_id and one.get("attempts")]
    return told[0] if told else None


def wait_tried(server, queue_id, seconds=40):
    end = time.monotonic() + seconds
    while True:
        told = look(server, queue_id)
        if told is not None and told["status"] != "active":
            return told
        assert time.monotonic() < end, f"{queue_id} was not tried"
        time.sleep(0.05)


def judge(case, peers, told):
    rcpt = told["recipients"][-1]
    wanted = "pending" if case.status == "doubt" else case.status
    seen = (rcpt["status"], rcpt["code"], rcpt["text"])
    transcript = told["attempts"][-1]["transcript"]
    assert seen[:2] == (wanted, case.code) and case.text in seen[2], f"{seen}\n{transcript}"
    assert rcpt.get("in_doubt", False) == (case.status == "doubt"), f"{rcpt}\n{transcript}"
    assert not any(word in transcript for word in ("secret", "c2VjcmV0", "AG1lAHNlY3JldA")), transcript
    assert "line one" not in transcript, transcript
    if case.check is not None:
        case.check(case, peers)


def main():
    with tempfile.TemporaryDirectory() as folder:
        return run_cases(folder)


def run_cases(folder):
    certificates = make_certificates(folder)
    cases = [(case, open_peers(case, certificates)) for case in CASES]
    with Server(extra=make_config(cases, folder)) as server:
        ids = [send(server, case, number) for number, (case, _) in enumerate(cases)]
        return run_rows([(case.name, lambda queue_id=queue_id, case=case, peers=peers:
                          judge(case, peers, wait_tried(server, queue_id)))
                         for queue_id, (case, peers) in zip(ids, cases)])


if __name__ == "__main__":
    sys.exit(main())
