#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench-auth.py [--quick] [--out FILE] [--only NAMES] [--no-peers]: what it costs to verify mail
with SPF, DKIM and DMARC, Barid beside Postfix with OpenDKIM and OpenDMARC, and with rspamd.

Mail of 4 KiB with one signature (RSA-2048), accepted only. CPU time is that of all processes
of a server and its filters; the client and the name server, which all ask, are not counted.
All servers run in one go, medians of three. Runs in namespaces of its own, where a client has
an address that is not the loopback's. Needs what bench-server.py needs. (NAMES) is a comma
list of: cpu, latency."""
import argparse
import glob
import json
import os
import smtplib
import statistics
import subprocess
import sys
import tempfile
import time

from measure import BUILD, CACHE, ROUNDS, SIZE, Sources, Table, profile
from servers import POSTFIX_SETTINGS, Barid, Postfix, raise_file_limit, read, unpacked

import hosts
from dns_gate import Gate
from name_server import NameServer

PARTS = ["cpu", "latency"]
KEPT = 1000  # messages a connection
CLIENT = "192.0.2.7"
DELAY = 0.05  # seconds that the slow name server takes
PLACES = 11  # domains asked about once; the first is not counted
BARIDCTL = os.path.join(BUILD, "src/baridctl/baridctl")
RESULTS = (b"spf=pass", b"dkim=pass", b"dmarc=pass")

ZONE = """
client{dot} IN A {client}
client{dot} IN TXT "v=spf1 a -all"
{at} IN TXT "v=spf1 include:_spf.{domain} -all"
_spf{dot} IN TXT "v=spf1 ip4:{client} -all"
_dmarc{dot} IN TXT "v=DMARC1; p=reject"
s._domainkey{dot} IN TXT {key}
"""

HOLD = "[queue]\nconcurrency = 0\n"
AUTH = """
[module spf]
enabled = yes
[module dkim]
enabled = yes
[module dmarc]
enabled = yes
[module authresults]
enabled = yes
[module openssl]
enabled = yes
"""
RESOLVER = "[resolver]\nservers = 127.0.0.1:{port}\n"

OPEN_PACKAGES = ["opendkim", "libopendkim11", "liblua5.3-0", "libmemcached11", "libhashkit2",
                 "libmilter1.0.1", "libopendbx1", "librbl1", "libvbr2", "libunbound8",
                 "libldap-2.5-0", "libbsd0", "dns-root-data", "opendmarc", "libopendmarc2",
                 "libspf2-2", "publicsuffix"]
OPEN_COMMANDS = """
echo 'nameserver 127.0.0.1' > /etc/resolv.conf
mkdir -p /var/spool/milters
echo 192.0.2.1 > /etc/nobody
cat > /etc/opendkim.conf <<END
Mode v
Socket local:/var/spool/milters/opendkim
UMask 000
InternalHosts file:/etc/nobody
AuthservID mx.example.org
Nameservers 127.0.0.1
END
cat > /etc/opendmarc.conf <<END
Socket local:/var/spool/milters/opendmarc
UMask 000
IgnoreHosts /etc/nobody
AuthservID mx.example.org
TrustedAuthservIDs mx.example.org
SPFIgnoreResults true
SPFSelfValidate true
PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat
END
"""
# The shell becomes Postfix's master, and the filters are counted as its children.
OPEN_START = "opendkim -f & opendmarc -f &"

RSPAMD_PACKAGES = ["rspamd", "libluajit-5.1-2", "libluajit-5.1-common", "libhyperscan5",
                   "libsodium23", "libunwind8", "libicu72"]
# Nothing but what is compared, in one process that Postfix speaks to itself.
RSPAMD_COMMANDS = """
mkdir -p /var/spool/milters /var/lib/rspamd /run/rspamd
chmod 777 /var/spool/milters
chown nobody:nogroup /var/lib/rspamd
cat > /etc/rspamd/rspamd.conf <<END
options {
  pidfile = "/run/rspamd/pid";
  filters = "dkim";
  url_tld = "/usr/share/rspamd/effective_tld_names.dat";
  hs_cache_dir = "/var/lib/rspamd";
  cache_file = "/var/lib/rspamd/symbols.cache";
  local_addrs = ["192.0.2.1"];
  disable_monitoring = true;
  dns { nameserver = ["127.0.0.1:53"]; }
}
logging { type = "file"; filename = "/var/spool/rspamd.log"; level = "warning"; }
worker "rspamd_proxy" {
  bind_socket = "/var/spool/milters/rspamd mode=0666";
  milter = yes;
  count = 1;
  timeout = 120s;
  upstream "local" { default = yes; self_scan = yes; }
}
actions { reject = 1000; }
modules {
  path = "/usr/share/rspamd/plugins/spf.lua";
  path = "/usr/share/rspamd/plugins/dmarc.lua";
  path = "/usr/share/rspamd/plugins/milter_headers.lua";
}
dkim { dkim_cache_size = 2k; }
spf { spf_cache_size = 2k; }
dmarc { }
milter_headers { use = ["authentication-results"]; }
END
touch /var/spool/rspamd.log
chown nobody:nogroup /var/spool/rspamd.log
"""
RSPAMD_START = "rspamd -f -u nobody -g nogroup -c /etc/rspamd/rspamd.conf &"

MILTERS = """
smtpd_milters = {}
milter_default_action = tempfail
"""


class FilteredPostfix(Postfix):
    """With filters whose (sockets) are below /var/spool/milters."""
    sockets, packages, commands, start = (), (), "", ""

    def make_program(self):
        milters = ", ".join(f"unix:/var/spool/milters/{name}" for name in self.sockets)
        return unpacked.Postfix(self.port, POSTFIX_SETTINGS + MILTERS.format(milters),
                                self.commands, name="mx.example.org", others=self.packages,
                                command=["/bin/sh", "-c", self.start + " exec "
                                         "/usr/lib/postfix/sbin/master -d -c /etc/postfix"])

    def after_start(self):
        folder = os.path.join(self.program.folder, "spool/milters/")
        end = time.monotonic() + 60
        while not all(os.path.exists(folder + name) for name in self.sockets):
            if time.monotonic() > end:
                raise RuntimeError("the filters did not start")
            time.sleep(0.1)


class OpenPostfix(FilteredPostfix):
    name = "Postfix+OpenDKIM+OpenDMARC"
    sockets, packages = ("opendkim", "opendmarc"), OPEN_PACKAGES
    commands, start = OPEN_COMMANDS, OPEN_START


class RspamdPostfix(FilteredPostfix):
    name = "Postfix+rspamd"
    sockets, packages = ("rspamd",), RSPAMD_PACKAGES
    commands, start = RSPAMD_COMMANDS, RSPAMD_START


# --- mail and its records ---

class Mail:
    """Signed by (domain) with a key that is made here once."""
    folder = None
    key = record = ""

    @classmethod
    def make_key(cls, folder):
        cls.folder, cls.key = folder, os.path.join(folder, "key.pem")
        done = subprocess.run([BARIDCTL, "genkey", "dkim", "--algorithm", "rsa-2048", "--selector",
                               "s", "--domain", "example.net", "--output", cls.key, "--json"],
                              check=True, capture_output=True, text=True)
        cls.record = json.loads(done.stdout)["record"]

    @classmethod
    def make_zone(cls, domain, below=""):
        """Records of (domain), which is (below) its zone."""
        key = " ".join(f'"{cls.record[at:at + 250]}"' for at in range(0, len(cls.record), 250))
        return ZONE.format(domain=domain, at=below or "@", dot="." + below if below else "",
                           client=CLIENT, key=key)

    @classmethod
    def sign(cls, domain):
        """The path of the message, with line ends of SMTP."""
        line = "The quick brown fox jumps over the lazy dog, and does so again and again.\r\n"
        text = (f"From: Bench <bench@{domain}>\r\nTo: Alice <alice@example.org>\r\n"
                f"Subject: A message of the bench\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n"
                f"Message-ID: <1@{domain}>\r\nMIME-Version: 1.0\r\n"
                f"Content-Type: text/plain; charset=utf-8\r\n\r\n")
        text += line * ((SIZE - len(text)) // len(line))
        done = subprocess.run([BARIDCTL, "sign", "dkim", "--domain", domain, "--selector", "s",
                               "--key", cls.key, "-"], input=text.encode(), check=True,
                              capture_output=True)
        path = os.path.join(cls.folder, domain + ".eml")
        with open(path, "wb") as file:
            file.write(done.stdout)
        return path


def assert_verified(name, folder):
    """That a message below (folder) has all good results in its header."""
    for path in glob.glob(os.path.join(folder, "**"), recursive=True):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                text = file.read()
            if all(result in text.replace(b"; ", b";") for result in RESULTS):
                return
    raise RuntimeError(f"{name} did not verify")


# --- CPU time ---

def measure_cpu(peer, sources, messages, path):
    words = (f"source={CLIENT}", f"content={path}")
    seconds = []
    for count in [max(messages // 10, 20)] + [messages] * ROUNDS:
        peer.settle()
        before = peer.cpu()
        sources.load_run(peer.port, count, KEPT, *words)
        peer.settle()
        seconds.append((peer.cpu() - before) * 1000 / count)
    return statistics.median(seconds[1:])


def measure_peers(sources, options, path):
    """CPU seconds of each: with its filters, and of Postfix alone."""
    costs, alone = {}, {}
    for peer_class in options.peers:
        with peer_class() as peer:
            costs[peer.name] = measure_cpu(peer, sources, options.messages // 4, path)
            assert_verified(peer.name, os.path.join(peer.program.folder, "spool/postfix/hold"))
    if options.peers:
        with Postfix() as peer:
            alone[peer.name] = measure_cpu(peer, sources, options.messages // 4, path)
    return costs, alone


def bench_cpu(table, sources, options):
    path = Mail.sign("example.net")
    with NameServer({"example.net": Mail.make_zone("example.net"), "net": ""}, port=53):
        resolver = RESOLVER.format(port=53)
        with Barid(HOLD + AUTH + resolver) as barid:
            ours = measure_cpu(barid, sources, options.messages, path)
            assert_verified(barid.name, barid.server.state)
            profile(barid.pid, "auth", lambda: sources.load_run(
                barid.port, options.messages, KEPT, f"source={CLIENT}", f"content={path}"))
        with Barid(HOLD + resolver) as barid:
            ours_alone = measure_cpu(barid, sources, options.messages, path)
        costs, alone = measure_peers(sources, options, path)
    table.add("CPU seconds per 1000 verified, SPF, DKIM and DMARC, 4 KiB", ours, costs,
              "a fifth of the best peer's")
    table.add("the same mail, not verified", ours_alone, alone, "")


# --- a slow name server ---

def time_message(port, domain, path):
    """Milliseconds until the replies to MAIL and to the final dot."""
    with open(path, "rb") as file:
        text = file.read()
    with smtplib.SMTP("127.0.0.1", port, local_hostname=f"client.{domain}", timeout=30,
                      source_address=(CLIENT, 0)) as client:
        client.ehlo()
        start = time.monotonic()
        assert client.mail(f"bench@{domain}")[0] == 250
        mail = time.monotonic()
        assert client.rcpt("alice@example.org")[0] == 250
        assert client.docmd("DATA")[0] == 354
        client.send(text + b".\r\n")
        dot = time.monotonic()
        assert client.getreply()[0] == 250
        return (mail - start) * 1000, (time.monotonic() - dot) * 1000


def bench_latency(table, _sources, _options):
    """Each message is of a domain under a top of its own, so that nothing is known of it."""
    zones = {f"t{n}": Mail.make_zone(f"mail.t{n}", "mail") for n in range(PLACES)}
    with NameServer(zones) as names, Gate(names.port, DELAY) as gate, \
            Barid(HOLD + AUTH + RESOLVER.format(port=gate.port)) as barid:
        times = [time_message(barid.port, f"mail.t{n}", Mail.sign(f"mail.t{n}"))
                 for n in range(PLACES)][1:]
        assert_verified(barid.name, barid.server.state)
        print(f"# questions: {len(gate.asked)}, of one message:", sorted(
            name for name in gate.asked if name.endswith("t1")), flush=True)
    mail, dot = (statistics.median(column) for column in zip(*times))
    what = f"a name server of {DELAY * 1000:.0f} ms that knows nothing yet"
    table.add(f"from the final dot to its reply, {what}", dot, {}, "< 150 ms", "ms")
    table.add("from MAIL to its reply, then", mail, {}, "", "ms")


def unpack_all():
    """What is needed later: there is no network inside."""
    for package in ["postfix", "nsd", "libprotobuf-c1", "libfstrm0", *OPEN_PACKAGES,
                    *RSPAMD_PACKAGES]:
        unpacked.unpack(package)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--only", default=",".join(PARTS))
    options = parser.parse_args()
    options.messages = 4000 if options.quick else 16000
    options.peers = [] if options.no_peers else [OpenPostfix, RspamdPostfix]
    if hosts.MARK not in os.environ:
        unpack_all()
    hosts.enter()
    hosts.ip("link", "set", "lo", "up")
    hosts.ip("address", "add", CLIENT + "/32", "dev", "lo")
    raise_file_limit()
    os.makedirs(CACHE, exist_ok=True)
    sources = Sources()
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        Mail.make_key(folder)
        for part in options.only.split(","):
            globals()["bench_" + part](table, sources, options)
    text = table.text()
    path = os.path.join(CACHE, "profile-auth.txt")
    text += f"\nauth: {read(path)}"
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    sys.exit(main())
