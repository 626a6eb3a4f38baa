#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The handbook as HTML: "make html" makes it, and no link in it leads nowhere."""
import html.parser
import os
import re
import subprocess
import sys
from urllib.parse import unquote, urldefrag

sys.path.insert(0, os.path.dirname(__file__))
from server import BUILD, TOP
from tap import run_tests

FOLDER = os.path.join(BUILD, "html")


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.text = {""}, [], ""
        with open(path, encoding="utf-8") as file:
            self.feed(file.read())

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name in ("href", "src"):
                self.links.append(value)

    def handle_data(self, data):
        self.text += data


def read_pages():
    return {os.path.relpath(os.path.join(folder, name), FOLDER): Page(os.path.join(folder, name))
            for folder, _, names in os.walk(FOLDER) for name in names if name.endswith(".html")}


def chapters():
    return sorted(name[:-3] for name in os.listdir(os.path.join(TOP, "doc/handbook"))
                  if name.endswith(".md"))


def manual_pages():
    listed = subprocess.run(["git", "-C", TOP, "ls-files", "doc/*.[1-9]", "modules/*.[1-9]"],
                            capture_output=True, text=True, check=True).stdout.split()
    return sorted(os.path.basename(name) for name in listed)


def test_build():
    done = subprocess.run(["make", "-s", "-C", BUILD, "html"], capture_output=True, text=True,
                          env={**os.environ, "MAKEFLAGS": ""}, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    pages = read_pages()
    assert len(chapters()) >= 9 and len(manual_pages()) >= 18
    missing = [f"{name}.html" for name in chapters() if f"{name}.html" not in pages]
    missing += [f"man/{name}.html" for name in manual_pages() if f"man/{name}.html" not in pages]
    assert not missing, missing


def test_links():
    """Within the folder to what is there, outside only to manual pages of others."""
    pages = read_pages()
    wrong, n_links = [], 0
    for name, page in pages.items():
        for link in page.links:
            path, anchor = urldefrag(link)
            target = os.path.normpath(os.path.join(os.path.dirname(name), unquote(path))) \
                if path else name
            n_links += 1
            if target in ("style.css", "man/style.css"):
                continue
            if target not in pages or unquote(anchor) not in pages[target].anchors:
                wrong.append(f"{name}: {link}")
    assert n_links > 300, n_links
    assert not wrong, wrong


def test_reachable():
    """From the first page on, all of them can be come to."""
    pages = read_pages()
    seen, left = set(), ["index.html"]
    while left:
        name = left.pop()
        if name in seen or name not in pages:
            continue
        seen.add(name)
        left += [os.path.normpath(os.path.join(os.path.dirname(name), urldefrag(link)[0]))
                 for link in pages[name].links]
    assert pages and seen == set(pages), sorted(set(pages) - seen)


def test_marks():
    """No Markdown was left over, and blocks tell which file they are."""
    pages = read_pages()
    for name in chapters():
        text = pages[name + ".html"].text
        assert "```" not in text and not re.search(r"\]\([\w.]+\)", text), name
    assert "conf.d/zz-site.conf" in pages["receiving.html"].text


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
