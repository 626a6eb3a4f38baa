#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a service manager passes is used, and it is told how the server is: the test plays the
manager, and systemd's own tool passes a socket, too."""
import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
import server as barid
from server import Server, free_port
from service_manager import VARIABLES, Manager, listen, pass_sockets, read_environment
from tap import run_tests


def connect(port, address="127.0.0.1"):
    return socket.create_connection((address, port), timeout=60)


def greeting(peer):
    """The first line, which a client that waits in the line of a socket gets at last."""
    with peer, peer.makefile("rb") as reader:
        return reader.readline().decode()


def is_silent(peer):
    return not select.select([peer], [], [], 0)[0]


def has_greeting(port, name="mx.example.org", address="127.0.0.1"):
    return greeting(connect(port, address)).startswith(f"220 {name} ")


def wait_free(port):
    """Until nobody listens there: who drains does, till its end."""
    end = time.monotonic() + 60
    while True:
        try:
            listen(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < end, "somebody still listens there"
            time.sleep(0.02)


def has_open(pid, opened):
    name = f"socket:[{os.fstat(opened.fileno()).st_ino}]"
    folder = f"/proc/{pid}/fd"
    return name in [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)]


def log_lines(server, event):
    return [line for line in server.read_log().splitlines() if f" {event} " in line]


def wait_logged(server, event):
    end = time.monotonic() + 60
    while not log_lines(server, event):
        assert time.monotonic() < end, server.read_log()
        time.sleep(0.02)


def read_config(server):
    with open(server.config, encoding="utf-8") as file:
        return file.read()


