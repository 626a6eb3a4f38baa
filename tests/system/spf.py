#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SPF with a real name server, beside pyspf on the same zones: both must come to the result that
the row says, but where the row names what pyspf says instead."""
import json
import os
import subprocess
import sys
import time
from collections import namedtuple

sys.path.insert(0, os.path.dirname(__file__))
from name_server import NameServer
from peers import find_peer
from server import BUILD
from tap import run_tests

CLIENT = "192.0.2.7"
CLIENT6 = "2001:db8::7"
LABEL = "x" * 60

ZONE = """
host IN A 192.0.2.7
host IN AAAA 2001:db8::7
near IN A 192.0.2.8
far IN A 198.51.100.1
none IN A 192.0.2.7
txt IN TXT "some other text"
pass IN TXT "v=spf1 +all"
fail IN TXT "v=spf1 -all"
soft IN TXT "v=spf1 ~all"
neutral IN TXT "v=spf1 ?all"
empty IN TXT "v=spf1"
two IN TXT "v=spf1 -all"
two IN TXT "v=spf1 +all"
mixed IN TXT "google-site-verification=x"
mixed IN TXT "v=spf1 -all"
split IN TXT "v=spf1 ip4:192.0" ".2.7 -all"
case IN TXT "V=SPF1 IP4:192.0.2.7 -ALL"
ip4 IN TXT "v=spf1 ip4:192.0.2.0/29 -all"
ip4not IN TXT "v=spf1 ip4:192.0.2.8/29 -all"
ip4bad IN TXT "v=spf1 ip4:192.0.2.7/33 -all"
ip6 IN TXT "v=spf1 ip6:2001:db8::/32 -all"
ip6exact IN TXT "v=spf1 ip6:2001:db8::7 -all"
zero IN TXT "v=spf1 ip4:0.0.0.0/0 -all"
a IN TXT "v=spf1 a:host.example -all"
aself IN A 192.0.2.7
aself IN TXT "v=spf1 a -all"
aprefix IN TXT "v=spf1 a:near.example/28//64 -all"
afar IN TXT "v=spf1 a:far.example -all"
avoid IN TXT "v=spf1 a:nowhere.example -all"
mx IN MX 10 far
mx IN MX 20 host
mx IN TXT "v=spf1 mx -all"
mxnull IN MX 0 .
mxnull IN TXT "v=spf1 mx -all"
mxnot IN MX 10 far
mxnot IN TXT "v=spf1 mx -all"
ptr IN TXT "v=spf1 ptr:host.example -all"
ptrnot IN TXT "v=spf1 ptr:elsewhere.example -all"
exists IN TXT "v=spf1 exists:%{ir}._spf.example -all"
7.2.0.192._spf IN A 127.0.0.2
exists6 IN TXT "v=spf1 exists:%{i}._spf6.example -all"
*._spf6 IN A 127.0.0.2
existsnot IN TXT "v=spf1 exists:%{l}.nouser.example -all"
include IN TXT "v=spf1 include:ip4.example -all"
includenot IN TXT "v=spf1 include:fail.example ip4:192.0.2.7 -all"
includesoft IN TXT "v=spf1 include:soft.example ?all"
includenone IN TXT "v=spf1 include:none.example -all"
includebad IN TXT "v=spf1 include:ip4bad.example -all"
redirect IN TXT "v=spf1 redirect=ip4.example"
redirectnone IN TXT "v=spf1 redirect=none.example"
redirectlate IN TXT "v=spf1 redirect=pass.example -all"
macro IN TXT "v=spf1 include:%{d1r}.%{v}.%{o2}.macros.example -all"
local IN TXT "v=spf1 exists:%{l}.users.%{d} -all"
bob.users.local IN A 127.0.0.2
helo IN TXT "v=spf1 exists:%{h}.helos.example -all"
mx.client.example.helos IN A 127.0.0.2
p IN TXT "v=spf1 exists:%{p}.names.example -all"
host.example.names IN A 127.0.0.2
exp IN TXT "v=spf1 -all exp=why.example"
why IN TXT "%{i} is not one of %{d}'s designated mail servers"
expbad IN TXT "v=spf1 -all exp=whybad.example"
whybad IN TXT "%{x} is no macro"
expnone IN TXT "v=spf1 -all exp=nowhere.example"
exptwo IN TXT "v=spf1 -all exp=whytwo.example"
whytwo IN TXT "one"
whytwo IN TXT "two"
expinclude IN TXT "v=spf1 include:exp.example -all"
expredirect IN TXT "v=spf1 redirect=exp.example exp=whynot.example"
unknown IN TXT "v=spf1 ip5:192.0.2.7 -all"
behind IN TXT "v=spf1 ip4:192.0.2.7 bogus -all"
modifier IN TXT "v=spf1 moo=cow ip4:192.0.2.7 -all"
loop IN TXT "v=spf1 include:loop.example -all"
loopred IN TXT "v=spf1 redirect=loopred.example"
ten IN TXT "v=spf1 """ + " ".join("a:far.example" for _ in range(10)) + """ +all"
eleven IN TXT "v=spf1 """ + " ".join("a:far.example" for _ in range(11)) + """ +all"
void2 IN TXT "v=spf1 a:n1.example a:n2.example +all"
void3 IN TXT "v=spf1 a:n1.example a:n2.example a:n3.example +all"
manymx IN TXT "v=spf1 mx -all"
""" + "".join(f"manymx IN MX {n} m{n}\nm{n} IN A 198.51.100.{n}\n" for n in range(1, 12)) + """
tenmx IN TXT "v=spf1 mx -all"
""" + "".join(f"tenmx IN MX {n} m{n}\n" for n in range(1, 11)) + """
bomb0 IN TXT "v=spf1 """ + " ".join(f"include:bomb{n}.example" for n in range(1, 11)) + """ -all"
""" + "".join(f"bomb{n} IN TXT \"v=spf1 " +
              " ".join(f"include:bomb{m}.example" for m in range(1, 11)) + " -all\"\n"
              for n in range(1, 11)) + f"""
long IN TXT "v=spf1 exists:{LABEL}.{LABEL}." "{LABEL}.{LABEL}.%{{d}} -all"
toolabel IN TXT "v=spf1 a:{LABEL}{LABEL}.example -all"
"""
REVERSE = "7 IN PTR host.example.\n"
REVERSE6 = ""

