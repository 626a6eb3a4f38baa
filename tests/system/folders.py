#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The supervisor of root works in folders of the worker's user: links that were laid there
lead it nowhere, and what it makes has the owner and the mode that it should have."""
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from server import Server
from tap import run_tests

USER = pwd.getpwnam("nobody")
CONFIG = f"""
[server]
user = {USER.pw_name}

[listener local]
address = unix:submit.sock
tls = none
"""


def prepared(extra=""):
    """A server with a state folder that its user has had since long."""
    server = Server(CONFIG + extra)
    os.chmod(server.folder, 0o755)
    os.mkdir(server.state, 0o700)
    os.chown(server.state, USER.pw_uid, USER.pw_gid)
    return server


def start_fails(server):
    """What a start that must fail says."""
    with open(server.log_path, "wb") as log:
        status = subprocess.run(
            [os.path.join(barid.BUILD, "src/supervisor/barid"), "--config", server.config,
             "--state", server.state], stdout=log, stderr=log, timeout=10).returncode
    said = server.read_log()
    assert status == 1, (status, said)
    return said


def describe(path):
    info = os.lstat(path)
    return (stat.S_IFMT(info.st_mode), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)


def test_owners():
    with prepared() as server:
        run = os.path.join(server.state, "run")
        assert describe(server.state) == (stat.S_IFDIR, 0o700, USER.pw_uid, USER.pw_gid)
        assert describe(run) == (stat.S_IFDIR, 0o755, 0, 0), describe(run)
        assert describe(os.path.join(run, "barid.sock")) == (stat.S_IFSOCK, 0o600, USER.pw_uid,
                                                            USER.pw_gid)
        assert describe(os.path.join(run, "submit.sock")) == (stat.S_IFSOCK, 0o666, 0, 0)
        assert server.ctl_raw("reload").returncode == 0
        server.stop()
        assert os.listdir(run) == []


def test_umask():
    """The modes are the same whatever the caller's is."""
    before = os.umask(0o077)
    try:
        with prepared() as server:
            run = os.path.join(server.state, "run")
            assert describe(run)[1] == 0o755, describe(run)
            assert describe(os.path.join(run, "submit.sock"))[1] == 0o666
    finally:
        os.umask(before)


def test_run_folder_of_the_user():
    """As an earlier release left it, with write for all besides: it becomes root's."""
    server = prepared()
    run = os.path.join(server.state, "run")
    os.mkdir(run)
    os.chmod(run, 0o777)
    os.chown(run, USER.pw_uid, USER.pw_gid)
    with server:
        assert describe(run) == (stat.S_IFDIR, 0o755, 0, 0), describe(run)


def test_private_run_folder():
    """What an administrator has closed stays closed."""
    server = prepared()
    run = os.path.join(server.state, "run")
    os.mkdir(run)
    os.chmod(run, 0o700)
    with server:
        assert describe(run) == (stat.S_IFDIR, 0o700, 0, 0), describe(run)


