# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page: its data cannot end its element, and its policy names its scripts."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import pytest

from gup_pin.report import page
from gup_pin.report.page import ASSETS, SCRIPTS, escape_json, make_page

NASTY = "</script><!--<script>&amp;'\"\\u003c\u2028\u202e@TITLE@\0"


class Parser(HTMLParser):
    """Elements, and the content of style and script, as an HTML parser finds them."""

    def __init__(self, text: str) -> None:
        """Parse a page."""
        super().__init__()
        self.raw: dict[str, str] = {}
        self.tags: list[str] = []
        self.title = ""
        self.policy = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        found = dict(attrs)
        self.tags.append(tag)
        self._inside = found.get("id") or tag
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or ""
        assert not {"src", "href", "action"} & set(found) or tag == "a"

    def handle_endtag(self, tag: str) -> None:
        """Leave it."""
        self._inside = ""

    def handle_data(self, data: str) -> None:
        """Keep the content of elements."""
        if self._inside:
            self.raw[self._inside] = self.raw.get(self._inside, "") + data
            self.title = self.raw.get("title", "")


def test_data_comes_back_and_ends_nothing() -> None:
    """As an HTML parser finds it."""
    data = {"comm": NASTY, NASTY: [NASTY, 1, None, True]}
    found = Parser(make_page("x", data))
    assert json.loads(found.raw["data"]) == data
    assert found.tags.count("script") == 2 and found.tags.count("style") == 1


def test_a_title_is_text() -> None:
    """Even if a kernel's release contains markup."""
    text = make_page(NASTY.replace("\0", ""), {})
    assert Parser(text).title == NASTY.replace("\0", "")
    assert Parser(text).tags.count("script") == 2


def test_json_is_ascii_without_markup() -> None:
    """Neither encodings nor parsers matter."""
    text = escape_json({"a": NASTY, "b": "é"})
    assert text.isascii() and not set(text) & set("<>&")
    assert json.loads(text) == {"a": NASTY, "b": "é"}


def test_the_policy_allows_just_these_texts() -> None:
    """By their hashes; network access is forbidden."""
    found = Parser(make_page("x", {}))
    rules = dict(rule.split(" ", 1) for rule in html.unescape(found.policy).split("; "))
    for element in ("style", "script"):
        digest = hashlib.sha256(found.raw[element].encode()).digest()
        text = base64.b64encode(digest).decode()
        assert rules[f"{element}-src"] == f"'sha256-{text}'"
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert rules["trusted-types"] == "'none'"
    assert "unsafe" not in found.policy and "http" not in found.policy


def test_all_of_the_assets_are_used() -> None:
    """Each script is used once, and there are no other files."""
    names = {path.name for path in ASSETS.iterdir()}
    assert names == {"page.html", "style.css", *SCRIPTS}
    assert len(set(SCRIPTS)) == len(SCRIPTS)
    text = make_page("x", {})
    for name in ("style.css", *SCRIPTS):
        assert (ASSETS / name).read_text() in text


def test_the_template_has_no_holes_left() -> None:
    """All placeholders are replaced."""
    text = make_page("x", {})
    scripts = "".join((ASSETS / name).read_text() for name in SCRIPTS)
    assert not re.search(r"@[A-Z]+@", text.replace(scripts, ""))
    assert set(re.findall(r"@([A-Z]+)@", (ASSETS / "page.html").read_text())) == {
        *("POLICY", "TITLE", "STYLE", "SCRIPT", "DATA")
    }


@pytest.mark.parametrize("text", ["a </script> b", "</SCRIPT", "x <!-- y"])
def test_a_script_that_ends_itself_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """It is not written."""
    monkeypatch.setattr(page, "_read", lambda name: text if name == "dom.js" else "")
    with pytest.raises(ValueError, match="ends it"):
        make_page("x", {})
