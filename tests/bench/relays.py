# SPDX-License-Identifier: Apache-2.0
"""The servers of servers.py as bench-relay.py needs them: mail for example.org goes on to a
sink that counts it, mail for address literals to hosts that refuse the connection."""
import os
import subprocess
import time

from measure import BUILD
from servers import POSTFIX_SETUP, Barid, OpenSmtpd, Peer, Postfix, Unpacked, read, server

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
[certificate bench]
chain = {folder}/chain.pem
key = {folder}/key.pem
"""

# The tables of the peers; certificates are theirs to read.
CERTIFICATE = """
mkdir -p /etc/bench
cp {folder}/chain.pem {folder}/key.pem /etc/bench/
chmod 644 /etc/bench/*
"""

POSTFIX_RELAY = """
sed -i '/^smtpd_client_restrictions\\|^smtpd_tls_security_level\\|^mydestination/d' \\
    /etc/postfix/main.cf
cat >> /etc/postfix/main.cf <<END
mydestination =
transport_maps = inline:{{{{example.org=smtp:[127.0.0.1]:{sink}}}}}
minimal_backoff_time = {retry}s
queue_run_delay = {retry}s
maximal_backoff_time = {retry}s
smtp_tls_security_level = none
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/bench/key.pem, /etc/bench/chain.pem
smtpd_client_connection_count_limit = 0
END
"""

OPENSMTPD_RELAY = """
set -eu
cat > /etc/smtpd.conf <<END
smtp limit max-mails 1000000
listen on 127.0.0.1 port {{port}} hostname mx.example.org
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

EXIM_RELAY = """
set -eu
id=900
echo "Debian-exim:x:$id:$id::/nonexistent:/usr/sbin/nologin" >> /etc/passwd
echo "Debian-exim:x:$id:" >> /etc/group
cat > /etc/bench.conf <<END
spool_directory = /var/spool/exim
log_file_path = /var/log/exim-%slog
pid_file_path = /var/spool/exim/pid
primary_hostname = mx.example.org
keep_environment =
daemon_smtp_ports = {{port}}
local_interfaces = 127.0.0.1
tls_advertise_hosts = *
tls_certificate = /etc/bench/chain.pem
tls_privatekey = /etc/bench/key.pem
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 100
smtp_accept_queue_per_connection = 0
acl_smtp_rcpt = take
acl_smtp_data = take
begin acl
take:
  accept
begin routers
sink:
  driver = manualroute
  domains = example.org
  transport = smtp
  route_list = * 127.0.0.1::{sink}
  self = send
begin transports
smtp:
  driver = smtp
  hosts_avoid_tls = *
END
mkdir -p /var/spool/exim
chown Debian-exim /var/spool/exim /var/log
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

    def wait(self, messages, seconds=600):
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
        with open(self.server.config, "w", encoding="utf-8") as file:
            file.write(text)

    def restart(self):
        self.server.stop()
        start = time.monotonic()
        self.server.start()
        self.pid = self.server.process.pid
        return start


class Relay(Unpacked):
    """(setup) is made when the sink's port is known; (count) is of no use here."""
    relay, holds = "", ""

    def __init__(self, sink, retry, hold=False):
        self.sink, self.retry, self.hold = sink, retry, hold

    def prepare(self):
        make_certificate(self.folder)
        self.setup = (self.base + CERTIFICATE.replace("{folder}", self.folder)
                      + self.relay.format(sink=self.sink.port, retry=self.retry)
                      + (self.holds if self.hold else ""))


class RelayPostfix(Relay, Postfix):
    base, relay = POSTFIX_SETUP.replace("/usr/sbin/postfix check\n", ""), POSTFIX_RELAY
    queue = "postfix"
    holds = """
echo 'smtpd_client_restrictions = check_client_access static:HOLD' >> /etc/postfix/main.cf
"""

    def count(self):
        return sum(len(files) for folder in ("incoming", "active", "deferred") for _, _, files in
                   os.walk(os.path.join(self.folder, "spool/postfix", folder)))


class RelayOpenSmtpd(Relay, OpenSmtpd):
    base, relay = "", OPENSMTPD_RELAY

    def after_start(self):
        pass


class RelayExim(Relay):
    name = "Exim"
    own_max = 1000
    base, relay = "", EXIM_RELAY
    holds = """
sed -i '1i queue_only = true' /etc/bench.conf
"""
    package, queue = "exim4-daemon-light", "exim/input"
    command = ["/usr/sbin/exim4", "-C", "/etc/bench.conf", "-bdf", "-q5m"]
