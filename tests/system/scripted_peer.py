# SPDX-License-Identifier: Apache-2.0
"""A peer that answers as a test says: 4xx or 5xx at any stage, garbage, nothing, slowly,
or by closing. Real sockets, one thread a connection."""
import socket
import ssl
import threading
import time

ALL = ["PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 50000000", "CHUNKING", "BINARYMIME",
       "ENHANCEDSTATUSCODES"]

CLOSE = object()  # ends the connection without an answer
RESET = object()  # the same with a RST

DEFAULTS = {
    "CONNECT": "220 peer.example ESMTP", "HELO": "250 peer.example", "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok", "DATA": "354 go ahead", "END": "250 2.0.0 taken", "BDAT": "250 2.0.0 taken",
    "RSET": "250 2.0.0 ok", "QUIT": "221 2.0.0 bye", "STARTTLS": "220 2.0.0 go ahead",
    "AUTH": "235 2.7.0 ok", "NOOP": "250 ok",
}


class Message:
    def __init__(self, mail):
        self.mail = mail
        self.recipients = []
        self.content = b""
        self.by = None


class ScriptedPeer:
    """with ScriptedPeer(MAIL="450 4.2.1 later") as peer: ... peer.port ... peer.messages

    A value is an answer (str, or bytes sent as they are), CLOSE, RESET, a number of seconds
    to be silent before the default, a list of those by occurrence (the last repeats), or a
    function of the command's line."""

    def __init__(self, address="127.0.0.2", extensions=None, lmtp=False, certificate=None, port=0,
                 path=None, implicit=False, **script):
        self.extensions = ALL if extensions is None else extensions
        self.lmtp = lmtp
        self.script = script
        self.certificate = certificate
        self.implicit = implicit
        self.counts = {}
        self.lines = []        # all commands of all connections
        self.connections = 0
        self.messages = []     # that were answered with 2xx
        self.seen = []         # that arrived completely, whatever the answer
        self.lock = threading.Lock()
        if path is not None:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(path)
        else:
            self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((address, port))
        self.socket.listen(200)
        self.address = address
        self.port = None if path is not None else self.socket.getsockname()[1]
        self.open = set()
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        # A blocked accept() is woken by this, not by close().
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    # --- one connection ---

    def serve(self, connection):
        self.open.add(connection)
        try:
            if self.implicit:
                connection = self.wrap(connection)
            Session(self, connection).run()
        except (OSError, EOFError, ValueError):
            pass
        finally:
            self.open.discard(connection)
            connection.close()

    def wrap(self, connection):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)
        return context.wrap_socket(connection, server_side=True)

    def pick(self, stage, line):
        value = self.script.get(stage)
        with self.lock:
            number = self.counts.get(stage, 0)
            self.counts[stage] = number + 1
        if isinstance(value, list):
            value = value[min(number, len(value) - 1)]
        if callable(value):
            value = value(line)
        return value

    def wait(self, what, seconds=20):
        """Until what(self) is true."""
        end = time.monotonic() + seconds
        while not what(self):
            if time.monotonic() > end:
                raise AssertionError(f"the peer waited in vain; it saw {self.lines}")
            time.sleep(0.01)


