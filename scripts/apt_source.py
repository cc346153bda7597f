#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Find the Debian mirror that this machine's own apt configuration names.

Other suites (trixie-backports, sid) are fetched from the same mirror, so that no
address is written into this project and a local mirror stays the one in use.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

DEBIAN_KEYRING = "debian-archive-keyring"


@dataclass(frozen=True)
class Source:
    """A repository and one of its suites."""

    uri: str
    suite: str
    components: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)

    def line(self, suite: str) -> str:
        """The one-line entry for another suite of the same mirror."""
        options = " ".join(f"{name}={value}" for name, value in self.options.items())
        bracket = f"[{options}] " if options else ""
        return f"deb {bracket}{self.uri} {suite} main"


# Options that apply to other suites of the same mirror, too.
KEPT = ("signed-by", "trusted")


def parse_list(text: str) -> Iterator[Source]:
    """Entries of a one-line-style file (sources.list)."""
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        match = re.fullmatch(r"deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+\S+)*)", line)
        if not match:
            continue
        words = (word.partition("=") for word in (match[1] or "").split())
        options = {name.lower(): value for name, _, value in words}
        kept = {name: options[name] for name in KEPT if name in options}
        yield Source(match[2], match[3], tuple(match[4].split()), kept)


def parse_paragraphs(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of a deb822 file, field names in lower case."""
    fields: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            if name:
                fields[name] += "\n" + line.strip()
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()


def parse_deb822(text: str) -> Iterator[Source]:
    """Entries of a deb822-style file (*.sources)."""
    for fields in parse_paragraphs(text):
        if fields.get("enabled", "yes").lower() in ("no", "false", "off", "0"):
            continue
        if "deb" not in fields.get("types", "").split():
            continue
        options = {name: fields[name] for name in KEPT if name in fields}
        if "BEGIN PGP" in options.get("signed-by", ""):
            # An embedded key does not fit into a one-line entry; apt has Debian's keys anyway.
            del options["signed-by"]
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(uri, suite, components, options)


def read_sources(etc: Path) -> list[Source]:
    """All entries below a folder such as /etc/apt, in apt's order."""
    main = etc / "sources.list"
    parts = etc / "sources.list.d"
    sources: list[Source] = []
    if main.is_file():
        sources += parse_list(main.read_text(errors="replace"))
    for part in sorted(parts.iterdir()) if parts.is_dir() else []:
        if part.suffix == ".list":
            sources += parse_list(part.read_text(errors="replace"))
        elif part.suffix == ".sources":
            sources += parse_deb822(part.read_text(errors="replace"))
    return sources


def pick(sources: Iterable[Source], suite: str) -> Source | None:
    """The entry for Debian's main archive.

    Third parties name their suites after Debian's releases, too. Prefer an entry signed
    by Debian's keyring, then one with a directory called debian.
    """

    def rank(source: Source) -> int:
        by_debian = DEBIAN_KEYRING in source.options.get("signed-by", "")
        in_debian = source.uri.rstrip("/").endswith("/debian")
        return 2 * by_debian + in_debian

    fitting = [s for s in sources if s.suite.rstrip("/") == suite and "main" in s.components]
    return max(fitting, key=rank, default=None)


def whole(sources: Iterable[Source], release: str, other: str) -> list[str]:
    """Return the machine's entries of Debian's archive, for another release.

    Includes updates and security; excludes backports.
    """
    main = pick(sources, release)
    keyring = main.options.get("signed-by") if main else None
    lines = []
    for source in map(resolve, sources):
        name, dash, part = source.suite.rstrip("/").partition("-")
        # Only Debian's own archive; backports must be requested by name.
        ours = source.options.get("signed-by") == keyring and "main" in source.components
        if name == release and part != "backports" and ours:
            lines.append(source.line(f"{other}{dash}{part}"))
    return list(dict.fromkeys(lines))


def resolve(source: Source) -> Source:
    """Replace a mirror list in a file, which only apt supports, by its first mirror."""
    prefix = "mirror+file:"
    if not source.uri.startswith(prefix):
        return source
    for line in Path(source.uri[len(prefix) :]).read_text().splitlines():
        words = line.partition("#")[0].split()
        if words:
            return Source(words[0], source.suite, source.components, source.options)
    return source


def codename(os_release: str) -> str:
    """The name of this machine's Debian release."""
    match = re.search(r"^VERSION_CODENAME=\"?([a-z]+)", os_release, re.MULTILINE)
    return match[1] if match else "bookworm"


def main() -> int:
    """Print the sources.list line for a suite, or all those of a release."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", help="the suite to fetch, e.g. trixie-backports")
    parser.add_argument("--all", action="store_true", help="and its updates and security")
    parser.add_argument("--etc", type=Path, default=Path("/etc/apt"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    release = codename(Path("/etc/os-release").read_text())
    sources = read_sources(given.etc)
    source = pick(sources, release)
    if source is None:
        print(f"apt_source: {given.etc} names no mirror with {release} main", file=sys.stderr)
        return 1
    if given.all:
        print("\n".join(whole(sources, release, given.suite)))
    else:
        print(resolve(source).line(given.suite))
    return 0


if __name__ == "__main__":
    sys.exit(main())
