# SPDX-License-Identifier: LGPL-2.1-or-later
"""Converts a line of key=value words, as in debugfs, to words as in JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from ..meaning import GONE, MATCHES

# A word as JSON has it; None: it could not be read when the line was made.
Value = str | int | None
Words = dict[str, Value]

# No machine has more pages, and no call pins more.
PFNS = 1 << 40
_ORDERS = 1 << 6
_U64 = 1 << 64

# What a line has for a word that could not be read.
_UNREAD = "?"


class BadLine(ValueError):
    """A line that the kernel does not write."""


def _number(below: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        # int() also accepts blanks, signs and the digits of all scripts.
        if not re.fullmatch(r"[0-9]{1,20}", text, re.ASCII) or int(text) >= below:
            raise BadLine(text)
        return int(text)

    return parse


def _hex(below: int) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(r"0x[0-9a-f]{1,16}", text) or int(text, 16) >= below:
            raise BadLine(text)
        return text

    return parse


def _one_of(*values: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in values:
            raise BadLine(text)
        return text

    return parse


def _like(pattern: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise BadLine(text)
        return text

    return parse


Parsers = Mapping[str, Callable[[str], Value]]

_TASK: Parsers = {"task": _like(r"[0-9]{1,10}/[0-9]{1,10}"), "comm": str}
_KIND: Parsers = {
    "mode": _one_of("r", "w"),
    "term": _one_of("short", "long"),
    "api": str,
}
_FILE: Parsers = {
    "dev": _like(r"[0-9]{1,4}:[0-9]{1,7}"),
    "ino": _number(_U64),
    "index": _hex(_U64),
}

PIN: Parsers = {
    "pfn": _hex(PFNS),
    "pages": _number(PFNS),
    "order": _number(_ORDERS),
    "pins": _number(_U64),
    **_KIND,
    "owner": _number(_U64),
    **_TASK,
    "age_ms": _number(_U64),
    "addr": _hex(_U64),
    "map": str,
    **_FILE,
    "stack": _hex(_U64),
    "match": _one_of(*MATCHES),
}
# The first version of lines had no path.
PATH: Parsers = {"path": str}

# Words of the first version of stacks; later ones are ignored.
SUM: Parsers = {"pins": _number(_U64), "stack": _hex(_U64)}

EVENT: Parsers = {"kind": str, "age_ms": _number(_U64), **_TASK}
MORE: Parsers = {
    "func": str,
    "pins_on_folio": _number(_U64),
    **PATH,
    "count": _number(_U64),
    "last_ms": _number(_U64),
    "reported": _number(_U64),
    "indexes": _like(r"0x[0-9a-f]+-0x[0-9a-f]+"),
    "stake": str,
}

REFUSED: Parsers = {
    "count": _number(_U64),
    "err": str,
    **_KIND,
    "owner": _number(_U64),
    **_TASK,
    "oldest_ms": _number(_U64),
    "newest_ms": _number(_U64),
    "stack": _hex(_U64),
    "why": str,
    "addr": _hex(_U64),
    "pfn": _hex(_U64),
    **_FILE,
    **PATH,
}

# Words that every line needs, even if others could not be read.
_NEEDED = frozenset({"pfn", "pins", "stack", "task", "count", "mode", "term", "match"})


def split(line: str) -> list[tuple[str, str]]:
    """Keys and values of a line, in its order; raises BadLine."""
    pairs = []
    for word in line.split(" "):
        key, equals, value = word.partition("=")
        if not equals or not re.fullmatch(r"[a-z_]+", key):
            raise BadLine(word)
        pairs.append((key, value))
    return pairs


def typed(pairs: Iterable[tuple[str, str]], parsers: Parsers) -> Words:
    """The words that have parsers, all of which must be present.

    Raises BadLine, also for a duplicate word. Words of later kernels are left out.
    """
    found: dict[str, str] = {}
    for key, value in pairs:
        if key in found:
            raise BadLine(key)
        found[key] = value
    words: Words = {}
    for key, parse in parsers.items():
        if key not in found:
            raise BadLine(key)
        unread = found[key] == _UNREAD and key not in _NEEDED
        words[key] = None if unread else parse(found[key])
    return words


def pin_of(pairs: list[tuple[str, str]]) -> Words:
    """A line of pins or orphans; raises BadLine."""
    if not any(key == "path" for key, _ in pairs):
        pairs = [*pairs, ("path", "")]
    return typed(pairs, {**PIN, **PATH})


def gone_of(pairs: list[tuple[str, str]]) -> str:
    """What has ended, by a line of orphans; raises BadLine."""
    gone = dict(pairs).get("gone", "unknown")
    if gone not in GONE[1:]:
        raise BadLine(gone)
    return gone


def hazard_of(pairs: list[tuple[str, str]]) -> tuple[Words, Words]:
    """A line of hazards: its own words, and the words of its pin; raises BadLine."""
    keys = [key for key, _ in pairs]
    if "pfn" not in keys or "func" not in keys:
        raise BadLine("too few words")
    first, last = keys.index("pfn"), keys.index("func")
    own = {**typed(pairs[:first], EVENT), **typed(pairs[last:], MORE)}
    return own, typed(pairs[first:last], PIN)
