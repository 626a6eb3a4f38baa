# SPDX-License-Identifier: Apache-2.0
"""rspamd, unpacked, with its modules for DKIM and ARC alone: one that verifies what comes from
strangers, and signs and seals what a user sends."""
import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from peers import find_peer, multiarch
from server import free_port

LIBRARIES = {"libluajit-5.1-2": "libluajit-5.1.so.2", "libhyperscan5": "libhs.so.5",
             "libsodium23": "libsodium.so.23", "libunwind8": "libunwind.so.8",
             "libicu72": "libicuuc.so.72"}
PLACES = {"SHAREDIR": "", "PLUGINSDIR": "plugins", "RULESDIR": "rules", "LUALIBDIR": "lualib",
          "WWWDIR": "www"}
CONFIG = """
options {{
  pidfile = "{folder}/pid";
  tempdir = "{folder}";
  cache_file = "{folder}/cache";
  hs_cache_dir = "{folder}";
  url_tld = "{folder}/suffixes";
  filters = "dkim";
  local_addrs = ["192.0.2.1"];
  disable_monitoring = true;
  dns {{ nameserver = ["127.0.0.1:{dns}"]; timeout = 5s; sockets = 1; }}
}}
logging {{ type = "file"; filename = "{folder}/log"; level = "info"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; task_timeout = 20s; }}
modules {{ path = "$PLUGINSDIR/dkim_signing.lua"; path = "$PLUGINSDIR/arc.lua"; }}
dkim {{ dkim_cache_size = 1k; }}
dkim_signing {{ {signing} use_domain = "header"; domain {{ {domain} {{ selectors [ {selectors} ] }} }} }}
arc {{ {signing} domain {{ {domain} {{ selector = "{sealer}"; path = "{folder}/{sealer}.pem"; }} }}
  use_domain = "envelope"; reuse_auth_results = true; }}
"""
SIGNING = """sign_authenticated = true; sign_local = false; sign_inbound = false; use_esld = false;
  allow_username_mismatch = true; allow_hdrfrom_mismatch = true;
  allow_hdrfrom_multiple = true; try_fallback = false; """
STRANGER = {"IP": "192.0.2.7", "Helo": "mx.client.example", "From": "a@client.example",
            "Rcpt": "alice@example.org"}


class Rspamd:
    """Signs for (domain) with the (keys), files by selector, in that order, and seals with that
    of (sealer). Asks the name server at (dns) of 127.0.0.1."""

    def __init__(self, dns, domain, keys, sealer):
        self.folder = tempfile.mkdtemp(prefix="barid-rspamd-")
        os.chmod(self.folder, 0o755)
        self.port, self.domain = free_port(), domain
        for selector, path in keys.items():
            with open(path, encoding="ascii") as file:
                text = file.read()
            # Of a key of Ed25519 it takes the seed alone.
            der = base64.b64decode("".join(text.split("\n")[1:-2]))
            with open(os.path.join(self.folder, selector + ".pem"), "w", encoding="ascii") as file:
                file.write(text if len(der) > 48 else base64.b64encode(der[-32:]).decode())
        # It works on its own list of them for seconds.
        with open(os.path.join(self.folder, "suffixes"), "w", encoding="utf-8") as file:
            file.write("example\n")
        path = os.path.join(self.folder, "rspamd.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(
                folder=self.folder, dns=dns, port=self.port, domain=domain, signing=SIGNING,
                sealer=sealer, selectors=", ".join(
                    f'{{ selector = "{selector}"; path = "{self.folder}/{selector}.pem"; }}'
                    for selector in keys)))
        self.process = self.start(path)
        self.wait_ready()

    def start(self, config):
        program = find_peer("rspamd", "usr/bin/rspamd")
        share = find_peer("rspamd", "usr/share/rspamd")
        libraries = [os.path.dirname(find_peer("rspamd", "usr/lib/rspamd/librspamd-server.so")),
                     *(os.path.dirname(find_peer(package, f"usr/lib/{multiarch()}/{name}"))
                       for package, name in LIBRARIES.items())]
        places = {name: os.path.join(share, below).rstrip("/") for name, below in PLACES.items()}
        places |= {name: self.folder for name in ("DBDIR", "RUNDIR", "LOGDIR", "CONFDIR",
                                                  "LOCAL_CONFDIR")}
        # The configuration is read with the one, scripts with the other.
        words = [f"--var={name}={place}" for name, place in places.items()]
        environment = dict(os.environ, LD_LIBRARY_PATH=":".join(libraries), **places)
        user = []
        if os.getuid() == 0:
            # Its first process reads what only root may read here; the one that works is nobody's.
            user = ["-u", "nobody", "-g", "nogroup"]
            shutil.chown(self.folder, "nobody", "nogroup")
        with open(os.path.join(self.folder, "output"), "wb") as log:
            return subprocess.Popen([program, "-f", "-c", config, *words, *user], stdout=log, stderr=log,
                                    env=environment)

    def wait_ready(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
                client.request("GET", "/ping")
                if client.getresponse().read().startswith(b"pong"):
                    return
            except OSError:
                time.sleep(0.05)
        text = ""
        for name in ("output", "log"):
            with open(os.path.join(self.folder, name), encoding="utf-8") as log:
                text += log.read()
        raise RuntimeError("rspamd did not answer: " + text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, message, **more):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        client.request("POST", "/checkv2", message, STRANGER | more)
        answer = json.loads(client.getresponse().read())
        assert "symbols" in answer, answer
        return answer

    def verify(self, message):
        """What it finds of each signature, as (domain:s=selector, symbol), sorted."""
        return sorted((option, name) for name, symbol in self.ask(message)["symbols"].items()
                      if name.startswith("R_DKIM") for option in symbol.get("options", [""]))

    def sign(self, message):
        """The header fields of a signature with each key."""
        fields = self.ask(message, User="bob")["dkim-signature"]
        return [b"DKIM-Signature: " + field.encode() + b"\r\n"
                for field in ([fields] if isinstance(fields, str) else fields)]

    def verify_chain(self, message):
        """None, pass or fail, and a chain that cannot be read fails."""
        results = {"ARC_NA": "none", "ARC_ALLOW": "pass", "ARC_REJECT": "fail",
                   "ARC_INVALID": "fail"}
        found = {results[name] for name in self.ask(message)["symbols"] if name in results}
        assert len(found) == 1, found
        return found.pop()

    def seal(self, message):
        """The three fields of a new set, as they stand in the header."""
        fields = self.ask(message, User="bob", From=f"bob@{self.domain}")["milter"]["add_headers"]
        return b"".join(f"{name}: {fields[name]['value']}\r\n".encode() for name in (
            "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"))