def write_config(server, text):
    with open(server.config + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(server.config + ".new", server.config)


def listener_of(server, name="smtp"):
    return [each for each in server.ctl("status")["listeners"] if each["name"] == name][0]


class Passed(Server):
    """Gets one socket at the address of its listener, when nothing else is said."""

    def __init__(self, *arguments, sockets=None, names=None, variables=None, **more):
        super().__init__(*arguments, **more)
        self.sockets = [listen(("127.0.0.1", self.port))] if sockets is None else sockets
        pass_sockets(self, self.sockets, names, **(variables or {}))

    def __exit__(self, *problem):
        super().__exit__(*problem)
        for each in self.sockets:
            each.close()


# --- the life of a server ---

def check_reload(manager, server, expected):
    """Tells the times, which are those of the reload, and the end."""
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    done = server.ctl_raw("reload")
    message = manager.next()
    assert message["RELOADING"] == "1", message
    assert before <= int(message["MONOTONIC_USEC"]) <= \
        time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, (before, message)
    assert "READY" not in message, message
    message = manager.next()
    assert message["READY"] == "1" and message["STATUS"].startswith(expected), message
    return done, message


def test_life():
    server = Passed()
    with Manager(server, os.path.join(server.folder, "notify")) as manager:
        waiting = [connect(server.port) for _ in range(5)]
        with server:
            message = manager.next()
            assert message == {"READY": "1", "MAINPID": str(server.process.pid),
                               "STATUS": "generation 1 serves"}, message
            for peer in waiting:
                assert greeting(peer).startswith("220 mx.example.org "), "who waited is served"
            assert has_greeting(server.port), "and who comes then"
            assert listener_of(server)["passed"] == [f"127.0.0.1:{server.port}"]
            assert "of the service manager: 127" in server.ctl_raw("status").stdout.decode()
            assert len(log_lines(server, "socket.passed")) == 1, server.read_log()
            # Whoever looks at the supervisor sees what it was started with.
            told = read_environment(server.process.pid)
            assert {"NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS"} <= told, told
            kept = read_environment(server.worker_pid())
            assert "PATH" in kept and not kept.intersection(VARIABLES), kept
            check_reload(manager, server, "generation 2 serves")
            good = read_config(server)
            write_config(server, good + "\n[rcpt]\nrelay = perhaps\n")
            done, message = check_reload(manager, server,
                                         "generation 2 serves; the reload failed: ")
            assert done.returncode != 0 and "barid.conf:" in message["STATUS"], message
            write_config(server, good + "\n[rcpt\n")
            _, message = check_reload(manager, server, "generation 2 serves; the reload failed: ")
            assert "barid.conf:" in message["STATUS"], message
            assert has_greeting(server.port)
            write_config(server, good)
            server.process.send_signal(signal.SIGHUP)
            assert "RELOADING" in manager.next()
            assert manager.next()["READY"] == "1"
            kept = read_environment(server.worker_pid())
            assert not kept.intersection(VARIABLES), kept
            server.process.send_signal(signal.SIGTERM)
            message = manager.next()
            assert message["STOPPING"] == "1" and message["STATUS"], message
            assert server.process.wait(60) == 0
            # The socket is still there; the next start serves who came in between.
            between = connect(server.port)
            assert is_silent(between)
            server.launch()
            assert manager.wait_ready()["STATUS"].startswith("generation 1 ")
            assert greeting(between).startswith("220 ")


def test_ready_when_it_serves():
    """Workers that die at their start are not ready; clients wait meanwhile."""
    with tempfile.TemporaryDirectory(prefix="barid-build-") as build:
        original, path = barid.BUILD, os.environ.get("LD_LIBRARY_PATH")
        barid.copy_build(build)
        try:
            server = Passed("[module probe]\nenabled = yes\ncrash-at-start = yes\n")
            with Manager(server, "@" + os.path.basename(server.folder)) as manager, \
                    connect(server.port) as peer, server_at_its_end(server):
                server.launch()
                for number in range(3):
                    message = manager.next()
                    assert message == {"STATUS":
                                       "no worker serves; one has died and is replaced"}, message
                    assert is_silent(peer), "it was served before it was told"
                    if number == 0:
                        # Whose end does not make it ready.
                        good = read_config(server)
                        write_config(server, "[rcpt\n")
                        server.process.send_signal(signal.SIGHUP)
                        wait_logged(server, "reload.failed")
                        write_config(server, good)
                message = manager.next()
                assert message["READY"] == "1" and "generation 4 " in message["STATUS"], message
                assert greeting(peer).startswith("220 ")
                server.wait_ready()
                os.kill(server.worker_pid(), signal.SIGKILL)
                message = manager.next()
                assert list(message) == ["STATUS"] and "no worker serves" in message["STATUS"]
                message = manager.next()
                assert message == {"STATUS": "generation 5 serves"}, message
        finally:
            barid.BUILD = original
            os.environ.pop("LD_LIBRARY_PATH")
            if path is not None:
                os.environ["LD_LIBRARY_PATH"] = path


class server_at_its_end:
    """One that was launched: it is stopped and its folder removed."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        return self.server

    def __exit__(self, *problem):
        self.server.__exit__(*problem)


def test_failed_start():
    server = Passed("[rcpt]\nrelay = perhaps\n")
    with Manager(server, os.path.join(server.folder, "notify")) as manager, \
            server_at_its_end(server):
        server.launch()
        message = manager.next()
        assert list(message) == ["STATUS"] and "barid.conf:" in message["STATUS"], message
        assert server.process.wait(60) == 1
        assert manager.take(0) is None


def test_check_tells_nothing():
    server = Passed()
    server.sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    pass_sockets(server, server.sockets)
    good = read_config(server)
    with Manager(server, os.path.join(server.folder, "notify")) as manager, \
            server_at_its_end(server):
        for text, status in ((good, 0), (good + "\n[rcpt]\nrelay = perhaps\n", 1)):
            write_config(server, text)
            done = subprocess.run(
                [*server.wrapper, os.path.join(barid.BUILD, "src/supervisor/barid"), "--config",
                 server.config, "--state", server.state, "--check"], env=server.environment,
                pass_fds=server.pass_fds, capture_output=True, text=True, check=False)
            assert done.returncode == status, done.stderr
            assert "socket." not in done.stderr, done.stderr
            assert manager.take(0) is None


def test_signs_of_life():
    server = Passed()
    with Manager(server, os.path.join(server.folder, "notify"), WATCHDOG_USEC="600000") as manager:
        with server:
            assert has_greeting(server.port)
            signs = manager.wait_signs(6)
            assert len(signs) == 6
            # No sooner than at half of the time: five waits are 1.5 s.
            assert signs[5] - signs[0] > 1.2, signs
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(60) == 0


def test_signs_for_another():
    server = Passed()
    with Manager(server, os.path.join(server.folder, "notify"), WATCHDOG_USEC="2000",
                 WATCHDOG_PID="1") as manager, server:
        manager.wait_ready()
        check_reload(manager, server, "generation 2")
        assert manager.signs == [], "signs of life that nobody wants"


def test_reload_during_reload():
    """The second one is not lost: what it is for may have been written after the first read."""
    server = Passed()
    with Manager(server, os.path.join(server.folder, "notify")) as manager, server:
        manager.wait_ready()
        server.process.send_signal(signal.SIGHUP)
        assert "RELOADING" in manager.next()
        write_config(server, read_config(server).replace("mx.example.org", "mx2.example.org"))
        server.process.send_signal(signal.SIGHUP)
        assert "READY" in manager.next()
        assert "RELOADING" in manager.next()
        assert "READY" in manager.next()
        assert has_greeting(server.port, "mx2.example.org")


def test_unreachable():
    server = Passed(variables={"NOTIFY_SOCKET": "/nowhere/notify", "WATCHDOG_USEC": "20000"})
    with server:
        assert server.ctl_raw("reload").returncode == 0
        assert has_greeting(server.port)
        assert len(log_lines(server, "service-manager.unreachable")) == 1, server.read_log()


# --- which socket is whose ---

def test_by_name():
    """In place of the address of the listener, which is not opened."""
    port = free_port()
    server = Passed(sockets=[listen(("127.0.0.1", port))], names=["smtp"])
    with server:
        assert has_greeting(port)
        assert listener_of(server)["addresses"] == [f"127.0.0.1:{port}"]
        replaced = log_lines(server, "socket.replaced")
        assert len(replaced) == 1 and f"127.0.0.1:{server.port}" in replaced[0], replaced
        listen(("127.0.0.1", server.port)).close()  # nobody else does


def test_unused():
    """It is kept for the listener that a reload brings, and for the one that comes back."""
    port = free_port()
    server = Passed(sockets=[])
    server.sockets = [listen(("127.0.0.1", each)) for each in (server.port, port)]
    pass_sockets(server, server.sockets, ["some", "later"])
    with server:
        unused = log_lines(server, "socket.unused")
        assert len(unused) == 1 and f"127.0.0.1:{port}" in unused[0], unused
        assert "name=later " in unused[0], unused
        assert has_open(server.process.pid, server.sockets[1])
        assert has_open(server.worker_pid(), server.sockets[0])
        assert not has_open(server.worker_pid(), server.sockets[1]), "it is of no use to the worker"
        without = read_config(server)
        with_it = without + f"\n[listener other]\naddress = 127.0.0.1:{port}\n"
        for _ in range(2):
            peer = connect(port)
            assert is_silent(peer)
            write_config(server, with_it)
            assert server.ctl_raw("reload").returncode == 0
            assert greeting(peer).startswith("220 ")
            assert listener_of(server, "other")["passed"] == [f"127.0.0.1:{port}"]
            write_config(server, without)
            assert server.ctl_raw("reload").returncode == 0
        assert len(log_lines(server, "socket.unused")) == 3, server.read_log()
        write_config(server, without + "\n[listener later]\naddress = 127.0.0.1:1\n")
        assert server.ctl_raw("reload").returncode == 0
        assert has_greeting(port), "by its name"


def test_moved():
    """A listener leaves a passed socket for one of the server's own, and comes back; the port
    stays the manager's all the time."""
    with Passed() as server:
        before, other = read_config(server), free_port()
        write_config(server, before.replace(f":{server.port}", f":{other}"))
        assert server.ctl_raw("reload").returncode == 0
        assert has_greeting(other)
        peer = connect(server.port)
        assert is_silent(peer)
        write_config(server, before)
        assert server.ctl_raw("reload").returncode == 0
        assert greeting(peer).startswith("220 ")
        wait_free(other)


def test_both_families():
    """One socket of systemd's ListenStream=PORT stands for both addresses of the listener."""
    port = free_port(socket.AF_INET6, "::")
    server = Passed(sockets=[listen(("::", port), socket.AF_INET6, only_v6=0)], names=["some"])
    write_config(server, read_config(server).replace(
        f"address = 127.0.0.1:{server.port}", f"address = 0.0.0.0:{port}, [::]:{port}"))
    with server:
        assert has_greeting(port)
        assert has_greeting(port, address="::1")
        assert listener_of(server)["addresses"] == [f"[::]:{port}"]


def test_unix_sockets():
    """Those of a listener and of the control socket; they are not the server's to remove."""
    with tempfile.TemporaryDirectory(prefix="barid-sockets-") as folder:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "submit")
        server = Passed(f"[listener local]\naddress = unix:{path}\ntls = none\n", sockets=[])
        control = os.path.join(server.state, "run", "barid.sock")
        os.makedirs(os.path.dirname(control))
        server.sockets = [listen(path, socket.AF_UNIX), listen(control, socket.AF_UNIX)]
        pass_sockets(server, server.sockets)
        # Nobody can ask a server that does not start: the socket is there.
        with Manager(server, os.path.join(folder, "notify")) as manager, server_at_its_end(server):
            server.launch()
            manager.wait_ready()
            inodes = [os.stat(each).st_ino for each in (path, control)]
            assert listener_of(server, "local")["passed"] == [f"unix:{path}"]
            with socket.socket(socket.AF_UNIX) as peer, peer.makefile("rwb") as stream:
                peer.settimeout(60)
                peer.connect(path)
                assert stream.readline().startswith(b"220 ")
                stream.write(b"EHLO here.example.org\r\n")
                stream.flush()
                while stream.readline()[3:4] == b"-":
                    pass
                stream.write(b"MAIL FROM:<bob@example.com>\r\nRCPT TO:<carol@there.example>\r\n")
                stream.flush()
                replies = [stream.readline(), stream.readline()]
            assert [reply[:3] for reply in replies] == [b"250", b"250"], replies
            assert server.ctl_raw("reload").returncode == 0
            assert log_lines(server, "socket.unused") == [], server.read_log()
            assert server.stop() == 0
            for each, inode in zip((path, control), inodes):
                assert stat.S_ISSOCK(os.stat(each).st_mode) and os.stat(each).st_ino == inode
            server.launch()
            manager.wait_ready()
            assert listener_of(server, "local")["passed"] == [f"unix:{path}"]


