# SPDX-License-Identifier: Apache-2.0
"""Servers of Debian packages that insist on their places: unpacked, and seen as installed in
a mount namespace of their own (tests/peers/inside). The system itself is not touched."""
import glob
import os
import shutil
import signal
import subprocess
import tempfile

PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers")


def unpack(package):
    """The folder of an unpacked package."""
    return subprocess.run([os.path.join(PEERS, "unpack"), package], check=True,
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


class Unpacked:
    """(package) and (others) are seen inside. (setup) is a script that runs there first. What the server writes below /var/spool is
    in "spool" of its (folder). Needs root."""

    def __init__(self, package, setup, command, prefix=(), others=()):
        self.trees = ":".join(unpack(name) for name in (package, *others))
        self.command = [*prefix, os.path.join(PEERS, "inside")], command
        self.folder = tempfile.mkdtemp(prefix="barid-peer-")
        with open(os.path.join(self.folder, "setup"), "w", encoding="utf-8") as file:
            file.write(setup)
        self.process = None

    def start(self):
        before, behind = self.command
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen([*before, self.folder, self.trees, *behind],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def run_inside(self, *command):
        return subprocess.run(["nsenter", "-t", str(self.process.pid), "-m", "/usr/sbin/chroot",
                               os.path.join(self.folder, "host"), *command], check=True,
                              capture_output=True, text=True).stdout

    def read_log(self):
        return read(os.path.join(self.folder, "log"))

    def stop(self):
        if self.process is not None:
            tree = list_tree(self.process.pid)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            for pid in tree[1:]:
                try:
                    os.kill(pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass
        self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


POSTFIX_SETUP = """
set -eu
cat > /etc/postfix/main.cf <<END
compatibility_level = 3.6
myhostname = {name}
inet_interfaces = {interfaces}
inet_protocols = {protocols}
alias_maps =
alias_database =
maillog_file = /var/spool/postfix.log
smtpd_peername_lookup = no
{settings}
END
mkdir -p /var/lib/postfix /var/spool/postfix /var/spool/boxes
chown postfix /var/lib/postfix /var/spool/boxes
cp /usr/share/postfix/dynamicmaps.cf /etc/postfix/
awk '/^smtp +inet/ {{ $1 = "{port}" }} /^[a-z0-9-]/ && NF >= 8 {{ $5 = "n" }} {{ print }}' \\
    /usr/share/postfix/master.cf.dist > /etc/postfix/master.cf
{commands}
/usr/sbin/postfix check
"""


class Postfix(Unpacked):
    """Listens on (port) with main.cf's (settings); (commands) run once before."""

    def __init__(self, port, settings, commands="", name="postfix.example",
                 interfaces="127.0.0.1", protocols="ipv4", prefix=(), others=(),
                 command=("/usr/lib/postfix/sbin/master", "-d", "-c", "/etc/postfix")):
        self.port = port
        super().__init__("postfix", POSTFIX_SETUP.format(
            port=port, settings=settings.strip(), commands=commands.strip(), name=name,
            interfaces=interfaces, protocols=protocols),
            list(command), prefix, others)

    def read_log(self):
        return super().read_log() + read(os.path.join(self.folder, "spool/postfix.log"))

    def mails(self, box):
        """What was delivered to /var/spool/boxes/(box)/."""
        texts = []
        for path in glob.glob(os.path.join(self.folder, "spool/boxes", box, "new", "*")):
            with open(path, "rb") as file:
                texts.append(file.read())
        return texts
