#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Delivery to real servers, unpacked and never installed: smtp-sink, Postfix, Exim, and
Dovecot's LMTP server."""
import getpass
import glob
import os
import smtplib
import socket
import socketserver
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from outbound import wait_tried
from peers import find_peer
from programs import Program, Sink, wait_for
from server import Server, free_port
from tap import Skip, run_tests
from unpacked import Postfix

EIGHT = ("Subject: k\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "Content-Transfer-Encoding: 8bit\r\n\r\nk\u00e4se\r\n.dot\r\n").encode()
RELAY = "[rcpt]\nrelay = yes\n[queue]\nretry = 1h\n"


def send(server, recipients, content=EIGHT, sender="bob@example.com", mail_options=(),
         rcpt_options=()):
    client = smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com")
    client.ehlo()
    if "SMTPUTF8" in mail_options:
        client.command_encoding = "utf-8"
    assert client.mail(sender, ["BODY=8BITMIME", *mail_options])[0] == 250
    for recipient in recipients:
        code, text = client.rcpt(recipient, list(rcpt_options))
        assert code == 250, text
    code, text = client.data(content)
    assert code == 250, text
    client.quit()
    return text.decode().split()[-1]


# --- smtp-sink ---

def relay_to(port, more=""):
    return RELAY + f"[outbound]\nnext-hop = peer\n{more}\n[host peer]\naddress = 127.0.0.1:{port}\n"


def test_sink():
    with Sink() as sink, Server(extra=relay_to(sink.port)) as server:
        for number in range(20):
            send(server, [f"a{number}@one.example", f"b{number}@two.example"])
        wait_for(lambda: len(sink.mails()) == 40)
        server.wait_queue_empty()
        assert all("k\u00e4se\n.dot\n".encode() in mail for mail in sink.mails())


def test_sink_that_refuses():
    with Sink("-f", "rcpt") as sink, Server(extra=relay_to(sink.port)) as server:
        rcpt = wait_tried(server, send(server, ["a@one.example"]))["recipients"][0]
        assert rcpt["status"] == "failed" and rcpt["code"].startswith("5."), rcpt


def test_sink_that_fails_softly():
    with Sink("-r", "data") as sink, Server(extra=relay_to(sink.port)) as server:
        rcpt = wait_tried(server, send(server, ["a@one.example"]))["recipients"][0]
        assert rcpt["status"] == "pending" and rcpt["code"].startswith("4."), rcpt
        assert "in_doubt" not in rcpt, rcpt


def test_sink_that_hangs_up():
    """It closes after the content: in doubt."""
    with Sink("-q", ".") as sink, Server(extra=relay_to(sink.port)) as server:
        rcpt = wait_tried(server, send(server, ["a@one.example"]))["recipients"][0]
        assert rcpt["status"] == "pending" and rcpt.get("in_doubt") is True, rcpt


def test_sink_without_esmtp():
    with Sink("-e") as sink, Server(extra=relay_to(sink.port)) as server:
        send(server, ["a@one.example"])
        server.wait_queue_empty()  # a file is there before all is in it
        assert b"Content-Transfer-Encoding: quoted-printable" in sink.mails()[0]
        assert b"k=C3=A4se\n" in sink.mails()[0], sink.mails()[0]


# --- Dovecot ---

UNSHARE = ["unshare", "-m", "sh", "-c"] if os.getuid() == 0 else ["unshare", "-Urm", "sh", "-c"]

DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/state
libexec_dir = {folder}/libexec
mail_plugin_dir = {folder}/none
login_plugin_dir = {folder}/none
log_path = {folder}/dovecot.log
import_environment = TZ LD_LIBRARY_PATH={core}
protocols = lmtp
ssl = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
default_vsz_limit = 0
mail_location = maildir:{folder}/mail/%n
first_valid_uid = 0
first_valid_gid = 0
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%n allow_all_users=yes
}}
passdb {{
  driver = static
  args = nopassword=y
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service lmtp {{
  chroot =
  unix_listener {folder}/lmtp {{
    mode = 0600
  }}
}}
"""


class Dovecot(Program):
    def __init__(self):
        super().__init__("barid-dovecot-")
        core = os.path.dirname(find_peer("dovecot-core", "usr/lib/dovecot/anvil"))
        lmtp = find_peer("dovecot-lmtpd", "usr/lib/dovecot/lmtp")
        dovecot = find_peer("dovecot-core", "usr/sbin/dovecot")
        libexec = os.path.join(self.folder, "libexec")
        for name in ("run", "state", "none", "mail", "home", "libexec"):
            os.mkdir(os.path.join(self.folder, name))
        for path in [*glob.glob(core + "/*"), lmtp]:
            if os.path.isfile(path):
                os.symlink(path, os.path.join(libexec, os.path.basename(path)))
        config = os.path.join(self.folder, "dovecot.conf")
        with open(config, "w", encoding="utf-8") as file:
            # It delivers for nobody with the id of root.
            file.write(DOVECOT.format(folder=self.folder, core=core, uid=os.getuid() or 65534,
                                      gid=os.getgid() or 65534,
                                      user="nobody" if os.getuid() == 0 else getpass.getuser(),
                                      group="nogroup" if os.getuid() == 0 else
                                      subprocess.run(["id", "-gn"], capture_output=True, check=True,
                                                     text=True).stdout.strip()))
        self.socket = os.path.join(self.folder, "lmtp")
        for name in ("", "mail", "home"):
            os.chmod(os.path.join(self.folder, name), 0o777)
        # It insists on some of its files being where packages are installed: it sees them
        # there, and nobody else does.
        usr = os.path.realpath(find_peer("dovecot-core", "usr"))
        self.run([*UNSHARE, f"mount -t overlay overlay -o lowerdir={usr}:/usr /usr && "
                  f"exec {dovecot} -F -c {config}"], {"LD_LIBRARY_PATH": core})
        def is_there():
            assert self.process.poll() is None, self.read_log()
            return os.path.exists(self.socket)
        wait_for(is_there)

    def mails(self, user):
        texts = []
        for path in glob.glob(os.path.join(self.folder, "mail", user, "new", "*")):
            with open(path, "rb") as file:
                texts.append(file.read())
        return texts


def test_dovecot():
    with Dovecot() as dovecot, Server(extra=RELAY + "[outbound]\nnext-hop = mailboxes\n"
                                      f"[host mailboxes]\naddress = unix:{dovecot.socket}\n"
                                      "protocol = lmtp\n") as server:
        send(server, ["carol@far.example", "dave@far.example"])
        wait_for(lambda: dovecot.mails("carol") and dovecot.mails("dave"))
        server.wait_queue_empty()
        assert "k\u00e4se\n.dot\n".encode() in dovecot.mails("carol")[0].replace(b"\r\n", b"\n")


def test_dovecot_as_transport():
    """A domain of ours whose mailboxes are there."""
    with Dovecot() as dovecot, Server(extra="[domain boxes.example]\ntransport = mailboxes\n"
                                      "catch-all = alice@boxes.example\n"
                                      f"[host mailboxes]\naddress = unix:{dovecot.socket}\n"
                                      "protocol = lmtp\n[user boxes]\n"
                                      "addresses = alice@boxes.example\n") as server:
        send(server, ["alice@boxes.example"])
        wait_for(lambda: dovecot.mails("alice"))
        server.wait_queue_empty()


# --- Exim ---

EXIM = """
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
pid_file_path = {folder}/spool/pid
primary_hostname = exim.example
keep_environment =
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
tls_advertise_hosts = *
tls_certificate = {folder}/chain.pem
tls_privatekey = {folder}/key.pem
queue_only = true
recipients_max = 3
message_size_limit = 1M
chunking_advertise_hosts = *
dsn_advertise_hosts = *
acl_smtp_mail = take
acl_smtp_rcpt = take
acl_smtp_data = take
begin acl
take:
  accept
"""
EXIM_UID = 65533


class Exim(Program):
    """It takes and keeps; the user it insists on exists for it alone."""

    def __init__(self):
        super().__init__("barid-exim-")
        self.port = free_port()
        exim = find_peer("exim4-daemon-light", "usr/sbin/exim4")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=exim.example", "-keyout",
                        self.folder + "/key.pem", "-out", self.folder + "/chain.pem"], check=True,
                       capture_output=True)
        self.write("exim.conf", EXIM.format(folder=self.folder, port=self.port))
        for name in ("passwd", "group"):
            with open("/etc/" + name, encoding="utf-8") as file:
                text = file.read()
            self.write(name, text + (f"Debian-exim:x:{EXIM_UID}:{EXIM_UID}::/:/bin/false\n"
                                     if name == "passwd" else f"Debian-exim:x:{EXIM_UID}:\n"))
        os.mkdir(self.folder + "/spool")
        os.chmod(self.folder + "/spool", 0o777)
        os.chmod(self.folder, 0o777)
        for name in ("key.pem", "exim.conf"):
            os.chmod(os.path.join(self.folder, name), 0o644)
        self.run(["unshare", "-m", "sh", "-c",
                  f"mount --bind {self.folder}/passwd /etc/passwd && "
                  f"mount --bind {self.folder}/group /etc/group && "
                  f"exec {exim} -C {self.folder}/exim.conf -bdf"])
        self.wait_port(self.port)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def n_taken(self):
        return len(glob.glob(os.path.join(self.folder, "spool", "input", "*-D")))


def test_exim():
    if os.getuid() != 0:
        raise Skip("needs root")
    with Exim() as exim, Server(extra=relay_to(exim.port)) as server:
        queue_id = send(server, [f"x{n}@far.example" for n in range(7)])
        wait_for(lambda: exim.n_taken() == 3)
        server.wait_queue_empty()
        told = wait_tried(server, queue_id)
        transcript = told["attempts"][-1]["transcript"]
        assert "STARTTLS" in transcript and "TLSv1.3" in transcript, transcript
        assert "BDAT" in transcript, transcript
        assert all(rcpt["status"] == "delivered" for rcpt in told["recipients"]), told
        # Larger than it takes: it is not even asked.
        rcpt = wait_tried(server, send(server, ["x@far.example"], EIGHT + b"x" * 70 * 20000
                                       ))["recipients"][0]
        assert (rcpt["status"], rcpt["code"]) == ("failed", "5.3.4"), rcpt


# --- Postfix ---

POSTFIX = """
mydestination =
virtual_mailbox_domains = far.example
virtual_mailbox_base = /var/spool/boxes
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:800
virtual_gid_maps = static:800
local_header_rewrite_clients =
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_tls_cert_file = /etc/postfix/chain.pem
smtpd_tls_key_file = /etc/postfix/key.pem
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:{policy}
"""
POSTFIX_COMMANDS = """
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=postfix.example \\
    -keyout /etc/postfix/key.pem -out /etc/postfix/chain.pem 2> /dev/null
"""


class Policy(socketserver.ThreadingTCPServer):
    """What Postfix asks about each recipient: the answer is (answers)[recipient], one after
    the other, or that there is nothing to say."""
    daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            asked = {}
            for line in self.rfile:
                name, _, value = line.decode().rstrip("\n").partition("=")
                if name:
                    asked[name] = value
                    continue
                self.server.asked.append(asked)
                answers = self.server.answers.get(asked["recipient"], [])
                action = answers.pop(0) if answers else "DUNNO"
                self.wfile.write(f"action={action}\n\n".encode())
                asked = {}

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.asked, self.answers = [], {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *ignored):
        self.shutdown()
        self.server_close()


class PostfixPeer:
    """A Postfix that keeps all it is given for far.example in one box."""

    def __enter__(self):
        if os.getuid() != 0:
            raise Skip("needs root")
        self.policy = Policy()
        self.peer = Postfix(free_port(), POSTFIX.format(policy=self.policy.server_address[1]),
                            POSTFIX_COMMANDS)
        self.port = self.peer.port
        self.peer.start()
        wait_for(self.is_open)
        return self

    def is_open(self):
        assert self.peer.process.poll() is None, self.peer.read_log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def mails(self):
        return self.peer.mails("all")

    def wait_mails(self, count):
        wait_for(lambda: len(self.mails()) >= count)
        assert len(self.mails()) == count, self.mails()
        return self.mails()

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print("# " + self.peer.read_log()[-3000:].replace("\n", "\n# "))
        self.peer.stop()
        self.policy.__exit__()


def assert_stored(mail, content):
    """(content) as it was sent is the end of what lies in the box."""
    assert mail.endswith(content.replace(b"\r\n", b"\n")), mail[:2000]


def test_postfix_extensions():
    with PostfixPeer() as postfix, Server(extra=relay_to(postfix.port)) as server:
        told = wait_tried(server, send(server, ["carol@far.example", "dave@far.example"]))
        assert all(rcpt["status"] == "delivered" for rcpt in told["recipients"]), told
        transcript = told["attempts"][-1]["transcript"]
        for word in ("STARTTLS", "TLSv1.3", "BDAT", "BODY=8BITMIME"):
            assert word in transcript, f"no {word} in {transcript}"
        # Pipelined: all recipients are named before the first answer to MAIL.
        dialogue = transcript[transcript.index("C: MAIL"):]
        assert dialogue.index("C: RCPT TO:<dave@") < dialogue.index("S: "), transcript
        for mail in postfix.wait_mails(2):
            assert_stored(mail, EIGHT)
            assert b"using TLSv1.3" in mail and b"with ESMTPS" in mail, mail
        assert {asked["encryption_protocol"] for asked in postfix.policy.asked} == {"TLSv1.3"}


def test_postfix_without_extensions():
    """The same without chunks and pipelines: dots are doubled on the way."""
    with PostfixPeer() as postfix, Server(extra=relay_to(
            postfix.port, "chunking = no\npipelining = no")) as server:
        told = wait_tried(server, send(server, ["carol@far.example"]))
        assert "C: DATA" in told["attempts"][-1]["transcript"], told
        assert_stored(postfix.wait_mails(1)[0], EIGHT)


def test_postfix_large():
    """Megabytes of long and short lines, by chunks, byte for byte."""
    content = b"Subject: large\r\n\r\n" + b"".join(
        b".%d %s\r\n" % (n, b"x" * (n * 37 % 900)) for n in range(6000))
    with PostfixPeer() as postfix, Server(extra=relay_to(postfix.port)) as server:
        told = wait_tried(server, send(server, ["carol@far.example"], content))
        assert told["recipients"][0]["status"] == "delivered", told
        assert_stored(postfix.wait_mails(1)[0], content)


def test_postfix_many():
    """Many at once share connections, and each arrives once."""
    with PostfixPeer() as postfix, Server(extra=relay_to(postfix.port)) as server:
        for number in range(60):
            send(server, [f"a{number}@far.example"], b"Subject: %d\r\n\r\n" % number)
        server.wait_queue_empty()
        mails = postfix.wait_mails(60)
        assert len({mail.split(b"\nSubject: ")[1] for mail in mails}) == 60
        connections = postfix.peer.read_log().count("]: connect from ")
        assert connections < 60, "no connection was used again"


def test_postfix_smtputf8():
    content = ("Subject: Gr\u00fc\u00dfe\r\nFrom: <j\u00f6rg@example.com>\r\n\r\n"
               "caf\u00e9\r\n").encode()
    with PostfixPeer() as postfix, Server(extra=relay_to(postfix.port)) as server:
        queue_id = send(server, ["k\u00e4tzchen@far.example"], content, "j\u00f6rg@example.com",
                        ["SMTPUTF8"])
        told = wait_tried(server, queue_id)
        assert told["recipients"][0]["status"] == "delivered", told
        assert "SMTPUTF8" in told["attempts"][-1]["transcript"], told
        mail = postfix.wait_mails(1)[0]
        assert "Delivered-To: k\u00e4tzchen@far.example\n".encode() in mail, mail
        assert "Return-Path: <j\u00f6rg@example.com>\n".encode() in mail, mail
        assert_stored(mail, content)


def test_postfix_dsn():
    """It is told what the sender asked for, and tells of success itself."""
    with PostfixPeer() as postfix, Server(extra=relay_to(postfix.port)) as server:
        queue_id = send(server, ["carol@far.example"], EIGHT, "sender@far.example",
                        ["RET=HDRS", "ENVID=an+2Bid"],
                        ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;caro+2B@first.example"])
        told = wait_tried(server, queue_id)
        assert told["recipients"][0]["status"] == "delivered", told
        mails = postfix.wait_mails(2)
        notice = [mail for mail in mails if b"multipart/report" in mail]
        assert len(notice) == 1, mails
        for line in (b"\nOriginal-Envelope-Id: an+id\n", b"\nAction: delivered\n",
                     b"\nOriginal-Recipient: rfc822;caro+@first.example\n",
                     b"\nDelivered-To: sender@far.example\n"):
            assert line in notice[0], (line, notice[0])
        assert "k\u00e4se".encode() not in notice[0], "not only the header came back"


def test_postfix_refuses_and_defers():
    """One recipient of three is refused, one deferred twice; the deferred one arrives once."""
    with PostfixPeer() as postfix, Server(extra=relay_to(postfix.port).replace(
            "retry = 1h", "retry = 300ms")) as server:
        postfix.policy.answers = {"no@far.example": ["550 5.1.1 no such box"] * 9,
                                  "later@far.example": ["450 4.2.1 come again"] * 2}
        queue_id = send(server, ["carol@far.example", "no@far.example", "later@far.example"],
                        sender="")
        server.wait_queue_empty()
        told = [one for one in server.ctl("explain", queue_id)["history"]
                if one["id"] == queue_id][0]
        seen = {rcpt["address"]: (rcpt["status"], rcpt["code"]) for rcpt in told["recipients"]}
        assert seen["carol@far.example"][0] == "delivered", seen
        assert seen["no@far.example"] == ("failed", "5.1.1"), seen
        assert seen["later@far.example"][0] == "delivered", seen
        assert len(told["attempts"]) == 3, told["attempts"]
        codes = [[result["status"] for result in attempt["results"]
                  if result["recipient"] == "later@far.example"] for attempt in told["attempts"]]
        assert codes[:2] == [["4.2.1"], ["4.2.1"]], codes
        for mail in postfix.wait_mails(2):
            assert_stored(mail, EIGHT)
        asked = [one["recipient"] for one in postfix.policy.asked]
        assert asked.count("no@far.example") == 1 and asked.count("later@far.example") == 3, asked


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