Row = namedtuple("Row", "domain result ip mechanism pyspf", defaults=(CLIENT, None, None))

ROWS = [
    Row("none", "none"), Row("nowhere", "none"), Row("txt", "none"),
    Row("pass", "pass", mechanism="+all"), Row("fail", "fail", mechanism="-all"),
    Row("soft", "softfail"), Row("neutral", "neutral"), Row("empty", "neutral"),
    Row("two", "permerror"), Row("mixed", "fail"), Row("split", "pass"), Row("case", "pass"),
    Row("ip4", "pass", mechanism="ip4:192.0.2.0/29"), Row("ip4", "fail", CLIENT6),
    Row("ip4", "pass", "::ffff:192.0.2.7"), Row("ip4not", "fail"), Row("ip4bad", "permerror"),
    Row("ip6", "pass", CLIENT6), Row("ip6", "fail"), Row("ip6exact", "pass", CLIENT6),
    Row("ip6exact", "fail", "2001:db8::8"), Row("zero", "pass"), Row("zero", "fail", CLIENT6),
    Row("a", "pass"), Row("a", "pass", CLIENT6), Row("a", "fail", "192.0.2.9"),
    Row("aself", "pass"), Row("aself", "fail", CLIENT6), Row("aprefix", "pass"),
    Row("afar", "fail"), Row("avoid", "fail"),
    Row("mx", "pass"), Row("mx", "pass", CLIENT6), Row("mx", "fail", "192.0.2.9"),
    Row("mxnull", "fail"), Row("mxnot", "fail"),
    Row("ptr", "pass"), Row("ptrnot", "fail"),
    Row("exists", "pass"), Row("exists", "fail", "192.0.2.9"),
    Row("exists6", "pass", CLIENT6), Row("existsnot", "fail"),
    Row("include", "pass", mechanism="include:ip4.example"), Row("include", "fail", "192.0.2.99"),
    Row("includenot", "pass"), Row("includesoft", "neutral"),
    Row("includenone", "permerror"), Row("includebad", "permerror"),
    Row("redirect", "pass"), Row("redirect", "fail", "192.0.2.99"),
    Row("redirectnone", "permerror"), Row("redirectlate", "fail"),
    Row("local", "pass"), Row("helo", "pass"), Row("p", "pass"), Row("p", "fail", "192.0.2.9"),
    Row("unknown", "permerror"), Row("modifier", "pass"),
    # Syntax errors anywhere in the record count (RFC 7208 section 4.6).
    Row("behind", "permerror"),
    Row("loop", "permerror"), Row("loopred", "permerror"),
    Row("ten", "pass"), Row("eleven", "permerror"),
    Row("void2", "pass"), Row("void3", "permerror"),
    Row("manymx", "permerror"), Row("tenmx", "pass", "198.51.100.10"),
    Row("bomb0", "permerror"), Row("long", "fail"), Row("toolabel", "fail"),
]

