#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Private keys: "baridctl genkey dkim" against the openssl program, and certificates of a
listener with the module openssl, which must be what signs."""
import base64
import json
import os
import re
import shutil
import smtplib
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from server import BUILD, Server
from tap import Skip, run_tests

HAS_MODULE = os.path.exists(os.path.join(BUILD, "modules/openssl/openssl.la"))


class Folder:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="barid-keys-")
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path)


def genkey(*words, cwd=None, stdout=subprocess.PIPE):
    """With a home that is not there: nothing but the command line may count."""
    done = subprocess.run([os.path.join(BUILD, "src/baridctl/baridctl"), "genkey", "dkim", *words],
                          stdout=stdout, stderr=subprocess.PIPE, cwd=cwd,
                          env=dict(os.environ, HOME="/nowhere"))
    return done.returncode, (done.stdout or b"").decode(), done.stderr.decode()


def public_of(pem, algorithm):
    """What "p=" must say, as the openssl program tells it."""
    der = subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER"], input=pem, check=True,
                         capture_output=True).stdout
    return base64.b64encode(der[-32:] if algorithm == "ed25519" else der).decode()


def tags(record):
    return dict(tag.strip().split("=", 1) for tag in record.split(";"))


def read_zone(text):
    """The name and the joined strings of one TXT record of a zone file."""
    name, rest = re.fullmatch(r"(\S+) IN TXT (.*)\n", text, re.DOTALL).groups()
    strings = re.findall(r'"([^"]*)"', rest)
    assert all(len(string) <= 255 for string in strings), strings
    assert "\n" not in rest or re.fullmatch(r"\(.*\)", rest, re.DOTALL), rest
    return name, "".join(strings)


def test_algorithms_agree_with_openssl():
    with Folder() as folder:
        for algorithm, bits in [("rsa-2048", 2048), ("rsa-3072", 3072), ("rsa-4096", 4096),
                                ("ed25519", 256)]:
            path = os.path.join(folder, algorithm)
            status, out, error = genkey("--json", "--algorithm", algorithm, "--selector", "s1",
                                        "--domain", "example.org", "--output", path)
            assert (status, error) == (0, ""), error
            answer = json.loads(out)
            record = answer.pop("record")
            assert answer == {"selector": "s1", "domain": "example.org", "algorithm": algorithm,
                              "bits": bits, "name": "s1._domainkey.example.org", "file": path}
            with open(path, "rb") as file:
                pem = file.read()
            assert pem.startswith(b"-----BEGIN PRIVATE KEY-----\n"), pem[:40]
            found = tags(record)
            assert found == {"v": "DKIM1", "k": algorithm.split("-")[0],
                             "p": public_of(pem, algorithm)}, found
            said = subprocess.run(["openssl", "pkey", "-text", "-noout", "-check"], input=pem,
                                  check=True, capture_output=True).stdout.decode()
            assert "Key is valid" in said and (f"({bits} bit" in said or bits == 256), said[:100]


def test_file_is_the_owners_and_new():
    with Folder() as folder:
        old = os.umask(0)
        try:
            status, out, _ = genkey("--algorithm", "ed25519", "--output", "new.pem", "--domain",
                                    "example.org", cwd=folder)
        finally:
            os.umask(old)
        path = os.path.join(folder, "new.pem")
        assert status == 0 and os.stat(path).st_mode & 0o7777 == 0o600, oct(os.stat(path).st_mode)
        before = open(path).read()
        assert read_zone(out)[0].endswith("._domainkey.example.org."), out
        status, out, error = genkey("--algorithm", "ed25519", "--output", path)
        assert status == 1 and out == "" and "is there already" in error, error
        assert open(path).read() == before
        # A link to nowhere is there, too.
        os.symlink(os.path.join(folder, "elsewhere"), os.path.join(folder, "link"))
        status, _, _ = genkey("--algorithm", "ed25519", "--output", os.path.join(folder, "link"))
        assert status == 1 and not os.path.exists(os.path.join(folder, "elsewhere"))
        status, out, error = genkey("--json", "--output", os.path.join(folder, "no/where"))
        assert status == 1 and "No such file" in json.loads(out)["error"], out
        assert sorted(os.listdir(folder)) == ["link", "new.pem"], os.listdir(folder)


def test_standard_output():
    with Folder() as folder:
        for words in ([], ["--output", "-"]):
            status, out, error = genkey("--domain", "example.org", *words, cwd=folder)
            assert status == 0, error
            name, record = read_zone(error)
            assert tags(record)["p"] == public_of(out.encode(), "rsa-2048")
            assert name == time.strftime("%Y%mr._domainkey.example.org.", time.gmtime()), name
        status, out, error = genkey("--json", "--algorithm", "ed25519", cwd=folder)
        answer = json.loads(out)
        assert (status, error) == (0, "") and answer["file"] is None and answer["domain"] is None
        assert answer["name"] == time.strftime("%Y%me._domainkey", time.gmtime()), answer
        assert tags(answer["record"])["p"] == public_of(answer["key"].encode(), "ed25519")
        assert os.listdir(folder) == []
        for mode, warned in [(0o644, True), (0o600, False)]:
            path = os.path.join(folder, f"{mode:o}")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, mode), "wb") as file:
                os.fchmod(file.fileno(), mode)
                status, _, error = genkey("--algorithm", "ed25519", stdout=file)
            assert status == 0 and ("others may read" in error) == warned, error


def test_names():
    for words, name in [(["--domain", "Bücher.Example."], "s._domainkey.xn--bcher-kva.example"),
                        (["--domain", "EXAMPLE.org"], "s._domainkey.example.org")]:
        status, out, _ = genkey("--json", "--algorithm", "ed25519", "--selector", "S", *words)
        assert status == 0 and json.loads(out)["name"] == name, out
    status, out, _ = genkey("--json", "--algorithm", "ed25519", "--selector", "2026.east")
    assert json.loads(out)["name"] == "2026.east._domainkey", out
    for words in (["--selector", ""], ["--selector", "a b"], ["--selector", "a..b"],
                  ["--selector", "a;b"], ["--selector", "-a"], ["--selector", "a" * 64],
                  ["--selector", 'a"b'], ["--domain", "a b"], ["--domain", ""],
                  ["--domain", "a..b"], ["--domain", ".".join(["a" * 60] * 4)],
                  ["--algorithm", "rsa-1024"], ["--algorithm", "dsa"], ["--algorithm", ""]):
        status, out, error = genkey("--json", "--algorithm=ed25519", *words) \
            if words[0] != "--algorithm" else genkey("--json", *words)
        assert status == 1 and json.loads(out)["code"] == "invalid", (words, status, out, error)
    assert genkey("extra")[0] == 2
    assert genkey("--output")[0] == 2


# --- certificates ---

def make_certificate(folder, name, kind):
    chain, key = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=DNS:" + name, "-keyout", key, "-out", chain,
                    "-days", "2"], check=True, capture_output=True)
    return chain, key


def config_of(folder, modules):
    text = modules
    for name, kind in [("one.example", ["rsa:2048"]), ("two.example", ["rsa:3072"]),
                       ("three.example", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
                       ("four.example", ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]),
                       ("five.example", ["ed25519"])]:
        chain, key = make_certificate(folder, name, kind)
        if name == "four.example":  # in the older form, SEC 1
            old = subprocess.run(["openssl", "ec", "-in", key], check=True, capture_output=True)
            assert b"BEGIN EC PRIVATE KEY" in old.stdout
            with open(key, "wb") as file:
                file.write(old.stdout)
        text += f"[certificate {name}]\nchain = {chain}\nkey = {key}\n"
    return text


def shake_hands(server, folder, name, change=lambda context: None):
    """Verifies the certificate of that name; the cipher that was agreed on."""
    context = ssl.create_default_context(cafile=os.path.join(folder, name + ".pem"))
    change(context)
    with smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example.com") as smtp:
        smtp._host = name
        smtp.starttls(context=context)
        assert smtp.noop()[0] == 250
        return smtp.sock.cipher()


def only_tls_1_2(ciphers):
    def change(context):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    return change


HANDSHAKES = [  # name, what the client insists on, signatures by the module
    ("one.example", lambda context: None, 1),
    ("two.example", lambda context: None, 1),
    ("one.example", only_tls_1_2("ECDHE-RSA-AES128-GCM-SHA256"), 1),
    ("one.example", only_tls_1_2("AES128-GCM-SHA256"), 0),  # the key decrypts
    ("three.example", lambda context: None, 1),
    ("three.example", only_tls_1_2("ECDHE-ECDSA-AES128-GCM-SHA256"), 1),
    ("four.example", lambda context: None, 1),
    ("five.example", lambda context: None, 0),
]
LISTENER = "certificate = one.example, two.example, three.example, four.example, five.example"


def keys_of(server):
    modules = {module["name"]: module for module in server.ctl("modules")["modules"]}
    return modules.get("openssl", {}).get("keys")


def test_module_signs_for_tls():
    if not HAS_MODULE:
        raise Skip("the module is not built")
    with Folder() as folder:
        config = config_of(folder, "[module openssl]\nenabled = yes\n")
        with Server(extra=config, listener=LISTENER) as server:
            assert keys_of(server) == {"opened": 0, "signatures": 0, "failures": 0}
            wanted, opened = 0, set()
            for name, change, n_signatures in HANDSHAKES * 2:
                shake_hands(server, folder, name, change)
                wanted += n_signatures
                opened |= {name} if n_signatures else set()
                assert keys_of(server) == {"opened": len(opened), "signatures": wanted,
                                           "failures": 0}, (name, wanted, keys_of(server))


def test_without_the_module():
    with Folder() as folder:
        with Server(extra=config_of(folder, ""), listener=LISTENER) as server:
            for name, change, _ in HANDSHAKES:
                shake_hands(server, folder, name, change)
            assert keys_of(server) is None


def test_wrong_key_is_a_problem():
    """The key of another certificate is found when the configuration is checked."""
    for modules in ("", "[module openssl]\nenabled = yes\n"):
        if modules and not HAS_MODULE:
            raise Skip("the module is not built")
        with Folder() as folder:
            config_of(folder, "")
            server = Server(extra=modules + "[certificate main]\n"
                            f"chain = {folder}/one.example.pem\nkey = {folder}/two.example.key\n",
                            listener="certificate = main")
            try:
                done = server.ctl_raw("config", "check", "--config", server.config)
                assert done.returncode == 1 and b"certificate main" in done.stdout, done.stdout
            finally:
                shutil.rmtree(server.folder)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
