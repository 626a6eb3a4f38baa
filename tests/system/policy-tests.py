#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Policy tests: "baridctl test" against the configuration on disk, which touches nothing of a
server's, and a reload that requires them."""
import json
import os
import re
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from server import Server
from tap import Skip, run_tests

SOURCE = os.environ.get("BARID_SOURCE", os.path.join(os.path.dirname(__file__), "../.."))
CONFIG = """
[server]
hostname = mx.example.org
[listener smtp]
address = 127.0.0.1:25
certificate = main
[certificate main]
chain = /nowhere/chain.pem
key = /nowhere/key.pem
[module maildir]
enabled = yes
path = {folder}/real/maildir
[module sqlite]
enabled = yes
[store local]
driver = sqlite
path = {folder}/real/local.sqlite
[module greylist]
enabled = yes
networks = 127.0.0.0/8
[domain example.org]
[user alice]
addresses = alice@example.org
[queue]
retry = 3min, 10min
[outbound]
next-hop = if sender == "vip@example.org" then smart else mx
[host smart]
address = smart.example:587
tls = none
"""
RELAY = """\
client: 192.0.2.7
mail-from: a@client.example
rcpt-to: b@elsewhere.example
S: 550 5.7.1
verdict: reject
"""
DELIVERY = """\
# A message to a mailbox, and one that a next hop puts off, refuses and takes.
dns:
    $ORIGIN out.example.
    @   MX 10 mx
    mx  A 198.51.100.1
    smart.example. A 198.51.100.2
peer: mx.out.example
    offers: STARTTLS, PIPELINING
    rcpt nobody@out.example 550 5.1.1 no such user
    content 451 4.3.0 later
    content 250 2.0.0 taken
peer: smart.example:587
helo: host.example
starttls: mail.example.org
auth: alice
mail-from: alice@example.org
rcpt-to: alice@example.org, somebody@out.example, nobody@out.example
message:
    Subject: three

    .a line with a dot
queue: 1
header: Subject: three
no-header: X-Other
mail-from: vip@example.org
rcpt-to: vip@out.example
message:
    Subject: another way

    text
route: vip@out.example -> smart
deliver
delivered-to: alice@example.org maildir alice
delivered-to: vip@out.example smart.example:587
not-delivered-to: somebody@out.example
next-attempt: 3min
notice: alice@example.org 5.1.1
peer-got: mx.out.example RCPT TO:<nobody@out.example>
wait: 3min
delivered-to: somebody@out.example mx.out.example
queue: 0
"""
GREYLIST = """\
client: 192.0.2.7
mail-from: a@client.example
rcpt-to: alice@example.org
S: 451 4.7.1
decided-by: greylist
close
wait: 6min
mail-from: a@client.example
rcpt-to: alice@example.org
message:
    Subject: again

    text
queue: 1
"""
WRONG = """\
connect
S: 220
C: EHLO client.example
S-all: 250
C: MAIL FROM:<a@client.example>
S: 550 5.7.1 go away
"""


class Folder:
    """A configuration with scripts beside it."""

    def __init__(self, scripts, config=CONFIG):
        self.path = tempfile.mkdtemp(prefix="barid-policy-")
        self.config = os.path.join(self.path, "barid.conf")
        os.mkdir(os.path.join(self.path, "tests.d"))
        self.write("barid.conf", config.replace("{folder}", self.path))
        for name, text in scripts.items():
            self.write(f"tests.d/{name}.dialogue", text)

    def write(self, name, text):
        with open(os.path.join(self.path, name), "w", encoding="utf-8") as file:
            file.write(text)

    def run(self, *words, prefix=(), environment=None):
        return subprocess.run(
            [*prefix, os.path.join(barid.BUILD, "src/baridctl/baridctl"), "test",
             "--config", self.config, "--state", os.path.join(self.path, "state"), *words],
            capture_output=True, text=True, timeout=120,
            env=dict(os.environ, **(environment or {})))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)


def lines_of(done):
    return [line for line in done.stdout.splitlines() if re.match(r"(not )?ok ", line)]


def test_good_scripts():
    with Folder({"a": RELAY, "b": DELIVERY, "c": GREYLIST}) as folder:
        done = folder.run()
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith("TAP version 14\n1..3\n"), done.stdout
        assert lines_of(done) == [f"ok {n} - {name}.dialogue" for n, name in
                                  enumerate("abc", 1)], done.stdout


