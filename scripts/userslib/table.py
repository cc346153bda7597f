# SPDX-License-Identifier: GPL-2.0
"""The table of users, scripts/config/users.toml: what cannot be seen in a kernel tree."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vmlib import paths

from .source import BIO, Place

TABLE = paths.SCRIPTS / "config" / "users.toml"
PROGRAMS = paths.PROJECT / "tools/testing/selftests/gup_pin"
KEYS = {"callers", "release", "by", "hands_on", "test", "why"}

# The words for how pins are dropped: the meaning, and the functions that must be called.
ARRAY = r"unpin_user_pages(_dirty_lock)?|unpin_folios"
RELEASES = {
    "same array": ("by the array that the call filled", ARRAY),
    "array": ("by another array", ARRAY),
    "page": (
        "page by page",
        r"unpin_user_page|unpin_folio|unpin_user_pages(_dirty_lock)?",
    ),
    "range": ("by ranges of adjacent pages", r"unpin_user_page_range_dirty_lock"),
    "folio": ("by folio, with the number of pins", r"unpin_user_folio|unpin_folios?"),
    "bio": ("those that a bio's vectors name", "|".join(BIO)),
    "callers": ("by its callers", ""),
    "none": ("takes no pins", ""),
}
COUNTERPART = re.compile(r"\w+\(\)")


class TableError(Exception):
    """The table is invalid; the message is one line."""


@dataclass(frozen=True)
class Case:
    """A test of one of our programs, and the only kernel it is for, if there is one."""

    program: str
    name: str
    kernel: str = ""

    def __str__(self) -> str:
        return f"{self.program}: {self.name}"

    def exists(self, folder: Path = PROGRAMS) -> bool:
        """Whether there is such a test."""
        file = folder / f"{self.program}.c"
        fixture, _, name = self.name.rpartition(".")
        words = rf"{fixture}, *{name}" if fixture else rf"{name}"
        kinds = r"TEST_F|TEST_F_TIMEOUT" if fixture else r"TEST|TEST_TIMEOUT"
        pattern = rf"^(?:{kinds})\({words}[,)]"
        return file.is_file() and bool(re.search(pattern, file.read_text(), re.M))


@dataclass(frozen=True)
class User:
    """Callers that are alike; the table explains the words."""

    area: str
    callers: tuple[Place, ...]
    release: tuple[str, ...]
    by: tuple[Place, ...] = ()
    hands_on: bool = False
    tests: tuple[Case, ...] = ()
    why: str = ""

    @property
    def files(self) -> set[str]:
        """The function that drops its pins."""
        return {p.file for p in (*self.callers, *self.by)}


@dataclass
class Table:
    """All users, and the reasons that have a name."""

    users: list[User] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def helpers(self) -> set[str]:
        """The functions whose callers hold the pins."""
        return {p.name for user in self.users if user.hands_on for p in user.callers}

    def of(self) -> dict[Place, User]:
        """Maps each caller to its user."""
        return {place: user for user in self.users for place in user.callers}


def places(lines: list[str]) -> tuple[Place, ...]:
    """The functions named by "FILE: FUNCTION FUNCTION ..."."""
    found = []
    for line in lines:
        match = re.fullmatch(r"([\w./-]+\.[ch]): (\w+(?: \w+)*)", line)
        if not match:
            raise TableError(f'not "FILE: FUNCTION FUNCTION ...": {line}')
        found += [Place(match[1], name) for name in match[2].split()]
    return tuple(found)


def test(text: str) -> Case:
    """The test named by "PROGRAM:FIXTURE.TEST VERSION"."""
    match = re.fullmatch(r"(\w+):(\w+(?:\.\w+)?)(?: (\d+\.\d+))?", text)
    if not match:
        raise TableError(f'not "PROGRAM:FIXTURE.TEST": {text}')
    return Case(match[1], match[2], match[3] or "")


def user(area: str, raw: dict[str, Any], reasons: dict[str, str]) -> User:
    """One entry of the table."""
    what = f"{raw.get('callers', ['an entry without callers'])[0]}"
    if unknown := sorted(set(raw) - KEYS):
        raise TableError(f"{what}: unknown key {unknown[0]}")
    release = tuple(raw.get("release", "").split(", "))
    for word in release:
        if word not in RELEASES and not COUNTERPART.fullmatch(word):
            raise TableError(f"{what}: release: unknown word {word or '(empty)'}")
    tests, why = tuple(map(test, raw.get("test", []))), raw.get("why", "")
    hands_on = raw.get("hands_on", False)
    if not (tests or why or hands_on):
        raise TableError(f"{what}: neither a test, nor a reason why there is none")
    if tests and why:
        raise TableError(f"{what}: a test, and a reason why there is none")
    return User(
        area,
        places(raw.get("callers", [])),
        release,
        places(raw.get("by", [])),
        hands_on,
        tests,
        reasons.get(why, why),
    )


def load(file: Path = TABLE) -> Table:
    """Read the table; raises TableError."""
    try:
        raw = tomllib.loads(file.read_text())
        reasons = raw["why"]
        users = [user(a["name"], u, reasons) for a in raw["area"] for u in a["user"]]
    except tomllib.TOMLDecodeError as err:
        raise TableError(f"{file.name}: {err}") from err
    except (KeyError, TypeError) as err:
        raise TableError(f"{file.name}: an area or a user lacks {err}") from err
    seen: set[Place] = set()
    for place in (p for u in users for p in u.callers):
        if place in seen:
            raise TableError(f"{place} is there twice")
        seen.add(place)
    return Table(users, reasons)
