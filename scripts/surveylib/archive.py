# SPDX-License-Identifier: GPL-2.0
"""Debian's kernel sources: which there are, and the parts of them that are needed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import apt_source
from vmlib import paths

PACKAGE = re.compile(r"linux-source-[0-9]+\.[0-9]+")
SUITES = paths.SCRIPTS / "config" / "suites"


class Unreachable(Exception):
    """Something of the archive cannot be had."""


@dataclass(frozen=True)
class Source:
    """A package with the sources of a kernel, and the suites whose newest one it is."""

    package: str
    version: str
    suites: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


def suites() -> list[str]:
    """Those that scripts/config/suites names."""
    lines = SUITES.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def source_line(sources: Sequence[apt_source.Source], release: str, suite: str) -> str | None:
    """The sources.list entry for a suite, if this machine's configuration leads to it."""
    name, _, part = suite.partition("-")
    if part == "security":
        lines = apt_source.whole(sources, release, name)
        return next((line for line in lines if f" {suite} " in line), None)
    main = apt_source.pick(sources, release)
    return apt_source.resolve(main).line(suite) if main else None


def parse_madison(text: str) -> list[Source]:
    """Read what `apt-cache madison` prints: of each suite, the newest version of a package.

    It has a line for each version in each suite, the newest version of a package first.
    """
    newest: dict[tuple[str, str], str] = {}
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != 3 or not PACKAGE.fullmatch(fields[0]):
            continue
        # URI SUITE/COMPONENT ARCHITECTURE Packages
        words = fields[2].split()
        if len(words) == 4 and words[3] == "Packages":
            newest.setdefault((fields[0], words[1].rpartition("/")[0]), fields[1])
    found: dict[tuple[str, str], list[str]] = {}
    for (package, suite), version in newest.items():
        found.setdefault((package, version), []).append(suite)
    order = suites()
    return [
        Source(*key, tuple(sorted(names, key=lambda n: order.index(n) if n in order else -1)))
        for key, names in found.items()
    ]


class Archive:
    """Debian's archive, by apt with a configuration of our own; place is where it keeps things."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.apt_place = place / "apt"
        self.apt_place.mkdir(parents=True, exist_ok=True)

    def _apt(self, *words: str, cwd: Path | None = None) -> str:
        command = [str(paths.SCRIPTS / "private-apt"), str(self.apt_place), *words]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            raise Unreachable(f"{' '.join(words)}: {lines[-1] if lines else 'failed'}")
        return done.stdout

    def update(self, etc: Path = Path("/etc/apt")) -> list[str]:
        """Get the lists of all suites; return the suites that this machine has no way to."""
        release = apt_source.codename(Path("/etc/os-release").read_text())
        sources = apt_source.read_sources(etc)
        lines = {suite: source_line(sources, release, suite) for suite in suites()}
        text = "".join(f"{line}\n" for line in lines.values() if line)
        if not text:
            raise Unreachable(f"{etc} names no mirror with {release} main")
        (self.apt_place / "sources.list").write_text(text)
        self._apt("apt-get", "update")
        return [suite for suite, line in lines.items() if not line]

    def sources(self) -> list[Source]:
        """All kernel sources."""
        names = self._apt("apt-cache", "pkgnames", "linux-source-").split()
        packages = sorted(name for name in names if PACKAGE.fullmatch(name))
        return parse_madison(self._apt("apt-cache", "madison", *packages)) if packages else []

    def tree(self, source: Source, members: Iterable[str]) -> Path:
        """Files and folders of a source, unpacked; the rest of it is not kept."""
        tree = self.place / "trees" / f"{source.package}_{source.version}"
        wanted = sorted(members)
        note = tree.with_suffix(f"{tree.suffix}.members")
        if note.is_file() and note.read_text().splitlines() == wanted:
            return tree
        note.unlink(missing_ok=True)
        shutil.rmtree(tree, ignore_errors=True)
        partial = self.place / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        (partial / "tree").mkdir(parents=True)
        self._apt("apt-get", "download", f"{source.package}={source.version}", cwd=partial)
        unpack(next(partial.glob("*.deb")), source.package, wanted, partial / "tree")
        tree.parent.mkdir(exist_ok=True)
        (partial / "tree").rename(tree)
        # Written when the tree is complete.
        note.write_text("\n".join(wanted))
        shutil.rmtree(partial)
        return tree


def unpack(deb: Path, package: str, members: Iterable[str], tree: Path) -> None:
    """Unpack files, and folders whose names end in a slash, of the tarball in a package.

    Raises Unreachable if the package has no such tarball.
    """
    wanted = tuple(members)
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as outer,
    ):
        for packed in outer:
            if packed.name.endswith(f"/{package}.tar.xz"):
                _unpack(outer.extractfile(packed), wanted, tree)
    if not (tree / "Makefile").is_file():
        raise Unreachable(f"{deb.name}: no kernel in it")


def _unpack(stream: IO[bytes] | None, wanted: tuple[str, ...], tree: Path) -> None:
    with tarfile.open(fileobj=stream, mode="r|xz") as tar:
        for member in tar:
            name = member.name.partition("/")[2]
            content = tar.extractfile(member) if member.isfile() else None
            if content and (name in wanted or name.startswith(folders(wanted))):
                target = tree / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())


def folders(members: tuple[str, ...]) -> tuple[str, ...]:
    """Those that are folders."""
    return tuple(member for member in members if member.endswith("/"))
