# SPDX-License-Identifier: Apache-2.0
"""Programs of other packages, unpacked beside the system and never installed."""
import functools
import os
import subprocess

UNPACK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers", "unpack")


@functools.cache
def find_peer(package, path):
    """The file (path) of Debian's (package), unpacked at first use."""
    folder = subprocess.run([UNPACK, package], check=True, capture_output=True,
                            text=True).stdout.strip()
    found = os.path.join(folder, path)
    assert os.path.exists(found), f"{package} has no {path}"
    return found


@functools.cache
def multiarch():
    """The folder of libraries of this kind of machine, below usr/lib."""
    return subprocess.run(["dpkg-architecture", "-qDEB_HOST_MULTIARCH"], check=True,
                          capture_output=True, text=True).stdout.strip()