def test_failures_are_told():
    """Where it stands in the script, what was expected, what came, and what went before."""
    with Folder({"a": RELAY, "b": WRONG, "c": "quue: 1\n"}) as folder:
        done = folder.run()
        assert done.returncode == 1
        assert [line.split(" -")[0] for line in lines_of(done)] == ["ok 1", "not ok 2", "not ok 3"]
        assert f'at: "{folder.path}/tests.d/b.dialogue:6"' in done.stdout, done.stdout
        assert 'expected: "550 5.7.1 go away"' in done.stdout
        assert 'got: "250 2.1.0 sender accepted"' in done.stdout
        assert "5  C: MAIL FROM:<a@client.example>" in done.stdout
        assert "did you mean \\\"queue\\\"?" in done.stdout, done.stdout
        answer = json.loads(folder.run("--json").stdout)
        assert (answer["ok"], answer["passed"], answer["failed"]) == (False, 1, 2)
        failure = answer["tests"][1]["failures"][0]
        assert (failure["line"], failure["expected"]) == (6, "550 5.7.1 go away")


def test_every_expectation_can_fail():
    """Each of these is wrong, and all are told: one failure does not hide the next."""
    wrong = ["header: Subject: one", "no-header: Subject", "finding: a = b", "verdict: reject",
             "decided-by: judge", "queue: 2", "queued: nothing", "content: nothing",
             "no-content: three", "route: alice@example.org -> mx", "next-attempt: 1h",
             "notice: vip@example.org", "delivered-to: alice@example.org lmtp",
             "not-delivered-to: vip@out.example", "peer-got: smart.example:587 RSET"]
    script = DELIVERY.replace("queue: 1\n", "\n".join(wrong[:11]) + "\n").replace(
        "wait: 3min\n", "\n".join(wrong[11:]) + "\nwait: 3min\n")
    with Folder({"a": script}) as folder:
        answer = json.loads(folder.run("--json").stdout)
        told = [failure["step"] for failure in answer["tests"][0]["failures"]]
        assert told == wrong, set(wrong) ^ set(told)


def test_named_files_and_usage():
    with Folder({"a": RELAY, "b": WRONG}) as folder:
        assert lines_of(folder.run(os.path.join(folder.path, "tests.d/a.dialogue"))) == [
            "ok 1 - a.dialogue"]
        assert folder.run("/nowhere/x.dialogue").returncode == 1
        assert folder.run("--jobs", "none").returncode == 2
        assert folder.run("--time-limit", "soon").returncode == 2
    with Folder({}) as folder:
        done = folder.run()
        assert (done.returncode, done.stdout.splitlines()[1][:4]) == (0, "1..0"), done.stdout


def test_broken_configuration():
    """What is wrong is told once, with its place; what is in a script's own part, by it."""
    with Folder({"a": "config:\n    [rcpt]\n    relai = yes\nconnect\n"}) as folder:
        done = folder.run()
        assert done.returncode == 1
        assert "a.dialogue:3:" in done.stdout and "relay" in done.stdout, done.stdout
    with Folder({"a": RELAY}, config=CONFIG + "[rcpt]\nrelay = maybe\n") as folder:
        done = folder.run()
        assert done.returncode == 1 and done.stdout.count("barid.conf:") == 1, done.stdout
        assert "\nBail out!" in done.stdout and not lines_of(done), done.stdout


def test_order_in_parallel():
    """The slowest stands first and is told first."""
    slow = "wait: 1d\n" + "connect\nS: 220\nC-repeat: 3000 NOOP\nS-repeat: 3000 250\nclose\n" * 3
    scripts = {f"{n:02}": RELAY for n in range(1, 20)}
    with Folder({"00": slow, **scripts}) as folder:
        done = folder.run("--jobs", "8")
        assert [line.split(" - ")[1] for line in lines_of(done)] == [
            f"{n:02}.dialogue" for n in range(20)], done.stdout


def with_probe(function):
    """With a build that has the module that crashes and hangs."""
    before = barid.BUILD
    with tempfile.TemporaryDirectory(prefix="barid-policy-build-") as folder:
        barid.copy_build(folder)
        try:
            function()
        finally:
            barid.BUILD = before
            os.environ.pop("LD_LIBRARY_PATH", None)