# --- what is wrong ---

def test_wrong_descriptors():
    """They are named and closed, and do no harm."""
    def others():
        reading, writing = os.pipe()
        os.close(writing)
        yield os.fdopen(reading, "rb")
        yield socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        yield socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        yield socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server = Passed(sockets=[], variables={})
    server.sockets = [*others(), listen(("127.0.0.1", server.port))]
    pass_sockets(server, server.sockets, ["pipe", "datagrams", "quiet", "tcp", "last"])
    with server:
        assert has_greeting(server.port)
        assert listener_of(server)["passed"] == [f"127.0.0.1:{server.port}"]
        refused = log_lines(server, "socket.refused")
        assert [(f"descriptor={fd} " in line, name in line) for fd, name, line in
                zip(range(3, 7), ("pipe", "datagrams", "quiet", "tcp"), refused)] \
            == [(True, True)] * 4 and len(refused) == 4, refused
        assert has_open(server.process.pid, server.sockets[4])
        assert not has_open(server.process.pid, server.sockets[1]), "a wrong one is still open"


def test_wrong_variables():
    """None of them keeps the server from its start; what cannot be meant is one warning."""
    huge = "9" * 40
    rows = [({"LISTEN_FDS": "-1"}, "LISTEN_FDS"), ({"LISTEN_FDS": huge}, "LISTEN_FDS"),
            ({"LISTEN_FDS": "2147483647"}, "LISTEN_FDS"), ({"LISTEN_FDS": "one"}, "LISTEN_FDS"),
            ({"LISTEN_PID": "me"}, "LISTEN_PID"), ({"LISTEN_PID": huge}, "LISTEN_PID"),
            ({"LISTEN_PID": "1"}, None), ({"LISTEN_FDS": "0"}, None)]
    server = Passed(sockets=[])
    with server_at_its_end(server):
        for variables, named in rows:
            for name in VARIABLES:
                server.environment.pop(name, None)
            pass_sockets(server, [], **variables)
            open(server.log_path, "wb").close()
            server.start()
            assert has_greeting(server.port), variables
            refused = log_lines(server, "socket.refused")
            assert len(refused) == (named is not None), (variables, refused)
            assert named is None or named in refused[0], (variables, refused)
            assert server.stop() == 0