PYSPF = """
import json, sys
sys.path[:0] = {folders!r}
import DNS
DNS.DiscoverNameServers = lambda: None
import spf
DNS.defaults.update(server=["127.0.0.1"], port={port})
for ip, sender, helo in json.load(sys.stdin):
    print(json.dumps(spf.check2(ip, sender, helo)))
"""


def check(port, ip, sender, helo="mx.client.example"):
    done = subprocess.run([os.path.join(BUILD, "src/baridctl/baridctl"), "check", "spf", "--ip", ip,
                           "--helo", helo, "--mail-from", sender, "--dns", f"127.0.0.1:{port}",
                           "--json"], capture_output=True, text=True, timeout=40, check=False)
    assert done.returncode in (0, 1), done
    found = json.loads(done.stdout)
    assert set(found) == {"result", "explanation", "mechanism", "lookups", "domain"}, found
    assert (done.returncode == 0) == (found["result"] in ("pass", "none", "neutral")), done
    return found


def ask_pyspf(port, questions):
    folders = [os.path.dirname(find_peer("python3-spf", "usr/lib/python3/dist-packages/spf.py")),
               os.path.dirname(os.path.dirname(
                   find_peer("python3-dns", "usr/lib/python3/dist-packages/DNS/__init__.py")))]
    done = subprocess.run([sys.executable, "-c", PYSPF.format(folders=folders, port=port)],
                          input=json.dumps(questions), capture_output=True, text=True, timeout=300,
                          check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_rows(names):
    questions = [(row.ip, f"bob@{row.domain}.example", "mx.client.example") for row in ROWS]
    theirs = ask_pyspf(names.port, questions)
    wrong = []
    for row, (ip, sender, helo), (result, _) in zip(ROWS, questions, theirs):
        found = check(names.port, ip, sender, helo)
        if found["result"] != row.result or row.mechanism not in (None, found["mechanism"]):
            wrong.append((row, found))
        if result != (row.pyspf or row.result):
            wrong.append((row, "pyspf:", result))
    assert len(theirs) == len(ROWS) and not wrong, "\n".join(map(str, wrong))


def test_null_sender(names):
    """The name given with EHLO counts (RFC 7208 section 2.4)."""
    found = check(names.port, CLIENT, "", "fail.example")
    assert found["result"] == "fail" and found["domain"] == "fail.example", found
    assert check(names.port, CLIENT, "", "[192.0.2.7]")["result"] == "none"
    assert check(names.port, CLIENT, "", "localhost")["result"] == "none"


def test_explanations(names):
    wanted = f"{CLIENT} is not one of exp.example's designated mail servers"
    assert check(names.port, CLIENT, "bob@exp.example")["explanation"] == wanted
    assert check(names.port, CLIENT, "bob@expredirect.example")["explanation"] == wanted
    for name in ("expbad", "expnone", "exptwo", "expinclude"):
        found = check(names.port, CLIENT, f"bob@{name}.example")
        assert found["result"] == "fail" and found["explanation"] is None, found


def test_bounds(names):
    """Neither a bomb nor a loop costs more than the lookups that are allowed."""
    start = time.monotonic()
    for name in ("bomb0", "loop", "loopred", "eleven"):
        found = check(names.port, CLIENT, f"bob@{name}.example")
        assert found["lookups"] == 11, found
        assert "more than 10" in found["explanation"], found
    assert time.monotonic() - start < 20


def test_silence(_):
    """Nobody answers: a temporary error, in time."""
    start = time.monotonic()
    found = check(1, CLIENT, "bob@pass.example")
    assert found["result"] == "temperror" and time.monotonic() - start < 30, found


def main():
    zones = {"example": ZONE, "2.0.192.in-addr.arpa": REVERSE,
             "8.b.d.0.1.0.0.2.ip6.arpa": REVERSE6}
    with NameServer(zones) as names:
        return run_tests(globals(), lambda test: test(names))


if __name__ == "__main__":
    sys.exit(main())
