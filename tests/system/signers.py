# SPDX-License-Identifier: Apache-2.0
"""Other implementations of DKIM and ARC that tests sign and verify with. Each is started once."""
import base64
import ctypes
import json
import os
import subprocess
import sys

from peers import find_peer, multiarch
from server import TOP

HERE = os.path.dirname(os.path.abspath(__file__))
DKIMPY = {"python3-dkim": "dkim/__init__.py", "python3-nacl": "nacl/__init__.py",
          "python3-dnspython": "dns/__init__.py", "python3-authres": "authres/__init__.py"}


def text64(message):
    return base64.b64encode(message).decode()


def dkimpy():
    """The module, unpacked with what it needs."""
    if "dkim" not in sys.modules:
        sys.path[:0] = [
            *(os.path.dirname(os.path.dirname(find_peer(package, "usr/lib/python3/dist-packages/"
                                                        + file)))
              for package, file in DKIMPY.items()),
            find_peer("python3-cffi-backend", "usr/lib/python3/dist-packages")]
        ctypes.CDLL(find_peer("libsodium23", f"usr/lib/{multiarch()}/libsodium.so.23"),
                    mode=ctypes.RTLD_GLOBAL)
    import dkim
    return dkim


class Mailauth:
    """The npm package, in one process that answers a line of JSON with a line of JSON."""

    def __init__(self):
        environment = dict(os.environ, NODE_PATH=os.path.join(TOP, ".cache/npm/node_modules"))
        self.process = subprocess.Popen(["node", os.path.join(HERE, "mailauth.js")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=environment)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)

    def ask(self, job):
        self.process.stdin.write(json.dumps(job).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, ("mailauth ended", job)
        answer = json.loads(line)
        assert "error" not in answer, answer
        return answer["answer"]
