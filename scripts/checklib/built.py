# SPDX-License-Identifier: GPL-2.0
"""Prerequisites of the tests of one version: kernel, tree and programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vmlib import paths

from .run import Failed, path_from


@dataclass
class Built:
    """Result of prepare() for one version.

    tree: kernel tree with the project; programs: directory of our selftests.
    """

    version: str
    tree: Path
    programs: Path


def programs_of(built: Built) -> list[str]:
    """Names of our test programs, from the Makefile."""
    text = Path(
        paths.PROJECT, "tools/testing/selftests/gup_pin/Makefile"
    ).read_text()
    names = [
        word
        for line in text.splitlines()
        if line.startswith("TEST_GEN_PROGS ")
        for word in line.split("=", 1)[1].split()
    ]
    missing = [name for name in names if not (built.programs / name).exists()]
    if missing or not names:
        raise Failed(f"not built: {' '.join(missing) or 'anything'}")
    return names


def prepare(version: str) -> Built:
    """Build kernel and programs of one version. Raises Failed."""
    path_from(paths.SCRIPTS / "kernel", version, "test")
    tree = path_from(paths.SCRIPTS / "tree", version)
    return Built(
        version,
        tree,
        path_from(paths.SCRIPTS / "selftests", version),
    )
