#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real clients against the built server: smtplib, swaks, curl, msmtp, smtp-source, openssl
s_client and nodemailer."""
import base64
import email
import email.policy
import hashlib
import json
import os
import smtplib
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from peers import find_peer
from server import TOP, Server, free_port
from tap import run_tests

MESSAGE = (b"From: <bob@example.com>\r\nTo: <alice@example.org>\r\nSubject: from a client\r\n"
           b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <m@example.com>\r\n\r\n"
           b"line one\r\n.dot\r\n..two dots\r\nlast line\r\n")


def insecure():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def wait_mails(server, count):
    end = time.monotonic() + 20
    while len(server.mails()) < count and time.monotonic() < end:
        time.sleep(0.02)
    mails = server.mails()
    assert len(mails) == count, f"{len(mails)} messages instead of {count}"
    return mails


def body_of(mail):
    return mail.partition(b"\n\n")[2]


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, timeout=60, **more)
    assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"
    return done.stdout


def test_smtplib(server):
    client = smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com")
    client.sendmail("bob@example.com", ["alice@example.org"], MESSAGE)
    client.starttls(context=insecure())
    client.ehlo("client.example.com")
    assert "starttls" not in client.esmtp_features
    client.login("alice", "secret")
    client.sendmail("alice@example.org", ["alice@example.org"], MESSAGE)
    client.quit()
    mails = wait_mails(server, 2)
    assert all(body_of(mail) == b"line one\n.dot\n..two dots\nlast line\n" for mail in mails), mails
    assert any(b"with ESMTPSA" in mail for mail in mails), mails
    assert all(mail.startswith(b"Return-Path: <") for mail in mails)


def test_smtplib_refusals(server):
    client = smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com")
    client.ehlo()
    assert client.mail("bob@example.com")[0] == 250
    assert client.rcpt("x@elsewhere.example")[0] == 550
    assert client.docmd("DATA")[0] == 503
    client.rset()
    try:
        client.login("alice", "secret")
        raise AssertionError("AUTH outside TLS was taken")
    except smtplib.SMTPNotSupportedError:
        pass
    assert client.docmd("AUTH PLAIN " + base64.b64encode(b"\0alice\0secret").decode())[0] == 538
    client.quit()
    client = smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com")
    client.starttls(context=insecure())
    try:
        client.login("alice", "wrong")
        raise AssertionError("a wrong password was taken")
    except smtplib.SMTPAuthenticationError as error:
        assert error.smtp_code == 535, error


def test_swaks(server):
    out = run("swaks", "--server", "127.0.0.1", "--port", str(server.port), "--from",
              "bob@example.com", "--to", "alice@example.org", "--helo", "client.example.com",
              "--tls", "--auth", "PLAIN", "--auth-user", "alice", "--auth-password", "secret",
              "--header", "Subject: swaks", "--body", "hello")
    assert b"queued as" in out, out
    assert b"Subject: swaks" in wait_mails(server, 1)[0]


def test_swaks_login(server):
    run("swaks", "--server", "127.0.0.1", "--port", str(server.port), "--from", "bob@example.com",
        "--to", "alice@example.org", "--helo", "client.example.com", "--tls", "--auth", "LOGIN",
        "--auth-user", "alice@example.org", "--auth-password", "secret")
    wait_mails(server, 1)


def test_swaks_lmtp(server):
    run("swaks", "--server", "127.0.0.1", "--port", str(server.lmtp_port), "--protocol", "LMTP",
        "--from", "bob@example.com", "--to", "alice@example.org,postmaster@example.org",
        "--helo", "client.example.com")
    assert b"with LMTP" in wait_mails(server, 2)[0]


def test_curl(server):
    run("curl", "--silent", "--show-error", "--url",
        f"smtp://127.0.0.1:{server.port}/client.example.com", "--ssl-reqd", "--insecure", "--user",
        "alice:secret", "--mail-from", "bob@example.com", "--mail-rcpt", "alice@example.org",
        "--upload-file", "-", input=MESSAGE)
    assert body_of(wait_mails(server, 1)[0]) == b"line one\n.dot\n..two dots\nlast line\n"


def test_curl_implicit_tls(server):
    run("curl", "--silent", "--show-error", "--url",
        f"smtps://127.0.0.1:{server.tls_port}/client.example.com", "--insecure", "--mail-from",
        "bob@example.com", "--mail-rcpt", "alice@example.org", "--upload-file", "-", input=MESSAGE)
    assert b"with ESMTPS" in wait_mails(server, 1)[0]


def test_msmtp(server):
    run(find_peer("msmtp", "usr/bin/msmtp"), "--host=127.0.0.1", f"--port={server.port}",
        "--from=bob@example.com", "--domain=client.example.com", "--tls=on", "--tls-starttls=on",
        "--tls-certcheck=off", "alice@example.org", input=MESSAGE.replace(b"\r\n", b"\n"))
    assert body_of(wait_mails(server, 1)[0]) == b"line one\n.dot\n..two dots\nlast line\n"


def test_smtp_source(server):
    source = find_peer("postfix", "usr/sbin/smtp-source")
    libraries = os.path.join(os.path.dirname(source), "..", "lib", "postfix")
    run(source, "-s", "10", "-m", "200", "-l", "3000", "-f", "bob@example.com", "-t",
        "alice@example.org", f"127.0.0.1:{server.port}",
        env=dict(os.environ, LD_LIBRARY_PATH=libraries))
    wait_mails(server, 200)


def test_openssl(server):
    script = (b"EHLO client.example.com\r\nMAIL FROM:<bob@example.com>\r\n"
              b"RCPT TO:<alice@example.org>\r\nDATA\r\n" +
              b"Subject: openssl\r\n\r\nhi\r\n.\r\nQUIT\r\n")
    process = subprocess.Popen(
        ["openssl", "s_client", "-quiet", "-crlf", "-starttls", "smtp", "-connect",
         f"127.0.0.1:{server.port}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL)
    # -crlf turns LF into CRLF itself.
    process.stdin.write(script.replace(b"\r\n", b"\n"))
    process.stdin.flush()
    out = b""
    while b"221" not in out:
        line = process.stdout.readline()
        assert line, out
        out += line
    process.stdin.close()
    process.wait(20)
    assert b"queued as" in out, out
    wait_mails(server, 1)


def test_large_message(server):
    """Above the memory threshold: arrives in a file, byte for byte."""
    body = b"".join(hashlib.sha256(b"%d" % n).hexdigest().encode() + b"\r\n" for n in range(60000))
    client = smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com")
    client.sendmail("bob@example.com", ["alice@example.org"], b"Subject: large\r\n\r\n" + body)
    client.quit()
    mail = wait_mails(server, 1)[0]
    assert body_of(mail).replace(b"\n", b"\r\n") == body


def test_ipv6(server):
    client = smtplib.SMTP("::1", server.v6_port, local_hostname="client.example.com")
    client.sendmail("bob@example.com", ["alice@example.org"], MESSAGE)
    client.quit()
    assert b"[IPv6:::1]" in wait_mails(server, 1)[0]


# --- nodemailer ---

NODE_MODULES = os.path.join(TOP, ".cache/npm/node_modules")
LOGIN = {"user": "alice", "pass": "secret"}


def nodemailer(server, *messages, **transport):
    """What nodemailer says about each message, sent in TLS."""
    assert os.path.isdir(NODE_MODULES), "./run-tests installs nodemailer"
    asked = {"transport": {"host": "127.0.0.1", "port": server.port, "requireTLS": True,
                           "name": "client.example.com", "tls": {"rejectUnauthorized": False},
                           **transport}, "messages": messages}
    out = run("node", os.path.join(os.path.dirname(__file__), "nodemailer.js"),
              input=json.dumps(asked).encode(), env=dict(os.environ, NODE_PATH=NODE_MODULES))
    results = json.loads(out)
    for result in results:
        assert "error" not in result and "queued as" in result["response"], result
    return results


def encode(data):
    return base64.b64encode(data).decode()


def test_nodemailer(server):
    """What it is given as a whole message arrives byte for byte."""
    raw = MESSAGE + b"".join(b".%d" % n + b"y" * (n % 900) + b"\r\n" for n in range(3000))
    nodemailer(server, {"envelope": {"from": "alice@example.org", "to": "alice@example.org"},
                        "raw": encode(raw)}, auth=LOGIN)
    mail = wait_mails(server, 1)[0]
    assert mail.endswith(raw.replace(b"\r\n", b"\n")), mail[:2000]
    assert b"with ESMTPSA" in mail, mail[:2000]


def test_nodemailer_attachments(server):
    """Each attachment is the same when it is taken out again, and so is the text."""
    files = {"zeros.bin": bytes(70000), "all.bin": bytes(range(256)) * 300,
             "Gr\u00fc\u00dfe.txt": "k\u00e4se\n.\n".encode(), "empty": b""}
    text = "Viele Gr\u00fc\u00dfe\n.\n..\nend\n"
    nodemailer(server, {"from": "Bob <bob@example.com>", "to": "alice@example.org",
                        "subject": "\u00e4\u00f6\u00fc", "text": text,
                        "html": "<p>" + "x" * 5000 + "</p>",
                        "attachments": [{"filename": name, "content": encode(data)}
                                        for name, data in files.items()]}, auth=LOGIN)
    parsed = email.message_from_bytes(wait_mails(server, 1)[0], policy=email.policy.default)
    assert parsed["Subject"] == "\u00e4\u00f6\u00fc", parsed["Subject"]
    found = {part.get_filename(): part.get_payload(decode=True)
             for part in parsed.iter_attachments()}
    assert found == files, {name: len(data) for name, data in found.items()}
    assert parsed.get_body(("plain",)).get_content() == text


def test_nodemailer_smtputf8(server):
    """Addresses beyond ASCII: it asks for SMTPUTF8, and they are kept."""
    nodemailer(server, {"from": "j\u00f6rg@example.com", "to": "k\u00e4tzchen@example.org",
                        "subject": "x", "text": "y"})
    mail = wait_mails(server, 1)[0]
    assert mail.startswith("Return-Path: <j\u00f6rg@example.com>\n".encode()), mail
    assert b"with UTF8SMTPS" in mail, mail


def test_nodemailer_dsn(server):
    """Its DSN parameters reach the queue, and success is told."""
    nodemailer(server, {"from": "alice@example.org", "to": "postmaster@example.org",
                        "subject": "x", "text": "the text",
                        "dsn": {"id": "an+id=1", "return": "headers", "notify": ["success"],
                                "recipient": "first@example.net"}}, auth=LOGIN)
    notice, = [mail for mail in wait_mails(server, 2) if b"multipart/report" in mail]
    for line in (b"\nOriginal-Envelope-Id: an+id=1\n", b"\nAction: delivered\n",
                 b"\nOriginal-Recipient: rfc822; first@example.net\n"):
        assert line in notice, (line, notice[1000:])
    assert b"the text" not in notice, "not only the header came back"


def test_nodemailer_pool(server):
    """A hundred messages over one connection."""
    bodies = [b"Subject: %d\r\n\r\n%s\r\n" % (n, b"z" * n * 50) for n in range(100)]
    results = nodemailer(server, *({"envelope": {"from": "bob@example.com",
                                                 "to": "alice@example.org"}, "raw": encode(body)}
                                   for body in bodies), auth=LOGIN, pool=True, maxConnections=1,
                         maxMessages=1000)
    ids = [result["response"].split()[-1] for result in results]
    assert len(set(ids)) == 100
    mails = wait_mails(server, 100)
    assert sorted(mail[mail.index(b"Subject: "):].partition(b"\nFrom")[0] for mail in mails) == \
        sorted(body.replace(b"\r\n", b"\n") for body in bodies), mails[0]
    sessions = {session["session"] for queue_id in ids
                for session in server.ctl("explain", queue_id)["history"]}
    assert len(sessions) == 1, sessions


def make_server():
    import socket
    lmtp, tls, v6 = free_port(), free_port(), free_port(socket.AF_INET6, "::1")
    server = Server(extra=f"""
[listener lmtp]
address = 127.0.0.1:{lmtp}
protocol = lmtp
tls = none

[listener tls]
address = 127.0.0.1:{tls}
tls = implicit

[listener six]
address = [::1]:{v6}

[auth]
error-delay = 10ms

[rcpt]
error-delay = 10ms
""")
    server.lmtp_port, server.tls_port, server.v6_port = lmtp, tls, v6
    return server


def with_server(test):
    with make_server() as server:
        test(server)


if __name__ == "__main__":
    sys.exit(run_tests(globals(), with_server))
