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


# (a mistake in a configuration, what German says of it, what English says)
MISTAKES = [
    ("[queue]\nexpiry = 5d", "es gibt keine Einstellung expiry; meinten Sie expire?",
     "there is no setting expiry; did you mean expire?"),
    ("[resolver]\ncache-size = much", "eine Zahl wird erwartet: schreiben Sie eine Größe wie",
     "a number is expected: write a size such as"),
    ("[resolver]\ntimeout = 3 parsecs", "diese Einheit gibt es hier nicht",
     "the unit is not known here"),
    ("[sevrer]\ngrace = 5s", "niemand kennt den Abschnitt [sevrer]; meinten Sie [server]?",
     "nothing knows the section [sevrer]; did you mean [server]?"),
    ("[host plain]", "diese Einstellung ist nötig und hat keine Vorgabe (Liste von Texten: ",
     "this setting is needed and has no default (list of texts: "),
    ("[rule syntax]\ncondition = sender contians \"x\"",
     "hier wird ein Operator erwartet; meinten Sie contains?",
     "an operator is expected here; did you mean contains?"),
    ("[rule unlisted]\ncondition = sender in list \"none\"", "es gibt keine [list none]",
     "there is no [list none]"),
    ("[rule count]\ncondition = to-ip(sender, sender) == 192.0.2.1", "nimmt 1 Argument, nicht 2",
     "takes 1 argument, not 2"),
    ("[rule egg]\ncondition = rule \"hen\"\n[rule hen]\ncondition = rule \"egg\"",
     "führt zu sich selbst zurück", "leads back to itself"),
    ("[list unreadable]\nfile = {folder}/none", "Datei oder Verzeichnis nicht gefunden",
     "No such file or directory"),
    ("[list networks]\ntype = networks\nentries = 192.0.2.1/24",
     "ein Netz wie 192.0.2.0/24 wird erwartet", "a network such as 192.0.2.0/24 is expected"),
    ("[store shelf]\ndriver = none", "kein eingeschaltetes Modul bietet diesen Treiber an",
     "no enabled module offers that driver"),
    ("[module absent]\nenabled = yes", "das Modul absent ist eingeschaltet, aber nicht installiert",
     "module absent is enabled but not installed"),
    ("[listener lost]\naddress = nowhere", "ist nicht IP:PORT, [IPv6]:PORT oder unix:PFAD",
     "is not IP:PORT, [IPv6]:PORT or unix:PATH"),
    ("[host noone]\naddress = 192.0.2.1\nuser = a", "user und password gehören zusammen",
     "user and password belong together"),
    ("[outbound]\nnext-hop = noome", "ist nicht mx, local oder der Name eines [host NAME]",
     "is not mx, local or the name of a [host NAME]"),
    ("[user bob]\naddresses = bob@", "die Domain ist fehlerhaft", "the domain is malformed"),
    ("[alias x@example.net]\nto = alice@example.org", "schreiben Sie [alias ADRESSE] mit einer",
     "write [alias ADDRESS] with an"),
]
MISTAKES_OF_FORM = [
    ("[queue]\nspool-reserve = 5M\nspool-reserve = 6M", "steht zweimal in diesem Abschnitt",
     "is set twice in this section"),
    ("[queue", "die schließende ] fehlt", "the closing ] is missing"),
    ("[queue]\nexpire 5d", "eine Zeile ist „Schlüssel = Wert“", "a line is"),
]


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
        status, out, err = speak("spool", "list", folder + "/none")
        assert status == 1 and "lässt sich nicht öffnen" in err, (status, out, err)
        status, out, err = speak("config", "show", "none", "--config", os.devnull)
        assert status == 1 and "es gibt keine Einstellung [none]" in err, (status, out, err)
        # What a module says.
        status, out, err = speak("sign", "dkim", "--domain", "example.org", "--selector", "s",
                                 "--headers", "To", "--key", os.devnull, os.devnull)
        assert status != 0 and "headers: From muss darunter sein" in err, (status, out, err)
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


def find_messages(text):
    """What is said of a configuration, without the lines that are shown of it."""
    return [line for line in text.splitlines() if "barid.conf:" in line]


def check_problems(mistakes):
    """The tool tells in German what is wrong with a configuration; the server, which is asked to
    take the same, and has a German environment too, stays English, for its log and for who asks."""
    make_locale()
    with Server(environment={"LC_ALL": LOCALE, "LOCPATH": NEW_LOCALES.name,
                             "LANGUAGE": "de"}) as server:
        with open(server.config, "a", encoding="utf-8") as file:
            for mistake, _, _ in mistakes:
                file.write("\n" + mistake.format(folder=server.folder) + "\n")
        check = ("config", "check", "--config", server.config)
        status, out, err = speak(*check)
        german = find_messages(out + err)
        assert status == 1 and len(german) >= len(mistakes), (status, out, err)
        assert speak(*check, "--json") == speak(*check, "--json", language="C")
        status, out, err = speak(*check, language="C")
        english = find_messages(out + err)
        assert status == 1 and len(english) == len(german), (english, german)
        status, out, err = speak("--state", server.state, "reload")
        assert status == 1, (status, out, err)
        told = out + err
        # Where the texts are cut after the first ones.
        assert mistakes[0][2] in server.read_log(), server.read_log()
        for mistake, in_german, in_english in mistakes:
            assert any(in_german in line for line in german), (mistake, german)
            assert any(in_english in line for line in english), (mistake, english)
            assert in_english in told, (mistake, told)
            assert in_german not in told + server.read_log(), (mistake, told)
        assert not set(german) & set(english), sorted(set(german) & set(english))


def test_problems():
    check_problems(MISTAKES)


def test_scripts():
    """A policy test says in English why a configuration is refused, whoever runs it, with what the
    system says of a file."""
    with tempfile.TemporaryDirectory(prefix="barid-languages-") as folder:
        config = os.path.join(folder, "barid.conf")
        script = os.path.join(folder, "refused.dialogue")
        with open(config, "w", encoding="utf-8") as file:
            file.write("[server]\nhostname = mx.example.org\n")
        with open(script, "w", encoding="utf-8") as file:
            file.write("config:\n    [queue]\n    expiry = 5d\n"
                       "config-refused: there is no setting expiry; did you mean expire?\n")
        missing = os.path.join(folder, "missing.dialogue")
        with open(missing, "w", encoding="utf-8") as file:
            file.write("config:\n    [list gone]\n    file = /nowhere/gone\n"
                       "config-refused: No such file or directory\n")
        status, out, err = speak("test", script, missing, "--config", config, "--state", folder)
        assert status == 0 and "\nok 2 - " in out, (status, out, err)


def test_problems_of_form():
    """For which the supervisor asks no worker."""
    check_problems(MISTAKES_OF_FORM)


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
