#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What manual pages show as configuration loads, beside the files of conf.d with all modules
enabled and the few names that examples take as given."""
import glob
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from mmdb_writer import make_database
from outbound import make_certificate
from server import BUILD, TOP
from tap import run_rows

BLOCK = re.compile(r"^\.Bd -literal.*?\n(.*?)^\.Ed", re.MULTILINE | re.DOTALL)
GIVEN = """
[list offices]
type = networks
entries = 192.0.2.0/24
[module geoip]
country-database = /var/lib/GeoIP/GeoLite2-Country.mmdb
"""
KNOWN = {"192.0.2.0/24": {"country": {"iso_code": "DE"}, "autonomous_system_number": 64500}}


def find_examples():
    """(page:line, text) of each block that has a section, as it is seen."""
    for path in sorted(glob.glob(f"{TOP}/doc/*.5") + glob.glob(f"{TOP}/modules/*/*.5")):
        with open(path, encoding="utf-8") as file:
            page = file.read()
        for block in BLOCK.finditer(page):
            text = block.group(1).replace("\\&", "").replace("\\-", "-").replace("\\e", "\\")
            if re.search(r"^\[\w", text, re.MULTILINE):
                line = page.count("\n", 0, block.start()) + 1
                yield f"{os.path.relpath(path, TOP)}:{line}", text


def check(text):
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "conf.d"))
        chain, key = make_certificate(folder, "mx.example.org", "DNS:mx.example.org")
        database = os.path.join(folder, "geoip.mmdb")
        with open(database, "wb") as file:
            file.write(make_database(KNOWN, "example"))
        given = re.sub(r"/var/lib/GeoIP/\S+", database, GIVEN)
        text = re.sub(r"/var/lib/GeoIP/\S+", database, text)
        files = {"barid.conf": given}
        for path in glob.glob(f"{TOP}/conf.d/*.conf"):
            with open(path, encoding="utf-8") as file:
                files["conf.d/" + os.path.basename(path)] = re.sub(
                    r"^enabled = no$", "enabled = yes", file.read(), flags=re.MULTILINE)
        signing = os.path.join(folder, "signing.pem")
        subprocess.run(["openssl", "genrsa", "-out", signing, "2048"], check=True,
                       capture_output=True)
        text = text.replace("/etc/barid/tls/chain.pem", chain).replace("/etc/barid/tls/key.pem", key)
        files["conf.d/zz-example.conf"] = re.sub(r"/etc/barid/(arc|dkim)\.pem", signing, text)
        for name, content in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(content)
        done = subprocess.run([os.path.join(BUILD, "src/baridctl/baridctl"), "config", "check",
                               "--config", os.path.join(folder, "barid.conf"), "--state", folder],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + "\n" + text


def main():
    rows = [(where, lambda text=text: check(text)) for where, text in find_examples()]
    assert len(rows) > 15, "hardly any examples were found"
    return run_rows(rows)


if __name__ == "__main__":
    sys.exit(main())
