#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The resolver, iprev and dnsbl against a real name server (nsd) with zones written here, and
against a scripted one that lies, babbles and is silent."""
import glob
import json
import os
import shutil
import smtplib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from peers import find_peer
from server import BUILD, Server
from tap import run_tests

SOA = "@ 3600 IN SOA ns hostmaster 1 3600 600 86400 60\n@ 3600 IN NS ns\nns IN A 192.0.2.53\n"
ZONES = {
    "example.net": SOA + """
@ IN MX 20 mx2
@ IN MX 10 mx1
@ IN TXT "v=spf1 -all"
_dmarc IN TXT "v=DMARC1; p=none; rua=mailto:a@example.net,mailto:b@in.example.net!10m,mailto:c@other.example; ruf=mailto:d@client.example,mailto:e@broken.example,https://x.example/"
_smtp._tls IN TXT "v=TLSRPTv1; rua=mailto:tls@example.net"
s1._domainkey IN TXT "v=DKIM1; p=abc"
loopback IN A 127.0.0.1
loopback IN AAAA ::1
mx1 IN A 192.0.2.1
mx1 IN AAAA 2001:db8::1
mx2 IN A 192.0.2.2
_25._tcp.mx1 IN TLSA 3 1 1 """ + "00" * 32 + """
null IN MX 0 .
implicit IN A 192.0.2.9
onlytext IN TXT "x"
alias IN CNAME alias2
alias2 IN CNAME alias3
alias3 IN CNAME @
away IN CNAME target.other.example.
loop IN CNAME loop2
loop2 IN CNAME loop
big IN MX 10 mx1
big IN TXT "v=spf1 """ + " ".join(f'" "ip4:198.51.100.{n}' for n in range(200)) + """ -all"
many IN MX 10 mx1
""" + "".join(f"many IN MX {100 + n} host{n}.a-rather-long-name-for-a-mail-host\n" for n in range(60)),
    "other.example": SOA + "target IN MX 5 mx\nmx IN A 192.0.2.77\n"
                          "example.net._report._dmarc IN TXT \"v=DMARC1\"\n",
    "2.0.192.in-addr.arpa": SOA + "7 IN PTR client.example.net.\n",
    "0.0.127.in-addr.arpa": SOA + "1 IN PTR localhost.client.example.\n",
    "client.example": SOA + "localhost IN A 127.0.0.1\n",
    "bl.example": SOA + "2.0.0.127 IN A 127.0.0.2\n9.0.0.127 IN A 127.0.0.2\n"
                        "9.0.0.127 IN TXT \"see http://bl.example/\"\n",
}
# The zone's file does not exist: nsd answers SERVFAIL.
BROKEN_ZONES = ["broken.example"]


def free_both():
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, \
             socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]


def find_libraries():
    """What nsd needs besides the base system."""
    return ":".join(os.path.dirname(glob.glob(find_peer(package, "usr/lib") + "/*/" + name)[0])
                    for package, name in (("libprotobuf-c1", "libprotobuf-c.so.1"),
                                          ("libfstrm0", "libfstrm.so.0")))


