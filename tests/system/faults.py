#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A full disk, damaged segments, a module that cannot be loaded, broken configurations: a
clear answer, and nothing that was accepted is lost."""
import glob
import json
import os
import smtplib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from server import BUILD, Server
from tap import run_tests

AS_ROOT = [] if os.getuid() == 0 else ["sudo"]


def client(server):
    return smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com")


def send(smtp, name, size=1000):
    body = (b"x" * 70 + b"\r\n") * (size // 72 + 1)
    smtp.sendmail("bob@example.com", ["alice@example.org"],
                  b"Subject: " + name.encode() + b"\r\n\r\n" + body)


def subjects(server):
    return {line[9:].decode() for mail in server.mails() for line in mail.split(b"\n")
            if line.startswith(b"Subject: ")}


def test_disk_full():
    """A small file system fills up: 452, later 250 again, and nothing is lost."""
    folder = tempfile.mkdtemp(prefix="barid-tmpfs-")
    subprocess.run([*AS_ROOT, "mount", "-t", "tmpfs", "-o", f"size=12m,uid={os.getuid()}", "tmpfs", folder], check=True)
    try:
        server = Server(extra="[spool]\nsegment-size = 1M\nreserve = 3M\n[queue]\nconcurrency = 0\n")
        server.state = os.path.join(folder, "state")
        with server:
            smtp = client(server)
            accepted = 0
            refusal = None
            for number in range(400):
                try:
                    send(smtp, f"m{number}", 100000)
                    accepted += 1
                except smtplib.SMTPResponseException as error:
                    refusal = error
                    break
            assert refusal is not None, "the disk never got full"
            assert refusal.smtp_code == 452, refusal
            assert accepted > 20, accepted
            assert smtp.noop()[0] == 250
            server.ctl("queue", "cancel", "--recipient", "alice")
            end = time.monotonic() + 20
            while True:
                try:
                    send(smtp, "again", 1000)
                    break
                except smtplib.SMTPResponseException:
                    assert time.monotonic() < end, "no room after the queue was emptied"
                    time.sleep(0.1)
            assert server.ctl("queue", "count")["count"] == 1
    finally:
        subprocess.run([*AS_ROOT, "umount", "-l", folder], check=True)
        os.rmdir(folder)


def test_damaged_segment():
    """Flipped bits in one record: the others are delivered, the damage is reported."""
    with Server(extra="[queue]\nconcurrency = 0\n[spool]\nsegment-size = 1M\n") as server:
        smtp = client(server)
        for number in range(40):
            send(smtp, f"m{number}", 2000)
        smtp.quit()
        server.stop()
        segment = sorted(glob.glob(os.path.join(server.state, "spool", "*.seg")))[0]
        with open(segment, "r+b") as file:
            data = file.read()
            at = data.index(b"Subject: m17\r\n")
            file.seek(at + 500)
            file.write(bytes([data[at + 500] ^ 0x40]))
        verify = subprocess.run([os.path.join(BUILD, "src/baridctl/baridctl"), "spool", "verify",
                                 os.path.join(server.state, "spool"), "--json"],
                                capture_output=True)
        assert verify.returncode == 1, verify
        text = open(server.config).read().replace("concurrency = 0", "concurrency = 10")
        open(server.config, "w").write(text)
        server.start()
        server.wait_queue_empty()
        assert subjects(server) == {f"m{n}" for n in range(40)} - {"m17"}, subjects(server)
        assert "spool.damaged" in server.read_log()


def test_torn_tail():
    """The file ends in the middle of the last record: what came before is there."""
    with Server(extra="[queue]\nconcurrency = 0\n") as server:
        smtp = client(server)
        for number in range(10):
            send(smtp, f"m{number}", 2000)
        smtp.quit()
        server.stop()
        segment = sorted(glob.glob(os.path.join(server.state, "spool", "*.seg")))[-1]
        with open(segment, "r+b") as file:
            at = file.read().index(b"Subject: m9\r\n")
            file.truncate(at + 100)
        server.start()
        end = time.monotonic() + 20
        while server.ctl("status")["replaying"]:
            assert time.monotonic() < end
        assert server.ctl("queue", "count")["count"] == 9
        send(client(server), "after")
        assert server.ctl("queue", "count")["count"] == 10


def check_config(text):
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as file:
        file.write(text)
    done = subprocess.run([os.path.join(BUILD, "src/baridctl/baridctl"), "config", "check",
                           "--config", file.name, "--json"], capture_output=True)
    os.unlink(file.name)
    return done.returncode, json.loads(done.stdout)


def test_broken_configurations():
    """All problems at once, each with its place."""
    status, out = check_config("[sesion]\ntimeout = 5min\n[listener smtp]\naddres = 1\n"
                               "[queue]\nexpire = soon\n[rcpt]\nrelay = if rmote-ip in 1.2.3.4 "
                               "then yes else no\n")
    assert status == 1 and out["ok"] is False, out
    lines = {problem["line"]: problem["message"] for problem in out["problems"]}
    assert {1, 4, 6, 8} <= set(lines), lines
    assert "session" in lines[1] and "address" in lines[4] and "remote-ip" in lines[8], lines
    status, out = check_config("[listener smtp]\naddress = 127.0.0.1:2525\n")
    assert status == 0 and out["ok"] is True, out


def test_misspelt_words():
    """In every branch, with the place and what was probably meant."""
    status, out = check_config("""[outbound]
next-hop = if rcpt-domain == "a.example" then offce
  else if weekday in {mon, teu} then mx
  else local
