#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The module geoip: findings for clients of several networks in rules, explanations, policy tests
and a replay; databases that are replaced, damaged or no databases at all; under confinement."""
import hashlib
import json
import os
import random
import re
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from mmdb_writer import UINT16, MARKER, Number, make_database
from server import Server
from tap import run_tests

# Cut in the middle of a character.
LONG = "x" + "ä" * 100
COUNTRIES = {
    "127.0.0.2/32": {"country": {"iso_code": "DE", "names": {"en": "Germany"}}},
    "127.0.0.3/32": {"country": {"iso_code": "fr"}, "registered_country": {"iso_code": "US"}},
    "127.0.0.4/32": {"continent": {"code": "EU"}, "registered_country": {"iso_code": "CH"}},
    "127.0.0.5/32": {"country": {"iso_code": "DEU"}},
    "127.0.0.6/32": {"country": {"iso_code": 49}},
    "127.0.0.7/32": {"country": "DE"},
    # The text is said to be longer than the file.
    "127.0.0.8/32": b"\xe1\x47country\xe1\x48iso_code\x5f\xff\xff\xff",
    "::1/128": {"country": {"iso_code": "NL"}},
    "2001:db8::/32": {"country": {"iso_code": "SE"}},
}
SYSTEMS = {
    "127.0.0.2/32": {"autonomous_system_number": 64500,
                     "autonomous_system_organization": "Example\r\n\x1b[31m\u009b Ltd"},
    "127.0.0.3/32": {"autonomous_system_number": Number(64501, UINT16),
                     "autonomous_system_organization": LONG + "x"},
    "127.0.0.4/32": {"autonomous_system_number": 4294967294},
    "127.0.0.5/32": {"autonomous_system_number": "64502"},
    "127.0.0.6/32": {"autonomous_system_number": 0, "autonomous_system_organization": "none"},
    "::1/128": {"autonomous_system_number": 64510,
                "autonomous_system_organization": "Six"},
}
# What an address is told to be: country, number, organization.
KNOWN = {
    "127.0.0.1": ("", "", ""),
    "127.0.0.2": ("DE", "64500", "Example???[31m? Ltd"),
    "127.0.0.3": ("FR", "64501", "x" + "ä" * 63),
    "127.0.0.4": ("CH", "4294967294", ""),
    "127.0.0.5": ("", "", ""),
    "127.0.0.6": ("", "", ""),
    "127.0.0.7": ("", "", ""),
    "127.0.0.8": ("", "", ""),
    "::1": ("NL", "64510", "Six"),
}
RULES = """
[listener six]
address = [::1]:{six}
greeting = "at connect ${{finding.geoip.country}}"
[auth]
require = if finding.geoip.country in {{"FR", "NL"}} then yes else no
[rcpt]
relay = if finding.geoip.country == "DE" and finding.geoip.asn in {{"64500", "64999"}} then yes else no
[outbound]
next-hop = hole
[host hole]
address = 127.0.0.1:9
"""
GREETING = ("greeting = \"${finding.geoip.country}|${finding.geoip.asn}|"
            "${hash(finding.geoip.organization)}\"\n")
MODULE = """
[module geoip]
enabled = yes
country-database = {folder}/geo/country.mmdb
asn-database = {folder}/geo/asn.mmdb
"""


def put(path, data):
    """As those do it who bring new ones."""
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)


class World(Server):
    """A server whose databases are in its folder geo."""

    def __init__(self, extra="", module=MODULE, listener=GREETING):
        self.six = barid.free_port(socket.AF_INET6, "::1")
        super().__init__(extra, listener)
        os.chmod(self.folder, 0o755)
        self.geo = os.path.join(self.folder, "geo")
        os.mkdir(self.geo)
        self.put("country", make_database(COUNTRIES, "Test-Country"))
        self.put("asn", make_database(SYSTEMS, "Test-ASN"))
        with open(self.config, "a", encoding="utf-8") as file:
            file.write(module.format(folder=self.folder) + RULES.format(six=self.six))

    def path(self, name):
        return os.path.join(self.geo, name + ".mmdb")

    def put(self, name, data):
        put(self.path(name), data)

    def reload(self):
        done = self.ctl_raw("reload")
        return done.returncode, (done.stdout + done.stderr).decode()

    def connect(self, source):
        port = self.six if ":" in source else self.port
        host = "::1" if ":" in source else "127.0.0.1"
        return smtplib.SMTP(host, port, "client.example.com", source_address=(source, 0))

    def greeting(self, source):
        """What rules of the greeting found."""
        host = socket.create_connection(("127.0.0.1", self.port), source_address=(source, 0))
        with host, host.makefile("rb") as reader:
            return reader.readline().decode().strip().split(" ", 2)[2]

    def decision(self, source):
        """Of the last session that was refused something, once it is told."""
        end = time.monotonic() + 20
        while True:
            sessions = self.ctl("explain", "--remote-ip", source).get("sessions", [])
            if sessions:
                return next(one for one in sessions[-1]["decisions"] if one["source"] == "geoip")
            assert time.monotonic() < end, "it is not told"
            time.sleep(0.05)


def lookup(data, ip, *path):
    """What mmdblookup of the library's authors reads; None when there is nothing."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        done = subprocess.run(["mmdblookup", "--file", file.name, "--ip", ip, *path],
                              capture_output=True, text=True)
    found = re.search(r'^ *(?:"(.*)"|(\d+)) <\w+>$', done.stdout, re.MULTILINE)
    return found and (found[1] or found[2])


