# SPDX-License-Identifier: GPL-2.0
"""The parser of apt's configuration, with the forms found on machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from apt_source import (
    Source,
    codename,
    parse_deb822,
    parse_list,
    pick,
    read_sources,
    resolve,
    whole,
)

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

DEB822 = f"""\
Types: deb deb-src
# a comment amid the fields
URIs: http://mirror.invalid/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: {KEYRING}

Types: deb
URIs: http://mirror.invalid/debian-security
Suites: bookworm-security
Components: main
Signed-By: {KEYRING}

Enabled: no
Types: deb
URIs: http://off.invalid/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://sources.invalid/debian
Suites: bookworm
Components: main
"""


def test_deb822_gives_each_suite_of_each_enabled_binary_entry() -> None:
    found = list(parse_deb822(DEB822))
    assert [(s.uri, s.suite) for s in found] == [
        ("http://mirror.invalid/debian", "bookworm"),
        ("http://mirror.invalid/debian", "bookworm-updates"),
        ("http://mirror.invalid/debian-security", "bookworm-security"),
    ]
    assert found[0].components == ("main", "contrib")
    assert found[0].options == {"signed-by": KEYRING}


def test_deb822_continued_fields_and_a_key_in_full() -> None:
    text = """\
types: deb
uris: http://a.invalid/debian
 http://b.invalid/debian
suites: bookworm
components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abcd
 -----END PGP PUBLIC KEY BLOCK-----
"""
    found = list(parse_deb822(text))
    assert [s.uri for s in found] == ["http://a.invalid/debian", "http://b.invalid/debian"]
    assert found[0].options == {}


def test_one_line_entries_with_and_without_options() -> None:
    text = f"""\
# deb http://commented.invalid/debian bookworm main
deb-src http://mirror.invalid/debian bookworm main
deb [arch=amd64 Signed-By={KEYRING}] http://mirror.invalid/debian bookworm main contrib # why
deb http://mirror.invalid/debian/ bookworm-backports main
deb [trusted=yes] file:/srv/flat ./
nonsense
"""
    found = list(parse_list(text))
    assert [(s.uri, s.suite) for s in found] == [
        ("http://mirror.invalid/debian", "bookworm"),
        ("http://mirror.invalid/debian/", "bookworm-backports"),
        ("file:/srv/flat", "./"),
    ]
    assert found[0].options == {"signed-by": KEYRING}
    assert found[0].components == ("main", "contrib")
    assert found[2].options == {"trusted": "yes"}


def test_both_styles_are_read_and_other_files_are_not(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://one.invalid/debian bookworm main\n")
    (parts / "a.sources").write_text(DEB822)
    (parts / "b.list").write_text("deb http://two.invalid/x bookworm main\n")
    (parts / "c.list.save").write_text("deb http://old.invalid/debian bookworm main\n")
    uris = {source.uri for source in read_sources(tmp_path)}
    assert {"http://one.invalid/debian", "http://two.invalid/x"} < uris
    assert "http://old.invalid/debian" not in uris
    assert read_sources(tmp_path / "nothing") == []


def test_debian_wins_over_third_parties_that_use_its_names() -> None:
    docker = Source("http://docker.invalid/linux/debian", "bookworm", ("main",))
    other = Source("http://other.invalid/repo", "bookworm", ("main",))
    debian = Source("http://mirror.invalid/d", "bookworm", ("main",), {"signed-by": KEYRING})
    assert pick([other, docker, debian], "bookworm") is debian
    assert pick([other, docker], "bookworm") is docker


@pytest.mark.parametrize(
    ("suite", "components"),
    [("bookworm-security", ("main",)), ("bookworm", ("contrib",)), ("trixie", ("main",))],
)
def test_only_the_release_itself_with_main_will_do(suite: str, components: tuple[str, ...]) -> None:
    assert pick([Source("http://mirror.invalid/debian", suite, components)], "bookworm") is None


def test_the_line_for_another_suite_keeps_mirror_and_keyring() -> None:
    source = pick(parse_deb822(DEB822), "bookworm")
    assert source is not None
    wanted = f"deb [signed-by={KEYRING}] http://mirror.invalid/debian trixie-backports main"
    assert source.line("trixie-backports") == wanted
    assert Source("http://m.invalid/debian", "bookworm", ("main",)).line("sid") == (
        "deb http://m.invalid/debian sid main"
    )


def test_a_mirror_list_in_a_file_gives_its_first_mirror(tmp_path: Path) -> None:
    mirrors = tmp_path / "mirrors"
    mirrors.write_text("# best first\nhttp://near.invalid/debian priority:1\nhttp://far.invalid\n")
    source = Source(f"mirror+file:{mirrors}", "bookworm", ("main",), {"signed-by": KEYRING})
    assert resolve(source).uri == "http://near.invalid/debian"
    assert resolve(source).options == {"signed-by": KEYRING}


def test_a_whole_release_has_its_updates_and_security() -> None:
    text = DEB822 + "\nTypes: deb\nURIs: http://other.invalid/x\nSuites: bookworm\n"
    text += "Components: main\nSigned-By: /usr/share/keyrings/other.gpg\n"
    sources = [*parse_deb822(text), Source("http://m.invalid", "bookworm-backports", ("main",))]
    assert whole(sources, "bookworm", "trixie") == [
        f"deb [signed-by={KEYRING}] http://mirror.invalid/debian trixie main",
        f"deb [signed-by={KEYRING}] http://mirror.invalid/debian trixie-updates main",
        f"deb [signed-by={KEYRING}] http://mirror.invalid/debian-security trixie-security main",
    ]


def test_codename() -> None:
    assert codename('NAME="Debian"\nVERSION_CODENAME=trixie\n') == "trixie"
    assert codename("NAME=Other\n") == "bookworm"
