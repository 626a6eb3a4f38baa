# SPDX-License-Identifier: Apache-2.0
"""The servers of servers.py as bench-relay.py needs them: mail for example.org goes on to a
sink that counts it, mail for address literals to hosts that refuse the connection."""
import os
import subprocess
import tempfile
import time

from measure import BUILD
from servers import Barid, OpenSmtpd, Peer, Postfix, Unpacked, read, server, unpacked

BARID_RELAY = """
[queue]
retry = {retry}s
concurrency = {concurrency}
[rcpt]
relay = yes
[outbound]
next-hop = if rcpt-domain == "example.org" then "sink" else "mx"
port = 25
allow-loopback = yes
tls = none
[host sink]
address = 127.0.0.1:{sink}
[module openssl]
enabled = yes
[certificate bench]
chain = {folder}/chain.pem
key = {folder}/key.pem
"""

# Its certificate, for the peers to read.
CERTIFICATE = """
mkdir -p /etc/bench
cat > /etc/bench/key.pem <<END
{key}END
cat > /etc/bench/chain.pem <<END
{chain}END
"""

POSTFIX_RELAY = """
mydestination =
mynetworks = 127.0.0.0/8
transport_maps = inline:{{{{example.org=smtp:[127.0.0.1]:{sink}}}}}
minimal_backoff_time = {retry}s
queue_run_delay = {retry}s
maximal_backoff_time = {retry}s
smtp_tls_security_level = none
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/bench/key.pem, /etc/bench/chain.pem
smtpd_client_connection_count_limit = 0
"""
POSTFIX_HOLD = "smtpd_client_restrictions = check_client_access static:HOLD\n"

OPENSMTPD_RELAY = """
set -eu
cat > /etc/smtpd.conf <<END
smtp limit max-mails 1000000
listen on 127.0.0.1 port {port} hostname mx.example.org
action "sink" relay host smtp://127.0.0.1:{sink}
action "mx" relay
match from any for domain "example.org" action "sink"
match from any for any action "mx"
END
echo 'lookup file' > /etc/resolv.conf
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
chmod 711 /var/spool/smtpd
chgrp opensmtpq /usr/sbin/smtpctl
chmod 2755 /usr/sbin/smtpctl
"""

def make_certificate(folder):
    """P-256, as most servers have."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                    "/CN=mx.example.org", "-keyout", folder + "/key.pem", "-out",
                    folder + "/chain.pem"], check=True, capture_output=True)


class CountingSink(Peer):
    """Our own: it is cheap, and tells when the first and the last message came."""

    def __enter__(self):
        self.port = server.free_port()
        self.process = subprocess.Popen([os.path.join(BUILD, "tests/bench/smtp-count"),
                                         str(self.port)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        self.wait_listening()
        return self

    def __exit__(self, *ignored):
        self.process.kill()
        self.process.wait()

    def ask(self):
        """(messages, first, last) since this was asked last; times of time.monotonic()."""
        self.process.stdin.write("?")
        self.process.stdin.flush()
        count, first, last = self.process.stdout.readline().split()
        return int(count), float(first), float(last)

    def wait(self, messages, seconds=120):
        """Until so many have come: when the first and the last came."""
        end = time.monotonic() + seconds
        start = last = None
        while messages > 0:
            count, first, newest = self.ask()
            if count > 0:
                start, last = start or first, newest
                messages -= count
            if time.monotonic() > end:
                raise RuntimeError(f"{messages} messages did not arrive")
            time.sleep(0.01)
        assert messages == 0, f"{-messages} messages more than were sent"
        return start, last


class RelayBarid(Barid):
    def __init__(self, sink, retry, hold=False):
        super().__init__()
        make_certificate(self.server.folder)
        with open(self.server.config, "a", encoding="utf-8") as file:
            file.write(BARID_RELAY.format(sink=sink.port, retry=retry, folder=self.server.folder,
                                          concurrency=0 if hold else 100))
        text = read(self.server.config).replace("[listener smtp]\n",
                                                "[listener smtp]\ncertificate = bench\n")
        # What the peers relay is not local here either.
        text = text.replace("[domain example.org]", "[domain example.com]")
        text = text.replace("alice@example.org", "alice@example.com")
        with open(self.server.config, "w", encoding="utf-8") as file:
            file.write(text)

    def restart(self):
        self.server.stop()
        start = time.monotonic()
        self.server.start()
        self.pid = self.server.process.pid
        return start


class Relay(Unpacked):
    def __init__(self, sink, retry, hold=False):
        self.sink, self.retry, self.hold = sink, retry, hold

    def fill(self, text):
        return text.format(port=self.port, sink=self.sink.port, retry=self.retry)

    def certificate(self):
        with tempfile.TemporaryDirectory() as folder:
            make_certificate(folder)
            return CERTIFICATE.format(key=read(folder + "/key.pem"),
                                      chain=read(folder + "/chain.pem"))


class RelayPostfix(Relay, Postfix):
    share = 4  # of what Barid gets to do

    def make_program(self):
        settings = POSTFIX_RELAY.format(sink=self.sink.port, retry=self.retry)
        return unpacked.Postfix(self.port, settings + (POSTFIX_HOLD if self.hold else ""),
                                commands=self.certificate(), name="mx.example.org")


class RelayOpenSmtpd(Relay, OpenSmtpd):
    share = 40  # it sends some tens a second to one host

    def make_program(self):
        return unpacked.Unpacked("opensmtpd", self.fill(OPENSMTPD_RELAY),
                                 ["/usr/sbin/smtpd", "-d"])

    def after_start(self):
        pass
