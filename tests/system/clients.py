#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real clients against the built server: smtplib, swaks, curl, msmtp, smtp-source and
openssl s_client."""
import base64
import hashlib
import os
import smtplib
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from peers import find_peer
from server import Server, free_port
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
