# SPDX-License-Identifier: GPL-2.0
"""The table of suites, scripts/config/suites.toml, which explains its words."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vmlib import paths

TABLE = paths.SCRIPTS / "config" / "suites.toml"
GUESTS = ("stock", "test")
FORMATS = ("status", "ktap", "unittest")
PLACES = ("ext4", "xfs")
NEEDED = {"name", "guest", "folder", "tests", "results", "subset"}
KEYS = NEEDED | {"kernels", "places", "prepare", "finish", "run", "without", "skipped", "limit"}
KEYS |= {"hazards"}


class TableError(Exception):
    """The table is not what it has to be; the message is one line."""


@dataclass(frozen=True)
class Suite:
    """A suite on one file system; the table explains the words.

    place: that file system, "" for the guest's root; tests: the command of each, by its name.
    """

    name: str
    place: str
    guest: str
    folder: str
    tests: dict[str, str]
    results: str
    subset: str
    kernels: tuple[str, ...]
    prepare: str = ""
    finish: str = ""
    without: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()
    skipped: int = -1
    limit: float = 300

    @property
    def title(self) -> str:
        """Its name, and the file system."""
        return f"{self.name} on {self.place}" if self.place else self.name


def _known(name: str, key: str, words: list[str], known: tuple[str, ...]) -> None:
    for word in words:
        if word not in known:
            raise TableError(f"{name}: {key}: unknown word {word}")


def suites(raw: dict[str, Any]) -> list[Suite]:
    """One entry of the table, for each of its file systems."""
    raw = dict(raw)
    name = raw.get("name", "a suite without a name")
    if missing := sorted(NEEDED - set(raw)):
        raise TableError(f"{name}: lacks {missing[0]}")
    if unknown := sorted(set(raw) - KEYS):
        raise TableError(f"{name}: unknown key {unknown[0]}")
    places = raw.pop("places", [""])
    kernels = tuple(raw.pop("kernels", paths.versions()))
    _known(name, "guest", [raw["guest"]], GUESTS)
    _known(name, "results", [raw["results"]], FORMATS)
    _known(name, "places", places, ("", *PLACES))
    _known(name, "kernels", list(kernels), tuple(paths.versions()))
    run, tests = raw.pop("run", ""), raw.pop("tests")
    if not isinstance(tests, dict):
        tests = {words: words for words in tests}
    if not tests:
        raise TableError(f"{name}: no tests")
    tests = {test: f"{run} {words}".strip() for test, words in tests.items()}
    raw |= {key: tuple(raw.get(key, ())) for key in ("without", "hazards")}
    return [Suite(place=place, tests=tests, kernels=kernels, **raw) for place in places]


def load(file: Path = TABLE) -> list[Suite]:
    """Read the table; raises TableError."""
    try:
        found = [s for raw in tomllib.loads(file.read_text())["suite"] for s in suites(raw)]
    except tomllib.TOMLDecodeError as err:
        raise TableError(f"{file.name}: {err}") from err
    except (KeyError, TypeError, AttributeError) as err:
        raise TableError(f"{file.name}: not a table of suites: {err}") from err
    titles = [s.title for s in found]
    if twice := [title for title in titles if titles.count(title) > 1]:
        raise TableError(f"{twice[0]} is there twice")
    return found
