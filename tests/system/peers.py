# SPDX-License-Identifier: Apache-2.0
"""Programs of other packages, unpacked beside the system and never installed."""
import glob
import os
import subprocess

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
CACHE = os.path.join(TOP, ".cache", "peers")


def find_peer(package, path):
    """The file (path) of Debian's (package), unpacked below .cache/peers at first use."""
    folder = os.path.join(CACHE, package)
    if not os.path.isdir(folder):
        download = os.path.join(CACHE, "download-" + package)
        os.makedirs(download, exist_ok=True)
        subprocess.run(["apt-get", "-o", "APT::Sandbox::User=root", "download", package], cwd=download, check=True,
                       stdout=subprocess.DEVNULL)
        archive = glob.glob(os.path.join(download, "*.deb"))[0]
        subprocess.run(["dpkg", "-x", archive, folder + ".new"], check=True)
        os.rename(folder + ".new", folder)
    found = os.path.join(folder, path)
    assert os.path.exists(found), f"{package} has no {path}"
    return found