def misbehave(word):
    return ("config:\n    [module probe]\n    enabled = yes\n"
            "    [domain all.example]\n    catch-all = alice@example.org\n"
            f"mail-from: a@client.example\nrcpt-to: {word}@all.example\n")


def check_misbehaviour():
    scripts = {"a": RELAY, "b": misbehave("hang"), "c": misbehave("crash"), "d": GREYLIST}
    with Folder(scripts) as folder, tempfile.TemporaryDirectory() as scratch:
        began = time.monotonic()
        done = folder.run("--time-limit", "3s", environment={"TMPDIR": scratch})
        assert [line.split(" -")[0] for line in lines_of(done)] == [
            "ok 1", "not ok 2", "not ok 3", "ok 4"], done.stdout
        assert "it did not end within 3000 ms" in done.stdout, done.stdout
        assert "it crashed: signal" in done.stdout
        assert 3 <= time.monotonic() - began < 30
        assert os.listdir(scratch) == []


def check_sandbox():
    with Folder({word: misbehave(word) for word in ("connect", "run")}) as folder:
        done = folder.run()
        assert done.returncode == 0 and len(lines_of(done)) == 2, done.stdout


def test_no_network_for_modules():
    """A module that opens a socket, or runs a program, by itself cannot."""
    with_probe(check_sandbox)


def check_interrupt():
    with Folder({"a": misbehave("hang")}) as folder, \
            tempfile.TemporaryDirectory(prefix="barid-policy-tmp-") as temporary:
        # A shell that runs the tests in the background makes all of them deaf to it.
        process = subprocess.Popen(
            [os.path.join(barid.BUILD, "src/baridctl/baridctl"), "test", "--config", folder.config],
            stdout=subprocess.DEVNULL, env=dict(os.environ, TMPDIR=temporary),
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        while not os.listdir(temporary):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == -signal.SIGINT
        assert not os.listdir(temporary)


def test_interrupt_leaves_nothing():
    with_probe(check_interrupt)


def test_hang_and_crash():
    with_probe(check_misbehaviour)


def snapshot(*folders):
    found = {}
    for top in folders:
        for path, _, names in os.walk(top):
            for name in names:
                status = os.stat(os.path.join(path, name))
                found[os.path.join(path, name)] = (status.st_mtime_ns, status.st_size)
            found[path] = os.stat(path).st_mtime_ns
    return found


def test_nothing_real_is_touched():
    with Folder({"b": DELIVERY, "c": GREYLIST}) as folder:
        before = snapshot(folder.path)
        done = folder.run()
        assert done.returncode == 0, done.stdout
        assert snapshot(folder.path) == before
        assert not os.path.exists(os.path.join(folder.path, "state"))
        assert not os.path.exists(os.path.join(folder.path, "real"))


def test_system_calls():
    """No socket is connected, bound or listened on, and nothing is opened for writing but in
    the folders of the scripts."""
    if shutil.which("strace") is None:
        raise Skip("there is no strace")
    with Folder({"b": DELIVERY, "c": GREYLIST}) as folder:
        trace = os.path.join(folder.path, "trace")
        done = folder.run(prefix=("strace", "-f", "-o", trace, "-e",
                                  "trace=connect,bind,listen,openat,open,creat,mkdir,unlink,rename"))
        assert done.returncode == 0, done.stdout + done.stderr
        with open(trace, encoding="utf-8") as file:
            calls = file.read().splitlines()
    assert any("O_RDONLY" in call for call in calls)
    # The C library asks the name service cache who the user is.
    assert not [call for call in calls
                if re.search(r"\b(connect|bind|listen)\(", call) and "/nscd/" not in call]
    written = [call for call in calls if re.search(r"O_WRONLY|O_RDWR|O_CREAT|mkdir\(|rename\(", call)]
    assert written
    allowed = re.compile(r"/barid-test-|/dev/null|/dev/tty|\"(spool|history|[^/\"]*)\"|/dev/shm")
    strangers = [call for call in written if not allowed.search(call)]
    assert not strangers, strangers[:5]


# --- the scripts that are installed ---

def test_installed_scripts():
    """They hold for the configuration that is installed, and fail for a worse one."""
    with tempfile.TemporaryDirectory(prefix="barid-policy-") as folder:
        shutil.copytree(os.path.join(SOURCE, "conf.d"), os.path.join(folder, "conf.d"))
        shutil.copytree(os.path.join(SOURCE, "tests.d"), os.path.join(folder, "tests.d"))
        shutil.move(os.path.join(folder, "conf.d/barid.conf"), folder)
        call = [os.path.join(barid.BUILD, "src/baridctl/baridctl"), "test", "--config",
                os.path.join(folder, "barid.conf"), "--state", os.path.join(folder, "state")]
        done = subprocess.run(call, capture_output=True, text=True)
        assert done.returncode == 0 and len(lines_of(done)) >= 3, done.stdout
        with open(os.path.join(folder, "conf.d/zz.conf"), "w", encoding="utf-8") as file:
            file.write("[rcpt]\nrelay = yes\n[outbound]\nnext-hop = local\n"
                       "[queue]\nretry = 1h\n")
        done = subprocess.run(call, capture_output=True, text=True)
        failed = [line for line in lines_of(done) if line.startswith("not")]
        assert len(failed) == 2 and "relay-" in failed[0] and "relay-" in failed[1], done.stdout


# --- reload ---

REQUIRED = "[server]\nrequire-policy-tests = yes\n"


def write_script(server, name, text):
    folder = os.path.join(server.folder, "tests.d")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".dialogue"), "w", encoding="utf-8") as file:
        file.write(text)