def test_stale_socket():
    server = prepared()
    run = os.path.join(server.state, "run")
    os.mkdir(run)
    for name in ("barid.sock", "submit.sock"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
            stale.bind(os.path.join(run, name))
    with server:
        assert server.ctl_raw("status").returncode == 0


def test_run_folder_is_a_link():
    server = prepared()
    elsewhere = os.path.join(server.folder, "elsewhere")
    os.mkdir(elsewhere, 0o700)
    os.symlink(elsewhere, os.path.join(server.state, "run"))
    before = describe(elsewhere)
    said = start_fails(server)
    assert describe(elsewhere) == before, describe(elsewhere)
    assert os.listdir(elsewhere) == []
    assert "run" in said and "link" in said, said
    shutil.rmtree(server.folder)


def test_socket_is_a_link():
    for name in ("barid.sock", "submit.sock"):
        server = prepared()
        run = os.path.join(server.state, "run")
        os.mkdir(run)
        victim = os.path.join(server.folder, "victim")
        with open(victim, "w", encoding="utf-8"):
            os.chmod(victim, 0o600)
        os.symlink(victim, os.path.join(run, name))
        start_fails(server)
        assert describe(victim) == (stat.S_IFREG, 0o600, 0, 0), describe(victim)
        assert os.path.islink(os.path.join(run, name))
        shutil.rmtree(server.folder)


def test_file_in_place_of_the_socket():
    server = prepared()
    run = os.path.join(server.state, "run")
    os.mkdir(run)
    path = os.path.join(run, "submit.sock")
    with open(path, "w", encoding="utf-8") as file:
        file.write("precious\n")
    start_fails(server)
    with open(path, encoding="utf-8") as file:
        assert file.read() == "precious\n"
    shutil.rmtree(server.folder)


def test_state_folder_is_a_link():
    server = Server(CONFIG)
    elsewhere = os.path.join(server.folder, "elsewhere")
    os.mkdir(elsewhere, 0o700)
    os.symlink(elsewhere, server.state)
    said = start_fails(server)
    assert describe(elsewhere) == (stat.S_IFDIR, 0o700, 0, 0), describe(elsewhere)
    assert "link" in said, said
    shutil.rmtree(server.folder)


def test_lock_is_a_link():
    server = prepared()
    target = os.path.join(server.folder, "made-by-root")
    os.symlink(target, os.path.join(server.state, "lock"))
    start_fails(server)
    assert not os.path.lexists(target)
    shutil.rmtree(server.folder)


def test_run_folder_swapped():
    """Its parent is the worker's user's, who may put another in its place at any time."""
    with prepared() as server:
        run = os.path.join(server.state, "run")
        os.rename(run, run + ".old")
        os.mkdir(run)
        os.chown(run, USER.pw_uid, USER.pw_gid)
        trap = os.path.join(run, "submit.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.bind(trap)
        with open(server.config, "a", encoding="utf-8") as file:
            file.write("\n[listener second]\naddress = unix:second.sock\ntls = none\n")
        done = subprocess.run([os.path.join(barid.BUILD, "src/baridctl/baridctl"), "--socket",
                               run + ".old/barid.sock", "reload"], capture_output=True)
        assert done.returncode == 0, done
        assert os.listdir(run) == ["submit.sock"], os.listdir(run)
        assert sorted(os.listdir(run + ".old")) == ["barid.sock", "second.sock", "submit.sock"]
        server.stop()
        assert os.path.exists(trap)
        assert os.listdir(run + ".old") == []


KEY = """
[listener smtp]
certificate = main

[certificate main]
chain = {chain}
key = {key}
"""


def test_files_of_root():
    """Keys are read by root: those that the configuration names, but not what the worker's
    user has linked to from its own folder."""
    server = prepared()
    tls = os.path.join(server.state, "tls")
    os.mkdir(tls)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj", "/CN=mx.example.org",
                    "-keyout", f"{tls}/key.pem", "-out", f"{tls}/chain.pem"],
                   check=True, capture_output=True)
    with open(server.config, "a", encoding="utf-8") as file:
        file.write(KEY.format(chain="tls/chain.pem", key="tls/key.pem"))
    assert describe(f"{tls}/key.pem")[1:] == (0o600, 0, 0)
    with server:
        outside = os.path.join(server.folder, "key.pem")
        os.rename(f"{tls}/key.pem", outside)
        os.symlink(outside, f"{tls}/key.pem")
        done = server.ctl_raw("reload")
        assert done.returncode != 0 and b"link" in done.stdout + done.stderr, done
        os.rename(tls, tls + ".real")
        os.unlink(f"{tls}.real/key.pem")
        os.rename(outside, f"{tls}.real/key.pem")
        os.symlink(tls + ".real", tls)
        assert server.ctl_raw("reload").returncode != 0
        os.unlink(tls)
        os.mkdir(tls)
        os.mkfifo(f"{tls}/key.pem")
        shutil.copy(f"{tls}.real/chain.pem", tls)
        assert server.ctl_raw("reload").returncode != 0  # and does not wait for a writer
        # Outside of that folder links are the administrator's.
        os.symlink(f"{tls}.real/key.pem", outside)
        with open(server.config, encoding="utf-8") as file:
            text = file.read()
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(text.replace("key = tls/key.pem", f"key = {outside}"))
        done = server.ctl_raw("reload")
        assert done.returncode == 0, done


def main():
    if os.geteuid() != 0:
        sys.exit("The supervisor must be started by root to become another user.")
    with tempfile.TemporaryDirectory(prefix="barid-build-") as build:
        barid.copy_build(build)
        return run_tests(globals())


if __name__ == "__main__":
    sys.exit(main())
