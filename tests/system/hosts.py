# SPDX-License-Identifier: Apache-2.0
"""Hosts in network namespaces of their own, on one cable. A program that uses them goes on
inside namespaces that end with it, so that nothing is left however it ends."""
import contextlib
import ctypes
import os
import subprocess
import sys

MARK = "BARID_INSIDE"
CABLE = "cable"
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


def enter():
    """Runs the program again, in its own namespaces; comes back only there. What it needs
    from elsewhere must be there already: there is no network inside."""
    if MARK in os.environ:
        subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
        ip("link", "add", CABLE, "type", "bridge")
        ip("link", "set", CABLE, "up")
        return
    unshare = ["unshare", *([] if os.getuid() == 0 else ["-Ur"]), "--mount", "--net", "--pid",
               "--fork", "--kill-child", "--mount-proc"]
    done = subprocess.run([*unshare, "ip", "link", "add", CABLE, "type", "bridge"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("This needs root, or a kernel that gives users namespaces: " + done.stderr)
    os.environ[MARK] = "1"
    os.execvp(unshare[0], [*unshare, sys.executable, "-B", *sys.argv])


def switch_network(fd):
    if LIBC.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Host:
    """Has (addresses), the first of each family for what it sends without being told, and
    reaches all hosts in (networks)."""

    def __init__(self, name, addresses, networks):
        self.name, self.addresses = name, addresses
        ip("netns", "add", name)
        ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", name, "master", CABLE, "up")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "link", "set", "eth0", "up")
        for address in addresses:
            ip("-n", name, "address", "add", address, "dev", "eth0", "nodad")
        for network in networks:
            source = [address for address in addresses if (":" in address) == (":" in network)][0]
            ip("-n", name, "route", "add", network, "dev", "eth0", "src", source)
        self.open = os.open(f"/run/netns/{name}", os.O_RDONLY)
        # A server that will not be root may have port 25 all the same.
        with self.inside(), open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w",
                                 encoding="ascii") as file:
            file.write("0")

    @contextlib.contextmanager
    def inside(self):
        """Sockets, processes and threads that are made meanwhile are the host's."""
        old = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        switch_network(self.open)
        try:
            yield self
        finally:
            switch_network(old)
            os.close(old)

    def unplug(self):
        ip("link", "set", self.name, "down")

    def plug_in(self):
        ip("link", "set", self.name, "up")
