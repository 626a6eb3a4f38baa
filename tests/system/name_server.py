# SPDX-License-Identifier: Apache-2.0
"""An authoritative name server (NSD, unpacked) with zones that a test writes."""
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from peers import find_peer, multiarch
from server import free_port

CONFIG = """
server:
  ip-address: {address}@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  xfrdir: "{folder}"
  server-count: 1
remote-control:
  control-enable: no
"""
ZONE = """zone:
  name: "{name}"
  zonefile: "{name}.zone"
"""
HEAD = "$TTL 60\n@ IN SOA ns.{name}. root.{name}. 1 60 60 60 60\n@ IN NS ns.{name}.\nns IN A 127.0.0.1\n"


LIBRARIES = {"libprotobuf-c1": "libprotobuf-c.so.1", "libfstrm0": "libfstrm.so.0"}


@functools.cache
def peer_environment():
    """With the libraries that NSD needs and the system may not have."""
    folders = []
    for package, name in LIBRARIES.items():
        folders.append(os.path.dirname(find_peer(package, f"usr/lib/{multiarch()}/{name}")))
    return dict(os.environ, LD_LIBRARY_PATH=":".join(folders))


TLS = """
  ip-address: {address}@{port}
  tls-port: {port}
  tls-service-key: "{key}"
  tls-service-pem: "{chain}"
"""


class NameServer:
    """with NameServer({"example": "a IN MX 10 mx.example."}) as names: ... names.port

    (tls) is a port for TLS, with the paths of a key and a chain."""

    def __init__(self, zones, address="127.0.0.1", port=0, tls=None):
        self.folder = tempfile.mkdtemp(prefix="barid-names-")
        self.address = address
        self.port = port or free_port()
        config = CONFIG.format(address=address, port=self.port, folder=self.folder)
        if tls is not None:
            head, tail = config.split("remote-control:")
            config = (head.rstrip() + TLS.format(address=address, port=tls[0], key=tls[1],
                                                 chain=tls[2]) + "remote-control:" + tail)
        for name, text in zones.items():
            config += ZONE.format(name=name)
            with open(os.path.join(self.folder, name + ".zone"), "w", encoding="utf-8") as file:
                file.write(HEAD.format(name=name) + text + "\n")
        path = os.path.join(self.folder, "nsd.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen([find_peer("nsd", "usr/sbin/nsd"), "-d", "-c", path],
                                            stdout=log, stderr=log, env=peer_environment())
        self.wait_ready()

    def wait_ready(self, seconds=20):
        """Until it answers any question."""
        question = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\0\0\6\0\1"
        end = time.monotonic() + seconds
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            while time.monotonic() < end and self.process.poll() is None:
                try:
                    probe.sendto(question, (self.address, self.port))
                    probe.recv(512)
                    return
                except OSError:
                    time.sleep(0.05)
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
            raise RuntimeError("the name server did not answer: " + log.read())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)