def change_config(server, more):
    with open(server.config, "a", encoding="utf-8") as file:
        file.write(more)


def test_reload_requires_them():
    with Server(extra=REQUIRED) as server:
        first = server.worker_pid()
        write_script(server, "relay", RELAY)
        assert server.ctl_raw("reload").returncode == 0, server.read_log()
        second = server.worker_pid()
        assert second != first
        change_config(server, "\n[rcpt]\nrelay = yes\n")
        refused = server.ctl_raw("reload")
        text = (refused.stdout + refused.stderr).decode()
        assert refused.returncode == 1, text
        assert "relay.dialogue:4" in text and "1 of 1 policy tests failed" in text, text
        assert server.worker_pid() == second, "nothing has changed"
        with open(server.config, encoding="utf-8") as file:
            text = file.read()
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(text.replace("policy-tests = yes", "policy-tests = no"))
        assert server.ctl_raw("reload").returncode == 0
        assert server.worker_pid() != second


def test_signal():
    """SIGHUP asks for them, too; what failed is in the log."""
    with Server(extra=REQUIRED) as server:
        pid = server.worker_pid()
        write_script(server, "wrong", WRONG)
        server.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 30
        while "reload.failed" not in server.read_log():
            assert time.monotonic() < end, server.read_log()
            time.sleep(0.05)
        assert "wrong.dialogue:6" in server.read_log()
        assert server.worker_pid() == pid


def test_without_the_setting():
    with Server() as server:
        write_script(server, "wrong", WRONG)
        assert server.ctl_raw("reload").returncode == 0


def test_start_is_not_held_up():
    """The first start, and the one after a crash, ask for no tests."""
    with Server(extra=REQUIRED) as server:
        write_script(server, "wrong", WRONG)
        os.kill(server.worker_pid(), 9)
        server.wait_ready()
        assert server.ctl_raw("reload").returncode == 1


def check_hanging_test():
    with Server(extra=REQUIRED) as server:
        pid = server.worker_pid()
        write_script(server, "hang", misbehave("hang"))
        result = []
        thread = threading.Thread(target=lambda: result.append(server.ctl_raw("reload")))
        thread.start()
        time.sleep(1)
        # The server answers while the test hangs; a second reload is told to wait.
        assert server.worker_pid() == pid
        assert b"under way" in (lambda done: done.stdout + done.stderr)(server.ctl_raw("reload"))
        thread.join(60)
        assert result and result[0].returncode == 1, result
        assert b"did not end within" in result[0].stdout + result[0].stderr
        assert server.worker_pid() == pid
        # Neither does it hold up a stop.
        threading.Thread(target=lambda: server.ctl_raw("reload")).start()
        time.sleep(1)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 20, "the stop waited for a test"


def test_hanging_test_hangs_nothing():
    with_probe(check_hanging_test)


# --- replay ---

def offer(server, sender, *rcpts):
    with smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com") as smtp:
        try:
            smtp.sendmail(sender, rcpts, "Subject: traffic\r\n\r\ntext\r\n")
        except smtplib.SMTPRecipientsRefused:
            pass


