#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is in the Debian packages, and what they say of themselves."""
import glob
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
import debs as packages
from server import TOP
from tap import run_tests

# What "systemd-analyze security" counts, of 10: 9.6 is a unit that gives nothing up.
EXPOSURE_MAX = 3.5
MADE = {}


def version():
    return re.search(r"^AC_INIT\(\[barid\], \[(.*?)\]\)",
                     packages.read(f"{TOP}/configure.ac"), re.MULTILINE).group(1)


def modules():
    return [name for name in sorted(os.listdir(f"{TOP}/modules"))
            if os.path.exists(f"{TOP}/modules/{name}/module.pkg")]


def unpack(name, folder):
    packages.run("dpkg-deb", "-x", MADE[name], folder)


def test_lintian():
    done = subprocess.run(["lintian", "--info", "--allow-root", "--fail-on", "error,warning",
                           *glob.glob(os.path.join(MADE["folder"], "*.changes"))],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0 and "E: " not in done.stdout, done.stdout[-6000:]
    assert not glob.glob(f"{TOP}/debian/*lintian-overrides"), "each needs a reason"


def test_packages():
    """Each module has one; they are of the version that the source says."""
    wanted = {"barid", "barid-doc", "libbarid1", "libbarid-check0", "libbarid-dev",
              *(f"barid-module-{name}" for name in modules())}
    assert len(wanted) >= 15 and set(MADE) - {"folder"} == wanted, wanted ^ set(MADE)
    for name in wanted:
        assert packages.field(MADE[name], "Version") == version(), name


def test_depends():
    """The server's programs on exactly their library, modules on the interface alone."""
    exact, least = f"libbarid1 (= {version()})", f"libbarid1 (>= {version()})"
    server = packages.field(MADE["barid"], "Depends").split(", ")
    assert exact in server and "barid-module-maildir" in server, server
    for name in modules():
        needs = packages.field(MADE[f"barid-module-{name}"], "Depends").split(", ")
        assert least in needs and exact not in needs and "libbarid1 (<<" not in str(needs), needs
        assert ("barid" in needs) == (name != "maildir"), (name, needs)


def test_modules_are_on():
    """Their files say so, unless they need settings first, are conffiles, and differ from those in
    the tree by nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        for name in modules():
            package = f"barid-module-{name}"
            unpack(package, folder)
            given = packages.read(f"{folder}/etc/barid/conf.d/{name}.conf")
            ours = packages.read(f"{TOP}/conf.d/{name}.conf")
            head = f"[module {name}]\nenabled = "
            if "\nEnabled: no\n" in packages.read(f"{TOP}/modules/{name}/module.pkg"):
                assert given == ours and "\nenabled = no\n" in given, name
            else:
                assert f"{head}yes\n" in given, name
                assert given == ours.replace(f"{head}no\n", f"{head}yes\n"), name
            listed = packages.run("dpkg-deb", "-I", MADE[package], "conffiles").split()
            assert f"/etc/barid/conf.d/{name}.conf" in listed, (name, listed)


def test_development():
    """A module of a third party finds where its parts go."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("libbarid-dev", "libbarid1", "barid-module-maildir"):
            unpack(name, folder)
        found = glob.glob(f"{folder}/usr/lib/*/pkgconfig")
        env = {**os.environ, "PKG_CONFIG_PATH": found[0]}
        where = packages.run("pkg-config", "--variable=moduledir", "barid", env=env).strip()
        assert os.path.exists(f"{folder}{where}/maildir.so"), where
        assert packages.run("pkg-config", "--variable=confdir", "barid",
                            env=env).strip() == "/etc/barid/conf.d"
        assert os.path.exists(f"{folder}/usr/include/barid/check.h")
        link = glob.glob(f"{folder}/usr/lib/*/libbarid.so")
        assert os.path.exists(link[0]), "it leads nowhere"


def test_documentation():
    with tempfile.TemporaryDirectory() as folder:
        unpack("barid-doc", folder)
        for page in ("index.html", "install.html", "man/barid.8.html", "man/barid-dkim.5.html"):
            assert os.path.exists(f"{folder}/usr/share/doc/barid/html/{page}"), page


def test_confinement():
    """As systemd itself judges the unit."""
    said = packages.run("systemd-analyze", "security", "--offline=true", "--no-pager",
                        f"{TOP}/debian/barid.service")
    level = re.search(r"exposure level for \S+ ([\d.]+)", said)
    assert level and float(level.group(1)) <= EXPOSURE_MAX, said


def main():
    folder = packages.build()
    MADE.update(packages.find(folder), folder=folder)
    return run_tests(globals())


if __name__ == "__main__":
    sys.exit(main())
