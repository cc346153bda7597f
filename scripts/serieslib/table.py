# SPDX-License-Identifier: GPL-2.0
"""The series, as listed in scripts/config/series.toml."""

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
    """The table is invalid; the message is for the user."""


@dataclass(frozen=True)
class Replace:
    """Before this patch a file has old instead of new."""

    file: str
    new: str
    old: str


@dataclass(frozen=True)
class Patch:
    """One patch of the series.

    subject, body: its message
    files: the files it adds, by path in a kernel tree, or whose first hunks it has
    names: regular expressions of names that it adds to files of earlier patches; after
        FILE: only in files whose path ends so
    replace: text that cannot be left out by name
    """

    subject: str
    body: str
    files: list[str]
    names: list[str] = field(default_factory=list)
    replace: list[Replace] = field(default_factory=list)

    def has_file(self, path: str) -> bool:
        """Whether it adds the file."""
        return any(fnmatchcase(path, pattern) for pattern in self.files)

    def has_name(self, path: str, name: str) -> bool:
        """Whether it adds the name to the file."""
        for pattern in self.names:
            where, _, what = pattern.rpartition(":")
            if path.endswith(where) and re.fullmatch(what, name):
                return True
        return False


@dataclass(frozen=True)
class Series:
    """All patches, and the cover letter's subject and body.

    upstream: text old in a kernel tree for new in the project
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
