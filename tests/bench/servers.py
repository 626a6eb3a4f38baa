# SPDX-License-Identifier: Apache-2.0
"""The mail servers that bench-server.py compares, each started in a folder of its own."""
import os
import resource
import shutil
import subprocess
import sys
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
import server  # noqa: E402
import unpacked  # noqa: E402
from unpacked import list_tree, read  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


class Peer:
    """A server with .port, .pid (the root of its processes) and .count() of queued messages."""
    name = ""
    pid = 0
    own_max = sys.maxsize  # messages with a connection each that are worth waiting for

    def cpu(self):
        """Seconds of all processes, those that ended and were waited for included."""
        total = 0
        for pid in list_tree(self.pid):
            fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            total += sum(int(field) for field in fields[11:15])
        return total / TICKS

    def wait_listening(self):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if subprocess.run(["sh", "-c", f"ss -Hltn 'sport = :{self.port}' | grep -q ."],
                              check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not listen")

    def settle(self):
        """Until no CPU time is spent any more, or three seconds."""
        spent = self.cpu()
        for _ in range(6):
            time.sleep(0.5)
            now = self.cpu()
            if now - spent < 0.02:
                return
            spent = now


class Barid(Peer):
    name = "Barid"

    def __init__(self, extra=""):
        self.server = server.Server(extra + "\n[data]\nmax-messages = 1000000\n"
                                    "[session]\ntransfer-limit = 100G\nmax-connections = 100000\n"
                                    "timeout = 15min\n",
                                    listener="max-connections = 100000")

    def __enter__(self):
        self.server.start()
        self.pid = self.server.process.pid
        self.port = self.server.port
        return self

    def __exit__(self, *ignored):
        self.server.stop()
        shutil.rmtree(self.server.folder, ignore_errors=True)

    def count(self):
        return self.server.ctl("queue", "count")["count"]


POSTFIX_SETTINGS = """
mydestination = example.org
mynetworks = 127.0.0.0/8
local_recipient_maps =
smtpd_client_restrictions = check_client_access static:HOLD
smtpd_tls_security_level = none
"""

OPENSMTPD_SETUP = """
set -eu
cat > /etc/smtpd.conf <<END
smtp limit max-mails 1000000
listen on 127.0.0.1 port {port} hostname mx.example.org
action "hold" relay host smtp://127.0.0.1:1
match from any for any action "hold"
END
# It looks up each client's name: a name server that is silent must not be measured.
echo 'lookup file' > /etc/resolv.conf
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
chmod 711 /var/spool/smtpd
chgrp opensmtpq /usr/sbin/smtpctl
chmod 2755 /usr/sbin/smtpctl
"""


class Unpacked(Peer):
    """A server of an unpacked package, on a port of its own; (queue) is below /var/spool."""
    queue = ""

    def make_program(self):
        raise NotImplementedError

    def __enter__(self):
        self.port = server.free_port()
        self.program = self.make_program()
        self.program.start()
        self.pid = self.program.process.pid
        try:
            self.wait_listening()
            self.after_start()
        except Exception:
            print(self.program.read_log()[-2000:])
            self.__exit__()
            raise
        return self

    def __exit__(self, *ignored):
        self.program.stop()

    def after_start(self):
        pass

    def count(self):
        return sum(len(files) for _, _, files in
                   os.walk(os.path.join(self.program.folder, "spool", self.queue)))


class Postfix(Unpacked):
    name = "Postfix"
    queue = "postfix/hold"

    def make_program(self):
        return unpacked.Postfix(self.port, POSTFIX_SETTINGS, name="mx.example.org")


class OpenSmtpd(Unpacked):
    name = "OpenSMTPD"
    own_max = 300  # it answers a new connection after a second, now and then
    queue = "smtpd/queue"

    def make_program(self):
        return unpacked.Unpacked("opensmtpd", OPENSMTPD_SETUP.format(port=self.port),
                                 ["/usr/sbin/smtpd", "-d"])

    def after_start(self):
        self.program.run_inside("/usr/sbin/smtpctl", "pause", "mta")

    def count(self):
        return super().count() // 2  # an envelope and a message


class Sink(Peer):
    """Postfix's smtp-sink: speaks SMTP and keeps nothing."""
    name = "smtp-sink"

    def __init__(self, sources):
        self.program = os.path.join(os.path.dirname(sources.source), "smtp-sink")
        self.environment = sources.environment

    def __enter__(self):
        self.port = server.free_port()
        self.process = subprocess.Popen([self.program, "-u", "nobody", f"127.0.0.1:{self.port}",
                                         "100"], env=self.environment)
        self.pid = self.process.pid
        self.wait_listening()
        return self

    def __exit__(self, *ignored):
        self.process.kill()
        self.process.wait()

    def count(self):
        return None


def raise_file_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