class Session:
    def __init__(self, peer, connection):
        self.peer = peer
        self.connection = connection
        self.buffer = b""
        self.message = None

    def answer(self, stage, line=""):
        """Sends the answer of a stage; its code."""
        value = self.peer.pick(stage, line)
        if isinstance(value, (int, float)):
            time.sleep(value)
            value = None
        if value is None:
            value = DEFAULTS[stage]
        if value is RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if value is CLOSE or value is RESET:
            raise EOFError
        data = value if isinstance(value, bytes) else value.encode() + b"\r\n"
        self.connection.sendall(data)
        return int(data[:3]) if data[:3].isdigit() else 0

    def read(self):
        data = self.connection.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def read_line(self):
        while b"\r\n" not in self.buffer:
            self.read()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("utf-8", "surrogateescape")

    def run(self):
        if self.answer("CONNECT") != 220:
            self.read_line()
            return
        while True:
            line = self.read_line()
            with self.peer.lock:
                self.peer.lines.append(line)
            verb = line.split(" ")[0].upper()
            if verb == "LHLO":
                verb = "EHLO"
            if not getattr(self, "on_" + verb.lower(), self.on_other)(verb, line):
                return

    def on_other(self, verb, line):
        self.answer(verb if verb in DEFAULTS else "NOOP", line)
        return True

    def on_ehlo(self, verb, line):
        if "EHLO" in self.peer.script:
            value = self.peer.pick("EHLO", line)
            if value is CLOSE or value is RESET:
                raise EOFError
            if value is not None:
                self.connection.sendall(value if isinstance(value, bytes)
                                        else value.encode() + b"\r\n")
                return True
        lines = ["peer.example"] + self.peer.extensions
        self.connection.sendall("".join(
            f"250{' ' if i == len(lines) - 1 else '-'}{text}\r\n"
            for i, text in enumerate(lines)).encode())
        return True

    def on_quit(self, verb, line):
        self.answer("QUIT", line)
        return False

    def on_starttls(self, verb, line):
        if self.answer("STARTTLS", line) == 220:
            self.buffer = b""
            if "HANDSHAKE" in self.peer.script:
                self.connection.recv(65536)
                self.connection.sendall(self.peer.pick("HANDSHAKE", line))
                raise EOFError
            self.connection = self.peer.wrap(self.connection)
        return True

    def on_auth(self, verb, line):
        if line.upper() == "AUTH LOGIN":
            for prompt in (b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n"):
                self.connection.sendall(prompt)
                self.peer.lines.append(self.read_line())
        self.answer("AUTH", line)
        return True

    def on_mail(self, verb, line):
        self.message = Message(line) if self.answer("MAIL", line) == 250 else None
        return True

    def on_rcpt(self, verb, line):
        if self.message is None:
            self.connection.sendall(b"503 5.5.1 MAIL first\r\n")
        elif self.answer("RCPT", line) == 250:
            self.message.recipients.append(line)
        return True

    def finish(self, stage):
        """The answers to a whole message: one, or one for each with LMTP."""
        with self.peer.lock:
            self.peer.seen.append(self.message)
        codes = [self.answer(stage, rcpt) for rcpt in
                 (self.message.recipients if self.peer.lmtp else [""])]
        if 250 in codes:
            with self.peer.lock:
                self.peer.messages.append(self.message)
        self.message = None

    def on_data(self, verb, line):
        if self.message is None or not self.message.recipients:
            self.connection.sendall(b"503 5.5.1 RCPT first\r\n")
            return True
        if self.answer("DATA", line) != 354:
            return True
        content = b"\r\n"
        while b"\r\n.\r\n" not in content + self.buffer:
            content, self.buffer = content + self.buffer, b""
            if "CONTENT" in self.peer.script:
                self.answer("CONTENT", line)
            self.read()
        content, _, self.buffer = (content + self.buffer).partition(b"\r\n.\r\n")
        content = (content + b"\r\n").replace(b"\r\n..", b"\r\n.")[2:]
        self.message.content = content
        self.message.by = "DATA"
        self.finish("END")
        return True

    def on_bdat(self, verb, line):
        size = int(line.split(" ")[1])
        while len(self.buffer) < size:
            if "CONTENT" in self.peer.script:
                self.answer("CONTENT", line)
            self.read()
        content, self.buffer = self.buffer[:size], self.buffer[size:]
        if self.message is None or not self.message.recipients:
            self.connection.sendall(b"503 5.5.1 RCPT first\r\n")
            return True
        self.message.content += content
        self.message.by = "BDAT"
        if line.upper().endswith(" LAST"):
            self.finish("BDAT")
        else:
            self.answer("BDAT", line)
        return True