tls = if sender-domain == "b.example" then
    requird else none
rate = if listener == smpt then none else 5 a day
next-hop.shadow = mix
[host office]
address = 192.0.2.1
[listener smtp]
address = 127.0.0.1:2525
[module spf]
enabled = yes
mail-from = if is-tls then strict else relaxd
""")
    found = {(problem["line"], problem["column"]): problem["message"]
             for problem in out["problems"]}
    assert status == 1 and set(found) == {(2, 47), (3, 28), (6, 5), (7, 23), (7, 43), (8, 19),
                                          (15, 40)}, found
    for place, meant in [((2, 47), "office"), ((3, 28), "tue"), ((6, 5), "required"),
                         ((7, 23), "smtp"), ((8, 19), "mx"), ((15, 40), "relaxed")]:
        assert f"did you mean {meant}?" in found[place], found[place]
    assert "none or N/PERIOD" in found[7, 43], found


def test_misspelt_sections():
    """The kind that was meant is known, though no section of it is there."""
    for kind, meant in (("listner", "listener"), ("hosst", "host"), ("aliass", "alias"),
                        ("certifcate", "certificate"), ("stroe", "store"), ("outbund", "outbound")):
        status, out = check_config(f"[{kind} x]\n")
        problems = [problem["message"] for problem in out["problems"]]
        assert status == 1 and any(f"did you mean [{meant}]?" in each for each in problems), problems


def test_misspelt_policies():
    """Each module that takes a policy's word knows which there are."""
    status, out = check_config("""[module dkim]
enabled = yes
verify = if remote-ip == 127.0.0.1 then strickt else off
[module arc]
enabled = yes
verify = strickt
[module dmarc]
enabled = yes
verify = relaxd
disposition = if remote-ip == 127.0.0.1 then rejekt else none
[listener smtp]
address = 127.0.0.1:2525
""")
    found = {problem["line"]: problem["message"] for problem in out["problems"]}
    assert status == 1 and set(found) == {3, 6, 9, 10}, found
    for line, meant in ((3, "strict"), (6, "strict"), (9, "relaxed"), (10, "reject")):
        assert f"did you mean {meant}?" in found[line], found[line]


def test_missing_module():
    """The start is refused with the module's name and the place that asks for it."""
    server = Server(extra="[module nosuch]\nenabled = yes\n")
    process = subprocess.run([os.path.join(BUILD, "src/supervisor/barid"), "--config",
                              server.config, "--state", server.state], capture_output=True,
                             timeout=30)
    assert process.returncode == 1, process
    assert b"nosuch" in process.stderr and b"barid.conf:" in process.stderr, process.stderr


def test_module_fails_at_start():
    """A transport whose folder cannot be made: the start says so and ends."""
    server = Server(extra="[module maildir]\npath = /proc/nowhere\n")
    process = subprocess.run([os.path.join(BUILD, "src/supervisor/barid"), "--config",
                              server.config, "--state", server.state], capture_output=True,
                             timeout=30)
    assert process.returncode == 1, process
    assert b"maildir" in process.stderr, process.stderr


def test_held_over_restart():
    """A queue of thousands comes back while new mail is taken."""
    with Server(extra="[queue]\nconcurrency = 0\n") as server:
        smtp = client(server)
        for number in range(2000):
            send(smtp, f"m{number}", 100)
            if number % 900 == 899:
                smtp.quit()
                smtp = client(server)
        smtp.quit()
        server.stop()
        server.start()
        send(client(server), "new")
        end = time.monotonic() + 20
        while server.ctl("status")["replaying"]:
            assert time.monotonic() < end
        assert server.ctl("queue", "count")["count"] == 2001


def test_second_server_is_refused():
    """Two servers never share a spool."""
    with Server() as server:
        other = Server()
        other.state = server.state
        process = subprocess.run([os.path.join(BUILD, "src/supervisor/barid"), "--config",
                                  other.config, "--state", server.state, "--socket",
                                  os.path.join(other.folder, "sock")], capture_output=True,
                                 timeout=30)
        assert process.returncode == 1, process
        assert b"another server uses this folder" in process.stderr, process.stderr
        send(client(server), "still")


def test_check_writes_nothing():
    """A check needs no folder: neither the state folder nor one for temporary files."""
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "barid.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write("[module sqlite]\nenabled = yes\n[store local]\ndriver = sqlite\n"
                       "path = local.sqlite\n[listener smtp]\naddress = 127.0.0.1:2525\n"
                       "[domain example.org]\n[module maildir]\nenabled = yes\n")
        environment = dict(os.environ, TMPDIR=os.path.join(folder, "no-tmp"),
                           XDG_STATE_HOME=os.path.join(folder, "no-state"))
        for words in [["--state", os.path.join(folder, "nowhere")], []]:
            done = subprocess.run([os.path.join(BUILD, "src/baridctl/baridctl"), "config", "check",
                                   "--json", "--config", config, *words], env=environment,
                                  capture_output=True, check=False)
            assert done.returncode == 0 and json.loads(done.stdout)["ok"], done
        assert os.listdir(folder) == ["barid.conf"], os.listdir(folder)


def test_store_that_cannot_be_opened():
    """That is found at the start, with its place; the server does not come up."""
    server = Server(extra="[module sqlite]\nenabled = yes\n[store local]\ndriver = sqlite\n"
                          "path = /proc/nowhere/local.sqlite\n")
    try:
        server.start()
        raise AssertionError("it started")
    except RuntimeError as error:
        assert "[store local]" in str(error) and "barid.conf:" in str(error), error
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
