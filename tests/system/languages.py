#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""baridctl speaks the user's language to people, in the build tree and installed, and never to
programs."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from server import BUILD, Server
from tap import run_tests

TOOL = os.path.join(BUILD, "src/baridctl/baridctl")
LOCALE = "de_DE.UTF-8"
NEW_LOCALES = tempfile.TemporaryDirectory(prefix="barid-locales-")
PREFIX = "/usr/local"


def make_locale():
    """The machine may have none but C."""
    if not os.listdir(NEW_LOCALES.name):
        subprocess.run(["localedef", "--no-archive", "-i", "de_DE", "-f", "UTF-8",
                        os.path.join(NEW_LOCALES.name, LOCALE)], check=True)


def speak(*words, tool=(TOOL,), language=LOCALE, **more):
    """What the tool says: (status, stdout, stderr)."""
    make_locale()
    environment = {name: value for name, value in os.environ.items()
                   if name != "LANG" and name != "LANGUAGE" and not name.startswith("LC_")}
    environment.update(LC_ALL=language, LOCPATH=NEW_LOCALES.name, **more)
    done = subprocess.run([*tool, *words], capture_output=True, text=True, encoding="utf-8",
                          env=environment, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def nowhere(folder):
    return ("status", "--socket", os.path.join(folder, "no.sock"))


def test_help():
    status, out, _ = speak("--help")
    assert status == 0 and out.startswith("Aufruf: baridctl VERB"), out[:200]
    assert "Zeigt, wie es dem Server geht." in out and "Show" not in out, out
    assert "  --socket FILE      der Steuer-Socket des Servers\n" in out, out


def test_other_languages():
    """C is English, and so is what there is no catalogue for; LANGUAGE names more than one."""
    assert speak("--help", language="C")[1].startswith("Usage: ")
    assert speak("--help", language="C.UTF-8")[1].startswith("Usage: ")
    assert speak("--help", LANGUAGE="tlh")[1].startswith("Usage: ")
    assert speak("--help", LANGUAGE="tlh:de")[1].startswith("Aufruf: ")


def test_errors():
    with tempfile.TemporaryDirectory() as folder:
        status, out, err = speak(*nowhere(folder))
        assert status == 3 and out == "" and "antwortet kein Server" in err, (status, out, err)
        status, out, err = speak("--hepl")
        assert status == 2 and "meinten Sie --help?" in err, (status, out, err)


def test_documents():
    """The same in all languages, to the byte, errors included."""
    with tempfile.TemporaryDirectory() as folder:
        for words in (nowhere(folder), ("spool", "cat", folder, "x"), ("config", "check"),
                      ("config", "show", "--defaults", "--config", os.devnull)):
            assert speak(*words, "--json") == speak(*words, "--json", language="C"), words
        document = json.loads(speak(*nowhere(folder), "--json")[1])
        assert document["code"] == "unreachable" and "no server" in document["error"], document


def test_server():
    """Its answers are told in German, their summaries too; its own words stay as in the log."""
    with Server() as server:
        out = speak("--state", server.state, "status")[1]
        assert "Warteschlange  0 Nachrichten, 0 zurückgehalten, 0 unterwegs" in out, out
        out = speak("--state", server.state, "modules")[1]
        assert out.startswith("MODUL ") and "Stellt in Maildir-Ordner zu" in out, out
        assert "delivers" not in out.lower(), out
        out = speak("--state", server.state, "queue", "retry", "--all")[1]
        assert out == "0 Nachrichten\n", out
        out = speak("--state", server.state, "config", "show", "queue", "expire")[1]
        assert "Wann eine Nachricht, die nicht zugestellt werden konnte, zurückgeht." in out, out


def test_installed():
    """Below its prefix, which only this test sees."""
    with tempfile.TemporaryDirectory(prefix="barid-languages-") as root:
        subprocess.run(["make", "-s", "-C", BUILD, "install", f"DESTDIR={root}"], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "MAKEFLAGS": ""})
        tool = ("unshare", "--mount", *(() if os.getuid() == 0 else ("--map-root-user",)),
                "sh", "-c", f"mount --bind {root}{PREFIX} {PREFIX} && "
                f'LD_LIBRARY_PATH={PREFIX}/lib exec {PREFIX}/bin/baridctl "$@"', "sh")
        status, out, err = speak("--help", tool=tool)
        assert status == 0 and out.startswith("Aufruf: baridctl VERB"), (status, out[:200], err)
        status, out, err = speak("--help", tool=tool, language="C")
        assert status == 0 and out.startswith("Usage: "), (status, out[:200], err)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