def write_other(server, more):
    """Another configuration: that of the server, with (more)."""
    folder = os.path.join(server.folder, "other")
    os.makedirs(os.path.join(folder, "conf.d"), exist_ok=True)
    shutil.copy(server.config, os.path.join(folder, "barid.conf"))
    with open(os.path.join(folder, "conf.d/more.conf"), "w", encoding="utf-8") as file:
        file.write(more)
    return folder


def replay(server, folder, *words):
    return server.ctl_raw("replay", "--config", folder, "--base", server.config, "--since", "1h",
                          *words)


def test_replay():
    with Server() as server:
        offer(server, "bob@example.com", "alice@example.org")
        offer(server, "vip@example.com", "alice@example.org")
        offer(server, "bob@example.com", "somebody@elsewhere.example")
        server.wait_queue_empty()
        same = replay(server, write_other(server, ""), "--json")
        assert same.returncode == 0, same.stdout + same.stderr
        answer = json.loads(same.stdout)
        assert (answer["changed"], answer["compared"]) == (0, 3), answer
        other = write_other(server, """
[rcpt]
relay = if sender == "bob@example.com" then yes else no
[data]
max-size = if sender == "vip@example.com" then 1 else 50M
[domain example.org]
transport = mailboxes
[host mailboxes]
address = unix:/run/nowhere
protocol = lmtp
""")
        done = replay(server, other, "--json")
        assert done.returncode == 1, done.stdout + done.stderr
        changes = {change["sender"] + " " + change["recipient"]: change
                   for change in json.loads(done.stdout)["changes"]}
        relayed = changes["bob@example.com somebody@elsewhere.example"]
        assert relayed["before"]["reply"].startswith("550 5.7.1"), relayed
        assert relayed["after"]["route"] == "somebody@elsewhere.example -> mx", relayed
        large = changes["vip@example.com alice@example.org"]
        assert (large["after"]["stage"], large["after"]["reply"][:9]) == ("mail", "552 5.3.4")
        moved = changes["bob@example.com alice@example.org"]
        assert moved["before"]["route"] == "alice@example.org -> maildir alice", moved
        assert moved["after"]["route"] == "alice@example.org -> mailboxes", moved
        text = replay(server, other).stdout.decode()
        assert "3 of 3 recipients would be treated differently" in text, text
        # A recipient whose route stays is no change, wherever the message's others go.
        with smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com") as smtp:
            smtp.sendmail("two@example.com", ["alice@example.org", "carol@example.org"],
                          "Subject: x\r\n\r\nx\r\n")
        server.wait_queue_empty()
        answer = json.loads(replay(server, write_other(server, """
[user carol]
addresses = carol@example.org
"""), "--json").stdout)
        others = [change["recipient"] for change in answer["changes"]]
        assert others == ["carol@example.org"], answer
        assert answer["changes"][0]["after"]["route"].endswith("maildir carol"), answer
        broken = replay(server, write_other(server, "[rcpt]\nrelai = yes\n"))
        assert broken.returncode == 1 and b"relai" in broken.stderr, broken.stderr
        assert server.ctl("status")["pid"] == server.worker_pid()


def test_replay_of_headers():
    """The fields that the history has kept are there again, and what name servers said to rules;
    neither is when it was not kept."""
    for more, changed in [("[history]\nheader-size = 4K\n", 1), ("", 0)]:
        with Server(more) as server:
            with smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com") as smtp:
                smtp.sendmail("bob@example.com", ["alice@example.org"],
                              "Received: from here\r\n by there\r\nReceived: from there\r\n"
                              "Subject: two hops\r\n.Dot: yes\r\n\r\ntext\r\n")
            server.wait_queue_empty()
            record = server.ctl("explain", "--sender", "bob@example.com")["history"][0]
            assert ("header" in record) == (changed == 1), record
            if changed:
                assert record["header"].startswith("Received: from here\r\n by there\r\n"), record
                assert record["header"].endswith(".Dot: yes\r\n"), record
            done = replay(server, write_other(server, "[data]\nmax-received = 1\n"), "--json")
            answer = json.loads(done.stdout)
            assert (answer["compared"], answer["changed"]) == (1, changed), answer
            if changed:
                after = answer["changes"][0]["after"]
                assert after["stage"] == "message" and after["reply"].startswith("554"), after


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
