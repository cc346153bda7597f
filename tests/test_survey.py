# SPDX-License-Identifier: GPL-2.0
"""scripts/survey: which sources there are, their files, and what the document says of them."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

import apt_source
from applylib import patchfile
from applylib.fit import Misfit
from applylib.judge import PATCHES, Judgement, versions
from surveylib import document
from surveylib.archive import Source, Unreachable, parse_madison, source_line, suites, unpack

MADISON = """\
 linux-source-6.1 |  6.1.192-3 | http://m.invalid/debian-security bookworm-security/main amd64 Packages
 linux-source-6.1 |  6.1.190-1 | http://m.invalid/debian-security bookworm-security/main amd64 Packages
 linux-source-6.1 |  6.1.176-1 | http://m.invalid/debian bookworm/main amd64 Packages
 linux-source-7.2 |   7.2.13-1 | http://m.invalid/debian sid/main amd64 Packages
 linux-source-7.2 |   7.2.13-1 | http://m.invalid/debian forky/main amd64 Packages
 linux-source-7.2 |   7.2.13-1 | http://m.invalid/debian sid/main Sources
 linux-source-7.2 |    7.2.9-1 | http://m.invalid/debian sid/main amd64 Packages
     linux-source |   7.2.13-1 | http://m.invalid/debian sid/main amd64 Packages
"""  # noqa: E501


def test_the_newest_source_of_each_suite() -> None:
    assert parse_madison(MADISON) == [
        Source("linux-source-6.1", "6.1.192-3", ("bookworm-security",)),
        Source("linux-source-6.1", "6.1.176-1", ("bookworm",)),
        Source("linux-source-7.2", "7.2.13-1", ("forky", "sid")),
    ]
    assert parse_madison("") == parse_madison("N: no such package\n") == []


def test_each_suite_has_an_entry_of_the_mirror_that_has_it() -> None:
    sources = [
        apt_source.Source("http://m.invalid/debian", "trixie", ("main",)),
        apt_source.Source("http://s.invalid/debian-security", "trixie-security", ("main",)),
    ]
    lines = {suite: source_line(sources, "trixie", suite) for suite in suites()}
    assert lines["sid"] == "deb http://m.invalid/debian sid main"
    assert lines["trixie-backports"] == "deb http://m.invalid/debian trixie-backports main"
    security = "deb http://s.invalid/debian-security bookworm-security main"
    assert lines["bookworm-security"] == security
    assert source_line(sources[:1], "trixie", "trixie-security") is None
    assert source_line(sources, "bookworm", "sid") is None


@pytest.fixture(name="deb")
def fixture_deb(tmp_path: Path) -> Path:
    """A package with a small kernel source."""
    package = "linux-source-9.9"
    place = tmp_path / "deb"
    (place / "usr/src").mkdir(parents=True)
    (place / "DEBIAN").mkdir()
    (place / "DEBIAN/control").write_text(
        f"Package: {package}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x.invalid>\n"
        "Description: x\n"
    )
    with tarfile.open(place / f"usr/src/{package}.tar.xz", "w:xz") as tar:
        for name in ("Makefile", "mm/gup.c", "mm/deep/x.c", "mmm/y.c", "fs/a.c", "fs/b.c"):
            member = tarfile.TarInfo(f"{package}/{name}")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    deb = tmp_path / "x.deb"
    subprocess.run(["dpkg-deb", "-b", place, deb], stdout=subprocess.DEVNULL, check=True)
    return deb


def test_only_what_is_wanted_is_unpacked(deb: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    unpack(deb, "linux-source-9.9", ["Makefile", "mm/", "fs/b.c", "fs/none.c"], tree)
    found = {str(p.relative_to(tree)): p.read_text() for p in tree.rglob("*") if p.is_file()}
    assert set(found) == {"Makefile", "mm/gup.c", "mm/deep/x.c", "fs/b.c"}
    assert all(name == text for name, text in found.items())


def test_a_package_without_a_kernel(deb: Path, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="no kernel"):
        unpack(deb, "linux-source-9.8", ["Makefile"], tmp_path / "tree")


def finding(version: str, made_for: str, misfits: int = 0, unhooked: int = 0) -> document.Finding:
    """A source of that version."""
    source = Source(f"linux-source-{version}", f"{version}.1-1", ("sid",))
    judgement = Judgement(Path("/"), version, made_for, 9)
    for number in range(misfits):
        judgement.misfits.append(Misfit("mm/x.c", f"f{number}()", 0, "not in this file", number))
    judgement.unhooked = [f"mm/x.c: g{number}() has no hook" for number in range(unhooked)]
    return document.Finding(source, judgement)


def test_the_document_says_what_fits_and_what_does_not() -> None:
    text = document.document([finding("6.12", "6.12"), finding("7.2", "7.3", 2, 1)])
    assert "all 9 hunks fit, and no hook is missing" in text
    assert "- 7.3, the nearest\n     - 7 of 9 hunks fit; the audit finds 1 more place to" in text
    assert "\nlinux-source-7.2 7.2.1-1\n===" in text
    assert "* mm/x.c: not in this file: ``f0()``, ``f1()``" in text
    assert "* mm/x.c: g0() has no hook" in text
    assert "\nlinux-source-6.12" not in text


def test_the_document_there_is_speaks_of_the_patches_there_are() -> None:
    """How many hunks they have; what Debian has is known only with its archive."""
    text = document.DOCUMENT.read_text()
    assert text.startswith(document.HEAD.format(versions=" and ".join(versions())))
    for version in versions():
        files = patchfile.load(PATCHES / f"{version}.patch")
        count = sum(len(file.hunks) for file in files)
        assert f"     - {version}\n     - all {count} hunks fit" in text
