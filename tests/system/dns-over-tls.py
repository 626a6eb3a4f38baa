#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Name servers that are asked over TLS: a real one (nsd) with certificates made here."""
import os
import smtplib
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(__file__))
from name_server import NameServer
from server import BUILD, Server, free_port
from tap import run_tests

ZONES = {
    "example": "\n".join(f"client IN A 127.0.0.{n}" for n in range(1, 10)),
    "0.0.127.in-addr.arpa": "\n".join(f"{n} IN PTR client.example." for n in range(1, 10)),
}
CONFIG = """
[resolver]
servers = {servers}
timeout = 2s
{more}
[module iprev]
enabled = yes
strict = yes
"""


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Certificates:
    """An authority, and certificates of it."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = self.path("ca.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "3", "-subj", "/CN=authority", "-keyout", self.path("ca.key"), "-out",
                self.authority)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, names):
        """(key, chain) for (names), as in subjectAltName."""
        stem = self.path(names.replace(":", "-"))
        with open(stem + ".ext", "w", encoding="utf-8") as file:
            file.write(f"subjectAltName={names}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                "/CN=server", "-keyout", stem + ".key", "-out", stem + ".csr")
        openssl("x509", "-req", "-in", stem + ".csr", "-CA", self.authority, "-CAkey",
                self.path("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", stem + ".ext",
                "-out", stem + ".pem")
        for path in (stem + ".key", self.authority):
            os.chmod(path, 0o644)
        os.chmod(self.folder, 0o755)
        return stem + ".key", stem + ".pem"


def say_mail(server, source):
    """The reply to MAIL of a client with the address (source)."""
    with smtplib.SMTP("127.0.0.1", server.port, "client.example", timeout=30,
                      source_address=(source, 0)) as smtp:
        smtp.ehlo()
        return smtp.mail("bob@example.com")


def count(server, name):
    return server.ctl("metrics")["counters"][name]


def configure(servers, authority=None):
    return CONFIG.format(servers=servers, more="" if authority is None else f"trust = {authority}")


def test_answers():
    """Many questions go over one connection, which may end at any time."""
    with tempfile.TemporaryDirectory(prefix="barid-dot-") as folder:
        made = Certificates(folder)
        port, tls = free_port(), (free_port(), *made.make("DNS:dns.example"))
        with NameServer(ZONES, port=port, tls=tls) as names, \
             Server(configure(f"tls://127.0.0.1:{tls[0]}#dns.example", made.authority)) as server:
            for last in range(1, 6):
                assert say_mail(server, f"127.0.0.{last}")[0] == 250, last
            assert count(server, "dns.queries") >= 6
            # A thread of the worker may have had one of its own.
            assert 1 <= count(server, "dns.tls-handshakes") <= 2, count(server, "dns.tls-handshakes")
            assert count(server, "dns.tcp-queries") == count(server, "dns.queries")
            names.process.terminate()
            names.process.wait(20)
            before = count(server, "dns.tls-handshakes")
            with NameServer(ZONES, port=port, tls=tls):
                assert say_mail(server, "127.0.0.6")[0] == 250
                assert count(server, "dns.tls-handshakes") == before + 1


def test_certificates():
    """Nothing is believed of a server that has not shown who it is."""
    with tempfile.TemporaryDirectory(prefix="barid-dot-") as folder:
        made = Certificates(folder)
        rows = [
            ("for the address", "IP:127.0.0.1", "", made.authority, 250),
            ("for another address", "IP:127.0.0.2", "", made.authority, 451),
            ("for another name", "DNS:dns.example", "#other.example", made.authority, 451),
            ("for the name, not the address", "DNS:dns.example", "", made.authority, 451),
            ("of an unknown authority", "DNS:dns.example", "#dns.example", None, 451),
        ]
        for what, names, suffix, authority, wanted in rows:
            tls = (free_port(), *made.make(names))
            with NameServer(ZONES, tls=tls), \
                 Server(configure(f"tls://127.0.0.1:{tls[0]}{suffix}", authority)) as server:
                reply = say_mail(server, "127.0.0.1")
                assert reply[0] == wanted, (what, reply)


class Babbler:
    """A TLS server that answers each question (NXDOMAIN), and says more than it was asked."""

    def __init__(self, key, chain):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.n_connections = 0

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20)

    def serve(self):
        while True:
            try:
                peer = self.context.wrap_socket(self.listener.accept()[0], server_side=True)
            except OSError:
                return
            self.n_connections += 1
            with peer:
                size = struct.unpack(">H", peer.recv(2))[0]
                query = peer.recv(size)
                reply = query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + query[12:query.index(0, 12) + 5]
                peer.sendall((struct.pack(">H", len(reply)) + reply) * 2)
                # Until the other side has had enough.
                try:
                    peer.recv(1)
                except OSError:
                    pass


def test_babbler():
    with tempfile.TemporaryDirectory(prefix="barid-dot-") as folder:
        made = Certificates(folder)
        with Babbler(*made.make("DNS:dns.example")) as peer, \
             Server(configure(f"tls://127.0.0.1:{peer.port}#dns.example", made.authority)) as server:
            pid = server.worker_pid()
            for last in range(1, 5):
                assert say_mail(server, f"127.0.0.{last}")[0] == 550, last
            assert server.worker_pid() == pid
            assert peer.n_connections == count(server, "dns.tls-handshakes") >= 4


def test_no_tls_there():
    """A server that speaks in the clear is not asked in the clear."""
    with NameServer(ZONES) as names, \
         Server(configure(f"tls://127.0.0.1:{names.port}")) as server:
        assert say_mail(server, "127.0.0.1")[0] == 451


def test_bad_settings():
    for servers, more, wanted in (
            ("tls://dns.example", "", "\"tls://dns.example\" is no address of a name server"),
            ("tls://127.0.0.1", "trust = /nonexistent/ca.pem", "/nonexistent/ca.pem")):
        config = CONFIG.format(servers=servers, more=more)
        with tempfile.TemporaryDirectory(prefix="barid-dot-") as folder:
            path = os.path.join(folder, "barid.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(config)
            done = subprocess.run([os.path.join(BUILD, "src/baridctl/baridctl"),
                                   "config", "check", "--config", path], capture_output=True,
                                  text=True, check=False)
            assert done.returncode != 0 and wanted in done.stdout + done.stderr, done


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