class Nsd:
    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="barid-nsd-")
        self.port = free_both()
        lines = ["server:", f"  ip-address: 127.0.0.1@{self.port}", '  username: ""', '  chroot: ""',
                 "  server-count: 1", f"  zonesdir: {self.folder}", '  database: ""',
                 f"  pidfile: {self.folder}/pid", f"  xfrdfile: {self.folder}/xfrd",
                 f"  zonelistfile: {self.folder}/list", f"  xfrdir: {self.folder}",
                 "remote-control:", "  control-enable: no"]
        for name in [*ZONES, *BROKEN_ZONES]:
            lines += ["zone:", f"  name: {name}", f"  zonefile: {name}.zone"]
        for name, text in ZONES.items():
            with open(f"{self.folder}/{name}.zone", "w", encoding="ascii") as file:
                file.write(f"$ORIGIN {name}.\n$TTL 300\n{text}")
        with open(f"{self.folder}/nsd.conf", "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        with open(f"{self.folder}/log", "wb") as log:
            self.process = subprocess.Popen(
                [find_peer("nsd", "usr/sbin/nsd"), "-d", "-c", f"{self.folder}/nsd.conf"],
                stdout=log, stderr=log, env=dict(os.environ, LD_LIBRARY_PATH=find_libraries()))
        self.wait_ready()
        return self

    def wait_ready(self):
        query = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"\7example\3net\0\0\6\0\1"
        end = time.monotonic() + 20
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(0.1)
            while time.monotonic() < end:
                try:
                    udp.sendto(query, ("127.0.0.1", self.port))
                    udp.recvfrom(4096)
                    return
                except OSError:
                    assert self.process.poll() is None, self.read_log()
        raise RuntimeError("nsd does not answer: " + self.read_log())

    def read_log(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def __exit__(self, *ignored):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


def check(port, *words):
    """baridctl check ...: its status and document, and the seconds it took."""
    start = time.monotonic()
    done = subprocess.run([os.path.join(BUILD, "src/baridctl/baridctl"), "check", *words, "--dns",
                           f"127.0.0.1:{port}", "--json"], capture_output=True, timeout=40,
                          check=False)
    assert done.returncode in (0, 1), done
    return done.returncode, json.loads(done.stdout), time.monotonic() - start


# --- a real name server ---

def test_domain():
    with Nsd() as nsd:
        status, found, _ = check(nsd.port, "domain", "Example.NET.")
        assert status == 0 and found["result"] == "ok", found
        assert [host["host"] for host in found["mx"]] == ["mx1.example.net", "mx2.example.net"]
        assert found["mx"][0]["addresses"] == ["192.0.2.1", "2001:db8::1"], found
        assert found["mx"][0]["tlsa_records"] == 1 and not found["mx"][0]["tlsa_secure"], found
        assert found["spf"] == "v=spf1 -all" and found["dmarc"].startswith("v=DMARC1"), found
        assert [(each["address"], each["accepted"]) for each in found["dmarc_reports"]] == [
            ("a@example.net", "yes"), ("b@in.example.net", "yes"), ("c@other.example", "yes"),
            ("d@client.example", "no"), ("e@broken.example", "unknown")], found
        assert found["mta_sts"] is None and found["tls_rpt"].startswith("v=TLSRPTv1"), found
        assert not found["implicit_mx"] and not found["secure"], found
        assert "dkim" not in found, found
        found = check(nsd.port, "domain", "example.net", "--selector", "s1, s2")[1]
        assert found["dkim"] == [{"selector": "s1", "record": "v=DKIM1; p=abc"},
                                 {"selector": "s2", "record": None}], found


def test_answers():
    rows = [
        ("null.example.net", 1, "null-mx", []),
        ("implicit.example.net", 0, "ok", [["192.0.2.9"]]),
        ("onlytext.example.net", 1, "no-address", [[]]),
        ("loopback.example.net", 1, "no-address", [["127.0.0.1", "::1"]]),
        ("nothing.example.net", 1, "no-domain", []),
        ("alias.example.net", 0, "ok", [["192.0.2.1", "2001:db8::1"], ["192.0.2.2"]]),
        # The chain leaves the zone; the server tells the rest when it is asked again.
        ("away.example.net", 0, "ok", [["192.0.2.77"]]),
        ("loop.example.net", 1, "temperror", []),
        ("broken.example", 1, "temperror", []),
        ("refused.example", 1, "temperror", []),
        ("a..b", 1, "no-domain", []),
    ]
    with Nsd() as nsd:
        for name, status, result, addresses in rows:
            got = check(nsd.port, "domain", name)
            assert got[0] == status and got[1]["result"] == result, (name, got)
            assert [host["addresses"] for host in got[1]["mx"]] == addresses, (name, got)


def test_truncated():
    """Answers of more than 1232 bytes come over TCP."""
    with Nsd() as nsd:
        _, found, _ = check(nsd.port, "domain", "big.example.net")
        assert len(found["spf"]) > 3000 and found["spf"].endswith("-all"), found["spf"]
        _, found, _ = check(nsd.port, "domain", "many.example.net")
        assert found["result"] == "ok" and len(found["mx"]) == 20, found


def test_iprev():
    with Nsd() as nsd:
        status, found, _ = check(nsd.port, "iprev", "--ip", "127.0.0.1")
        assert status == 0 and found == {"result": "pass", "name": "localhost.client.example",
                                         "names": ["localhost.client.example"]}, found
        status, found, _ = check(nsd.port, "iprev", "--ip", "192.0.2.7")
        assert status == 1 and found["result"] == "fail", found
        assert found["names"] == ["client.example.net"] and found["name"] is None, found
        assert check(nsd.port, "iprev", "--ip", "192.0.2.8")[1]["result"] == "permerror"
        assert check(nsd.port, "iprev", "--ip", "198.51.100.1")[1]["result"] == "temperror"



def test_daemon():
    """A silent server stands first: sessions wait for it once, and for 300 ms only, then it comes last."""
    with Nsd() as nsd, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        extra = f"""
[resolver]
servers = 127.0.0.1:{silent.getsockname()[1]}, 127.0.0.1:{nsd.port}
timeout = 1s
[module iprev]
enabled = yes
strict = yes
[module dnsbl]
enabled = yes
[dnsbl bl]
zone = bl.example
quote-text = yes
"""
        with Server(extra) as server:
            def mail(source):
                smtp = smtplib.SMTP("127.0.0.1", server.port, "client.example.com",
                                    source_address=(source, 0))
                start = time.monotonic()
                smtp.ehlo()
                reply = smtp.mail("bob@example.com")
                return reply, time.monotonic() - start
            reply, seconds = mail("127.0.0.1")
            assert reply[0] == 250 and 0.2 < seconds < 1, (reply, seconds)
            reply, seconds = mail("127.0.0.1")
            assert reply[0] == 250 and seconds < 0.5, (reply, seconds)
            # No name and a listing: iprev stands before dnsbl.
            reply, seconds = mail("127.0.0.9")
            assert reply[0] == 550 and reply[1].startswith(b"5.7.25"), reply
            assert seconds < 1, seconds


def test_listing():
    with Nsd() as nsd:
        extra = f"""
[resolver]
servers = 127.0.0.1:{nsd.port}
[module dnsbl]
enabled = yes
[dnsbl bl]
zone = bl.example
quote-text = yes
"""
        with Server(extra) as server:
            smtp = smtplib.SMTP("127.0.0.1", server.port, "client.example.com",
                                source_address=("127.0.0.9", 0))
            smtp.ehlo()
            reply = smtp.mail("bob@example.com")
            assert reply == (554, b"5.7.1 127.0.0.9 is listed by bl.example: "
                                  b"see http://bl.example/"), reply
            smtp.quit()
            text = json.dumps(server.ctl("explain", "--remote-ip", "127.0.0.9"))
            decisions = json.loads(text)["sessions"][0]["decisions"]
            inputs = next(one["inputs"] for one in decisions if one["stage"] == "connect")
            assert inputs["dns 9.0.0.127.bl.example A"] == "127.0.0.2", inputs
            assert inputs["listed 127.0.0.9"] == "bl (127.0.0.2)", inputs
            smtp = smtplib.SMTP("127.0.0.1", server.port, "client.example.com")
            smtp.ehlo()
            assert smtp.mail("bob@example.com")[0] == 250


# --- a hostile one ---

class Liar:
    """Answers UDP and TCP with whatever (udp) and (tcp) make of a query: a list of datagrams, or
    bytes for the TCP connection, or None."""

    def __init__(self, udp=None, tcp=None, pause=0):
        self.make = {"udp": udp, "tcp": tcp}
        self.pause = pause

    def __enter__(self):
        self.port = free_both()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.bind(("127.0.0.1", self.port))
        self.tcp.listen(50)
        self.open = []
        threading.Thread(target=self.serve_udp, daemon=True).start()
        threading.Thread(target=self.serve_tcp, daemon=True).start()
        return self

    def serve_udp(self):
        while True:
            try:
                query, peer = self.udp.recvfrom(4096)
                for reply in (self.make["udp"](query) if self.make["udp"] else []):
                    self.udp.sendto(reply, peer)
            except OSError:
                return

    def serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        try:
            query = connection.recv(4096)
            reply = self.make["tcp"](query[2:]) if self.make["tcp"] else None
            if reply is None:
                return
            if not self.pause:
                connection.sendall(reply)
            for byte in reply if self.pause else b"":
                connection.sendall(bytes([byte]))
                time.sleep(self.pause)
            connection.close()
        except (OSError, IndexError):
            pass

    def __exit__(self, *ignored):
        for opened in [self.udp, self.tcp, *self.open]:
            opened.close()


def question(query):
    end = 12
    while query[end]:
        end += query[end] + 1
    return query[12:end + 5]


def reply(query, answers=(), additional=(), flags=0x8180, number=None):
    return (struct.pack(">2sHHHHH", query[:2], flags, 1,
                        len(answers) if number is None else number, 0, len(additional)) +
            question(query) + b"".join(answers) + b"".join(additional))


def record(kind, data, owner=b"\xc0\x0c", ttl=300):
    return owner + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def honest(query):
    kind = struct.unpack(">H", question(query)[-4:-2])[0]
    data = {1: b"\xc0\0\2\1", 15: b"\0\x0a\2mx" + b"\xc0\x0c"}.get(kind)
    return reply(query, [] if data is None else [record(kind, data)])


def framed(message):
    return struct.pack(">H", len(message)) + message


def wrong_id(query):
    return struct.pack(">H", struct.unpack(">H", query[:2])[0] ^ 0x5555) + honest(query)[2:]


def other_question(query):
    return honest(query[:2] + query[2:12] + b"\3www\5other\0\0\1\0\1")


def tsigs(query):
    return reply(query, [record(1, b"\xc0\0\2\1")], [record(250, b"x")] * 30)


def pointers(query):
    """Names of long chains of pointers, as many as there is room for."""
    base = 12 + len(question(query)) + 12
    chain = b"".join(struct.pack(">H", 0xc000 | (12 if n == 0 else base + 2 * (n - 1)))
                     for n in range(8000))
    last = struct.pack(">H", 0xc000 | min(base + 2 * 7999, 0x3ffe))
    records = [record(999, chain)]
    size = 12 + len(question(query)) + len(records[0])
    while size + 12 < 65000:
        records.append(record(999, b"", owner=last))
        size += 12
    return reply(query, records)


def garbage(query):
    return os.urandom(len(query) + 200)


def garbage_with_head(query):
    return reply(query, number=7) + os.urandom(300)


def truncated(query):
    return [reply(query, flags=0x8380)]


HOSTILE = [
    ("silence", None, None),
    ("wrong ids", lambda q: [wrong_id(q)] * 50, None),
    ("a flood of wrong ids", lambda q: [wrong_id(q)] * 2000, None),
    ("another question", lambda q: [other_question(q)], lambda q: framed(other_question(q))),
    ("garbage", lambda q: [garbage(q)], lambda q: garbage(q)),
    ("garbage behind a good head", lambda q: [garbage_with_head(q)],
     lambda q: framed(garbage_with_head(q))),
    ("signatures", lambda q: [tsigs(q)], lambda q: framed(tsigs(q))),
    ("chains of pointers", truncated, lambda q: framed(pointers(q))),
    ("64 KiB that never end", truncated, lambda q: b"\xff\xff" + bytes(1000)),
    ("64 KiB of zeros", truncated, lambda q: b"\xff\xff" + q[:2] + b"\x81\x80" + bytes(65531)),
    ("an empty message", truncated, lambda q: b"\0\0"),
    ("truncated for ever", truncated, lambda q: framed(truncated(q)[0])),
    ("an empty datagram", lambda q: [b""], lambda q: b""),
]


def test_hostile():
    for what, udp, tcp in HOSTILE:
        with Liar(udp, tcp) as liar:
            status, found, seconds = check(liar.port, "iprev", "--ip", "192.0.2.7")
            assert status == 1 and found["result"] == "temperror", (what, found)
            assert seconds < 12, (what, seconds)


def test_silent():
    """Many questions to a server that never answers end in time all the same."""
    with Liar() as liar:
        status, found, seconds = check(liar.port, "domain", "victim.example")
        assert status == 1 and found["result"] == "temperror" and seconds < 29, (found, seconds)


def test_honest_behind_forged():
    """Forged replies before the true one change nothing."""
    def udp(query):
        return [wrong_id(query), other_question(query), b"", garbage(query)[:11], honest(query)]
    with Liar(udp) as liar:
        status, found, seconds = check(liar.port, "domain", "victim.example")
        assert status == 0 and found["mx"][0]["addresses"] == ["192.0.2.1"], found
        assert seconds < 5, seconds


def test_slow_tcp():
    """A byte at a time is borne as long as the server's time lasts, and no longer."""
    with Liar(truncated, lambda q: framed(honest(q)), pause=0.2) as liar:
        status, found, seconds = check(liar.port, "domain", "victim.example")
        assert status == 1 and found["result"] == "temperror" and seconds < 29, (found, seconds)


def test_server_survives():
    """A daemon whose only name server lies goes on serving."""
    with Liar(lambda q: [tsigs(q)], lambda q: framed(pointers(q))) as liar:
        extra = f"""
[resolver]
servers = 127.0.0.1:{liar.port}
timeout = 500ms
[module iprev]
enabled = yes
[module dnsbl]
enabled = yes
[dnsbl bl]
zone = bl.example
"""
        with Server(extra) as server:
            pid = server.worker_pid()
            for _ in range(20):
                smtp = smtplib.SMTP("127.0.0.1", server.port, "client.example.com")
                smtp.ehlo()
                assert smtp.mail("bob@example.com")[0] == 250
                smtp.close()
            assert server.worker_pid() == pid


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
