# SPDX-License-Identifier: Apache-2.0
"""The mail servers that bench-server.py compares, each started in a folder of its own."""
import glob
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
import server  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def unpack(package):
    return subprocess.run([os.path.join(TOP, "tests/peers/unpack"), package], check=True,
                          capture_output=True, text=True).stdout.strip()


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def list_tree(pid):
    """The process and all that descend from it."""
    children = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        fields = read(path).rpartition(")")[2].split()
        if fields:
            children.setdefault(int(fields[1]), []).append(int(path.split("/")[2]))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


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

    def wait_idle(self, seconds=600, load=0.2):
        """Until less than (load) of a processor is used over two seconds."""
        end = time.monotonic() + seconds
        spent = self.cpu()
        while time.monotonic() < end:
            time.sleep(2)
            now = self.cpu()
            if now - spent < 2 * load:
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


POSTFIX_SETUP = """
set -eu
cat > /etc/postfix/main.cf <<END
compatibility_level = 3.6
myhostname = mx.example.org
mydestination = example.org
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
alias_database =
maillog_file = /var/log/mail.log
smtpd_client_restrictions = check_client_access static:HOLD
smtpd_peername_lookup = no
smtpd_tls_security_level = none
END
mkdir -p /var/lib/postfix /var/spool/postfix
chown postfix /var/lib/postfix
cp /usr/share/postfix/dynamicmaps.cf /etc/postfix/
awk '/^smtp +inet/ {{ $1 = "{port}" }} /^[a-z0-9-]/ && NF >= 8 {{ $5 = "n" }} {{ print }}' \\
    /usr/share/postfix/master.cf.dist > /etc/postfix/master.cf
/usr/sbin/postfix check
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
    """A Debian package over the system in a mount namespace (see peer-root)."""
    package, setup, command, queue = "", "", [], ""

    def __enter__(self):
        self.port = server.free_port()
        self.folder = tempfile.mkdtemp(prefix="barid-bench-")
        self.prepare()
        with open(os.path.join(self.folder, "setup"), "w", encoding="utf-8") as file:
            file.write(self.setup.format(port=self.port))
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = subprocess.Popen(
            [os.path.join(TOP, "tests/bench/peer-root"), self.folder, unpack(self.package),
             *self.command], stdout=self.log, stderr=self.log)
        self.pid = self.process.pid
        try:
            self.wait_listening()
            self.after_start()
        except Exception:
            print(read(self.log.name)[-2000:])
            self.__exit__()
            raise
        return self

    def __exit__(self, *ignored):
        tree = list_tree(self.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for pid in tree[1:]:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self):
        pass

    def after_start(self):
        pass

    def count(self):
        return sum(len(files) for _, _, files in
                   os.walk(os.path.join(self.folder, "spool", self.queue)))


class Postfix(Unpacked):
    name = "Postfix"
    package, setup, queue = "postfix", POSTFIX_SETUP, "postfix/hold"
    command = ["/usr/lib/postfix/sbin/master", "-d", "-c", "/etc/postfix"]


class OpenSmtpd(Unpacked):
    name = "OpenSMTPD"
    own_max = 300  # it answers a new connection after a second, now and then
    package, setup, queue = "opensmtpd", OPENSMTPD_SETUP, "smtpd/queue"
    command = ["/usr/sbin/smtpd", "-d"]

    def after_start(self):
        subprocess.run(["nsenter", "-t", str(self.pid), "-m", "/usr/sbin/chroot",
                        os.path.join(self.folder, "host"), "/usr/sbin/smtpctl", "pause", "mta"],
                       check=True, stdout=subprocess.DEVNULL)

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
