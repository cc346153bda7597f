# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page itself: a template, its style, its scripts and the data in one file.

The page loads nothing, and its policy forbids loading: it allows only the style and
the script that are written here. Names of tasks, files and functions are chosen by
users, so data is in the page as JSON that cannot end its element, and the script
only makes text of it, never markup.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"

# In this order: each uses the ones before it.
SCRIPTS = (
    *("dom.js", "data.js", "filter.js", "problems.js", "flame.js"),
    *("ages.js", "memory.js", "timeline.js", "table.js", "main.js"),
)

# Text that could end the element, or begin a comment or another element.
_UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&"}


def escape_json(value: object) -> str:
    """JSON that is also safe within an HTML script element; ASCII only."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return text.translate(_UNSAFE)


def _read(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _raw(text: str, element: str) -> str:
    """The text of an element, unescaped; raises ValueError if it would end it."""
    if re.search(rf"</{element}|<!--", text, re.IGNORECASE):
        raise ValueError(f"a text within <{element}> ends it")
    return text


def _source(text: str) -> str:
    """The hash by which a policy names an element's text."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def policy(style: str, script: str) -> str:
    """Allows only these two: no network, no frames, no markup from text."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {_source(style)}",
            f"script-src {_source(script)}",
            "base-uri 'none'",
            "form-action 'none'",
            "trusted-types 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def make_page(title: str, data: Mapping[str, object]) -> str:
    """The whole document with its data; title is plain text."""
    style = _raw(_read("style.css"), "style")
    script = _raw("\n".join(_read(name) for name in SCRIPTS), "script")
    parts = {
        "POLICY": html.escape(policy(style, script), quote=True).replace("&#x27;", "'"),
        "TITLE": html.escape(title),
        "STYLE": style,
        "SCRIPT": script,
        "DATA": escape_json(data),
    }
    # All at once, so that inserted text is not searched again.
    return re.sub(r"@([A-Z]+)@", lambda m: parts[m[1]], _read("page.html"))