def test_wrong_numbers():
    """More than there are, and names of others: what is there is used by its address."""
    server = Passed(names=["a:b", "c"], variables={"LISTEN_FDS": "3"})
    with server:
        assert has_greeting(server.port)
        refused = log_lines(server, "socket.refused")
        assert len(refused) == 1 and "no such descriptor" in refused[0], refused
        assert server.stop() == 0
        for names in ("smtp:smtp", "smtp:", ":::"):
            server.environment["LISTEN_FDNAMES"] = names
            server.environment["LISTEN_FDS"] = "1"
            open(server.log_path, "wb").close()
            server.start()
            assert has_greeting(server.port)
            refused = log_lines(server, "socket.refused")
            assert len(refused) == 1 and "LISTEN_FDNAMES" in refused[0], refused
            assert server.stop() == 0


# --- systemd's own ---

def test_socket_activate():
    """systemd-socket-activate(1) listens, and becomes the server when somebody comes."""
    tool, port = shutil.which("systemd-socket-activate"), free_port()
    assert tool is not None, "systemd-socket-activate is not installed"
    server = Server()
    keep = [f"--setenv={name}" for name in ("LD_LIBRARY_PATH",) if name in os.environ]
    server.wrapper = [tool, "-l", f"127.0.0.1:{port}", "--fdname=smtp", *keep]
    with server_at_its_end(server):
        server.launch()
        end = time.monotonic() + 60
        while "Listening on" not in server.read_log():
            assert time.monotonic() < end, server.read_log()
            time.sleep(0.02)
        first = connect(port)
        assert greeting(first).startswith("220 mx.example.org ")
        assert listener_of(server)["passed"] == [f"127.0.0.1:{port}"]
        assert server.ctl_raw("reload").returncode == 0
        assert has_greeting(port)
        assert server.stop() == 0


def test_notify():
    """What systemd-notify(1) sends and what the server sends is the same, but for the numbers."""
    tool = shutil.which("systemd-notify")
    assert tool is not None, "systemd-notify is not installed"
    server = Passed()
    with Manager(server, os.path.join(server.folder, "notify")) as manager, server:
        message = manager.next()
        subprocess.run([tool, "--no-block", "--ready", f"--pid={server.process.pid}",
                        f"--status={message['STATUS']}"],
                       env={"NOTIFY_SOCKET": server.environment["NOTIFY_SOCKET"]}, check=True)
        assert manager.next() == message, message


sys.exit(run_tests(dict(globals())))
