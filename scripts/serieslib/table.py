# SPDX-License-Identifier: GPL-2.0
"""The series as scripts/config/series.toml has it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from vmlib import paths

TABLE = paths.SCRIPTS / "config" / "series.toml"


class TableError(Exception):
    """The table is not as it has to be: what is wrong, for the user."""


@dataclass(frozen=True)
class Replace:
    """In the patches before this one a file has old instead of new."""

    file: str
    new: str
    old: str


@dataclass(frozen=True)
class Patch:
    """One patch of the series.

    subject, body: its message
    files: what it adds, by path in a kernel tree, or the first hunks of which are in it
    names: regular expressions of what it adds to files of earlier patches; after
        FILE: only in files whose path ends so
    replace: what cannot be left out by name
    """

    subject: str
    body: str
    files: list[str]
    names: list[str] = field(default_factory=list)
    replace: list[Replace] = field(default_factory=list)

    def has_file(self, path: str) -> bool:
        """Does it add the file?"""
        return any(fnmatchcase(path, pattern) for pattern in self.files)

    def has_name(self, path: str, name: str) -> bool:
        """Does it add the name to the file?"""
        for pattern in self.names:
            where, _, what = pattern.rpartition(":")
            if path.endswith(where) and re.fullmatch(what, name):
                return True
        return False


@dataclass(frozen=True)
class Series:
    """All patches, and the cover letter's subject and body.

    upstream: what a kernel tree has as old where the project has new
    """

    subject: str
    body: str
    patches: list[Patch]
    upstream: list[Replace]


def _patch(entry: dict[str, Any]) -> Patch:
    try:
        replace = [Replace(**one) for one in entry.pop("replace", [])]
        return Patch(**entry, replace=replace)
    except TypeError as err:
        raise TableError(f"patch {entry.get('subject', '?')!r}: {err}") from err


def load(path: Path = TABLE) -> Series:
    """Read the table. Raises TableError."""
    try:
        data = tomllib.loads(path.read_text())
        patches = [_patch(entry) for entry in data["patch"]]
        upstream = [Replace(**one) for one in data.get("upstream", [])]
        return Series(data["cover"]["subject"], data["cover"]["body"], patches, upstream)
    except TypeError as err:
        raise TableError(f"upstream: {err}") from err
    except (KeyError, tomllib.TOMLDecodeError) as err:
        raise TableError(f"{path.name}: {err}") from err