def test_writer():
    """An independent reader finds what was written, and nothing elsewhere."""
    for version in (4, 6):
        networks = {key: known for key, known in SYSTEMS.items() if version == 6 or "." in key}
        data = make_database(networks, "Test-ASN", version)
        for number in (2, 3, 4):
            known = SYSTEMS[f"127.0.0.{number}/32"]["autonomous_system_number"]
            assert lookup(data, f"127.0.0.{number}", "autonomous_system_number") == str(known)
        assert lookup(data, "127.0.0.1", "autonomous_system_number") is None
        assert lookup(data, "127.0.0.3", "autonomous_system_organization") == LONG + "x"
    data = make_database(COUNTRIES, "Test-Country")
    assert lookup(data, "127.0.0.2", "country", "iso_code") == "DE"
    assert lookup(data, "2001:db8:1::9", "country", "iso_code") == "SE"
    assert lookup(data, "2001:db9::", "country", "iso_code") is None
    assert lookup(make_database({"0.0.0.0/1": {"a": "low"}}, "Test", 4), "126.0.0.0", "a") == "low"


def hash_text(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_findings():
    with World() as server:
        for source, (country, asn, organization) in KNOWN.items():
            if ":" not in source:
                found = server.greeting(source)
                assert found == f"{country}|{asn}|{hash_text(organization)}", (source, found)
        with server.connect("::1") as client:
            assert client.ehlo()[0] == 250
            code, text = client.mail("bob@example.com")
            assert code == 530, (code, text)


def offer(server, source):
    """Replies to MAIL and to RCPT for another domain."""
    with server.connect(source) as client:
        client.ehlo()
        mail = client.mail("bob@example.com")[0]
        return mail, client.rcpt("carol@elsewhere.example")[0] if mail == 250 else None


def test_rules():
    with World() as server:
        assert offer(server, "127.0.0.2") == (250, 250)
        assert offer(server, "127.0.0.3") == (530, None)
        assert offer(server, "127.0.0.4") == (250, 550)
        assert offer(server, "127.0.0.1") == (250, 550)
        assert offer(server, "::1") == (530, None)
        said = server.decision("127.0.0.4")["inputs"]
        assert said["country"] == "CH" and said["asn"] == "4294967294", said
        assert server.decision("127.0.0.1")["inputs"] == {"country": "unknown", "asn": "unknown"}
        assert server.decision("::1")["inputs"] == {"country": "NL", "asn": "64510",
                                                    "organization": "Six"}
        for _ in range(30):
            server.greeting("127.0.0.8")
        offer(server, "127.0.0.8")
        said = server.decision("127.0.0.8")["inputs"]["country"]
        assert f"unknown: {server.path('country')} is damaged at 127.0.0.8: " in said, said
        # The others are no worse off for that.
        assert server.greeting("127.0.0.2").startswith("DE|64500|")


def test_order():
    """Other modules of the connection have it; what is read before finds nothing."""
    extra = """
[module limit]
enabled = yes
when = finding.geoip.country == "DE"
[limit all]
rate = 2/1h
"""
    listener = ("hostname = if finding.geoip.country == \"\" then early.example else late.example\n"
                "greeting = if finding.geoip.country == \"\" then nowhere else somewhere\n")
    with World(extra, listener=listener) as server:
        def greet(source):
            host = socket.create_connection(("127.0.0.1", server.port), source_address=(source, 0))
            with host, host.makefile("rb") as reader:
                return reader.readline().decode().strip()
        assert [greet("127.0.0.3") for _ in range(4)] == ["220 early.example somewhere"] * 4
        assert [greet("127.0.0.2")[:3] for _ in range(4)] == ["220", "220", "421", "421"]
        assert greet("127.0.0.1") == "220 early.example nowhere"


def test_one_database():
    """IPv6 clients are unknown to a database of IPv4."""
    module = "\n[module geoip]\nenabled = yes\ncountry-database = {folder}/geo/country.mmdb\n"
    with World(module=module) as server:
        assert server.greeting("127.0.0.2") == f"DE||{hash_text('')}"
        server.put("country", make_database({"127.0.0.0/8": {"country": {"iso_code": "IT"}}},
                                            "Test", 4))
        assert server.reload()[0] == 0
        assert server.greeting("127.0.0.2") == f"IT||{hash_text('')}"
        assert offer(server, "::1") == (250, 550)
        assert server.decision("::1")["inputs"] == {"country": "unknown"}


def test_replaced():
    """The old one serves until the reload, gone or not."""
    with World() as server:
        assert server.greeting("127.0.0.2").startswith("DE|64500|")
        server.put("country", make_database({"127.0.0.2/32": {"country": {"iso_code": "PL"}}}, "T"))
        os.unlink(server.path("asn"))
        assert server.greeting("127.0.0.2").startswith("DE|64500|")
        server.put("asn", make_database({"127.0.0.0/30": {"autonomous_system_number": 1}}, "T"))
        assert server.reload()[0] == 0
        assert server.greeting("127.0.0.2").startswith("PL|1|")


NO_DATABASE = "this is no database in MaxMind's format, or not all of it: "


def bad_databases():
    """(what, content or a function that makes it, what is said)"""
    good = make_database(COUNTRIES, "Test-Country")
    mark = good.index(MARKER)
    yield "empty", b"", "the file is empty"
    for length in (1, 100, mark - 1, mark + 5, mark + len(MARKER), mark + len(MARKER) + 20,
                   len(good) - 30, len(good) - 1):
        yield f"{length} of {len(good)} bytes", good[:length], NO_DATABASE
    yield "random", random.Random(1).randbytes(5000), NO_DATABASE
    yield "without its data", good[:60] + good[mark:], NO_DATABASE
    yield "of something else", make_database(SYSTEMS, "Test-ASN"), (
        r"this database \(Test-ASN\) has nowhere: country.iso_code, registered_country.iso_code")
    yield "of nothing", make_database({}, "Test-None"), r"this database \(Test-None\) has nowhere: country"
    yield "a folder", os.mkdir, "this is not a regular file"
    yield "a pipe", os.mkfifo, "this is not a regular file"
    yield "missing", None, "No such file or directory"


def test_bad_databases():
    """None is taken, at no time; the server that runs goes on."""
    with World() as server:
        path = server.path("country")
        for what, content, reason in bad_databases():
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
            if callable(content):
                content(path)
            elif content is not None:
                server.put("country", content)
            status, said = server.reload()
            assert status == 1 and f"module geoip: country-database: {path}: " in said, (what, said)
            assert re.search(f"mmdb: .*({reason})", said), (what, said)
            assert server.greeting("127.0.0.2").startswith("DE|64500|"), what
            if os.path.exists(path) and not os.path.isfile(path):
                os.rmdir(path) if os.path.isdir(path) else os.unlink(path)
                server.put("country", b"")
            elif not os.path.exists(path):
                server.put("country", b"")
        assert server.ctl("status")["generation"] == 1


def test_no_start():
    for module, reason in (("\n[module geoip]\nenabled = yes\n",
                            "module geoip: country-database, asn-database or both must be set"),
                           (MODULE.replace("/country.", "/asn."),
                            r"country-database: .*/asn.mmdb: .*\(Test-ASN\) has nowhere: country.iso_code")):
        server = World(module=module)
        try:
            server.launch()
            assert server.process.wait(30) != 0
            assert re.search(reason, server.read_log()), server.read_log()
        finally:
            shutil.rmtree(server.folder)


def test_damaged_anywhere():
    """Whatever byte is another one: refused at start, or served without harm."""
    good = make_database(COUNTRIES, "Test-Country")
    chance = random.Random(7)
    taken = refused = 0
    with World() as server:
        for _ in range(60):
            bad = bytearray(good)
            for _ in range(chance.choice([1, 3, 10])):
                bad[chance.randrange(len(bad))] = chance.randrange(256)
            server.put("country", bytes(bad))
            done = server.ctl_raw("reload")
            taken, refused = taken + (done.returncode == 0), refused + (done.returncode != 0)
            worker = server.worker_pid()
            for source in KNOWN:
                if ":" not in source:
                    server.greeting(source)
            assert server.worker_pid() == worker, server.read_log()
    assert taken > 5 and refused > 5, (taken, refused)


def test_confined():
    """As another user, who may read the files; renamed ones are found, too."""
    assert os.geteuid() == 0, "the supervisor must be started by root to become another user"
    built = barid.BUILD
    with tempfile.TemporaryDirectory(prefix="barid-build-") as build:
        barid.copy_build(build)
        try:
            with World("[server]\nuser = nobody\nconfine = full\n") as server:
                with open(f"/proc/{server.worker_pid()}/status", encoding="utf-8") as file:
                    status = dict(line.split(":", 1) for line in file)
                assert status["Uid"].split()[0] != "0" and status["Seccomp"].strip() == "2"
                assert server.greeting("127.0.0.2").startswith("DE|64500|")
                server.put("country", make_database({"127.0.0.2/32": {"country":
                                                                      {"iso_code": "PL"}}}, "T"))
                assert server.reload()[0] == 0
                assert server.greeting("127.0.0.2").startswith("PL|64500|")
                os.chmod(server.path("asn"), 0o600)
                status, said = server.reload()
                assert status == 1 and "asn.mmdb: Permission denied" in said, said
        finally:
            barid.BUILD = built
            del os.environ["LD_LIBRARY_PATH"]


POLICY = """client: {ip}
mail-from: bob@example.com
rcpt-to: carol@elsewhere.example
S: {code}
"""


def test_policy_tests():
    """The databases are read there, for any address."""
    server = World()
    try:
        tests = os.path.join(server.folder, "tests.d")
        os.mkdir(tests)
        os.mkdir(server.state)
        for name, ip, code in (("de", "127.0.0.2", 250), ("mapped", "::ffff:127.0.0.2", 250),
                               ("ch", "127.0.0.4", 550), ("wrong", "127.0.0.4", 250)):
            with open(os.path.join(tests, name + ".dialogue"), "w", encoding="utf-8") as file:
                file.write(POLICY.format(ip=ip, code=code))
        said = server.ctl_raw("test", "--config", server.config).stdout.decode()
        results = {name: word for word, name in
                   re.findall(r"^(ok|not ok) .*?(\w+)\.dialogue", said, re.MULTILINE)}
        assert results == {"de": "ok", "mapped": "ok", "ch": "ok", "wrong": "not ok"}, said
    finally:
        shutil.rmtree(server.folder)


def test_replay():
    """With another database the same client is another one."""
    with World() as server:
        assert offer(server, "127.0.0.4") == (250, 550)
        server.decision("127.0.0.4")
        with open(server.config, encoding="utf-8") as file:
            text = file.read().replace("/country.mmdb", "/other.mmdb")
        server.put("other", make_database({"127.0.0.4/32": {"country": {"iso_code": "FR"}}}, "T"))
        other = os.path.join(server.folder, "other.conf")
        with open(other, "w", encoding="utf-8") as file:
            file.write(text)
        done = server.ctl_raw("replay", "--config", other, "--base", server.config, "--since", "1h",
                              "--json")
        assert done.returncode in (0, 1), done.stderr
        change, = json.loads(done.stdout)["changes"]
        assert change["before"]["reply"].startswith("550 5.7.1"), change
        assert change["after"]["reply"].startswith("530 5.7.0"), change


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
