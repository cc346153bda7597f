# SPDX-License-Identifier: LGPL-2.1-or-later
"""A folder of copies of debugfs' files, whole and damaged, and the page of it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from test_format import LINE
from test_without_drgn import run

from gup_pin.copies import Copies, NoCopies, read_copies
from gup_pin.copies.folder import FILES
from gup_pin.copies.words import BadLine, hazard_of, pin_of, split

REAL = Path(__file__).with_name("copies.json")

FRAMES = ["pin_user_pages_fast+0x8f/0xa0", "io_pin_pages+0x73/0xe0 [uring]"]
SECOND = LINE.replace("pfn=0x1a2b0", "pfn=0x40010").replace("=812", "=9")
EVENT = "kind=writeback age_ms=3543 task=57/57 comm=msync"
MORE = (
    "func=ext4_bio_write_folio+0x101 pins_on_folio=1 path=/data count=12 last_ms=204 "
    "reported=1 indexes=0x0-0x3 stake=data"
)
HAZARD = f"{EVENT} {LINE.removesuffix(' path=')} {MORE}"
REFUSED = (
    "count=2 err=EFAULT mode=w term=long api=pin_user_pages_fast owner=812 "
    "task=812/815 comm=fio oldest_ms=5203 newest_ms=103 stack=0x5 why=file "
    "addr=0x7f21c0001000 pfn=0x0 dev=253:2 ino=12 index=0x1 path=/data"
)
SUM = (
    "pins=16 pages=16 calls=1 mode=w term=long api=pin_user_pages_fast "
    "oldest_ms=5203 newest_ms=203 stack=0x2b40003 acquired=16 peak=16 guessed=0"
)
STATS = "enabled 1\nlive_pins 32\nuntracked 0\nhooks pin_user_pages ipmodify\n"


def block(line: str, *more: str) -> str:
    """A record of several lines, and the empty line after it."""
    return "".join(f"{each}\n" for each in (line, *more, ""))


def text_of(name: str, *records: str) -> str:
    """A file."""
    return f"# gup_pin {name} 1\n" + "".join(records)


WHOLE = {
    "pins": text_of("pins", f"{LINE}\n", f"{SECOND}\n"),
    "stacks": text_of("stacks", block(SUM, *(f" {frame}" for frame in FRAMES))),
    "orphans": text_of("orphans", f"{SECOND} gone=task\n"),
    "hazards": text_of("hazards", block(HAZARD, "event:", " a+0x1/0x2", "pin:", " b")),
    "refused": text_of("refused", block(REFUSED, " c+0x1/0x2")),
    "stats": STATS,
}


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path) -> Path:
    """Copies of all files."""
    folder = tmp_path / "copies"
    folder.mkdir()
    for name, text in WHOLE.items():
        (folder / name).write_text(text)
    return folder


def real_copies(folder: Path) -> Path:
    """A folder of copies from a Debian kernel with the module."""
    folder.mkdir()
    for name, lines in json.loads(REAL.read_text()).items():
        if name != "comment":
            (folder / name).write_text("".join(f"{line}\n" for line in lines))
    return folder


def test_real_copies(tmp_path: Path) -> None:
    """All files are read, and their figures agree."""
    copies = read_copies(real_copies(tmp_path / "real"))
    assert notes(copies) == [] and copies.document()["complete"] is True
    pins = sum(int(str(pin["pins"])) for pin in copies.pins)
    assert pins == copies.stats["live_pins"] == 8
    assert {pin["stack"] for pin in copies.pins} == set(copies.stacks)
    assert all(frames[0].startswith("pin_user") for frames in copies.stacks.values())
    (hazard,) = copies.hazards
    assert (hazard["kind"], hazard["stake"], hazard["path"]) == (
        *("writeback", "data", "/file"),
    )
    assert hazard["frames"][0] == "ext4_bio_write_folio+0x123/0x620 [ext4]"
    assert hazard["pin"]["frames"] == copies.stacks[hazard["pin"]["stack"]]
    assert copies.release == "6.12.117+deb12-amd64"


def notes(copies: Copies) -> list[str]:
    """What could not be read."""
    return list(copies.notes.lines())


def test_all_files(folder: Path) -> None:
    """Every record, with its stack; a module's hooks are not figures."""
    copies = read_copies(folder)
    assert notes(copies) == []
    assert [pin["pfn"] for pin in copies.pins] == ["0x1a2b0", "0x40010"]
    assert (copies.pins[0]["pages"], copies.pins[0]["path"]) == (16, "")
    assert copies.orphans == {1: "task"}
    assert copies.stacks == {"0x2b40003": FRAMES}
    (hazard,) = copies.hazards
    assert (hazard["comm"], hazard["pin"]["comm"]) == ("msync", "fio")
    assert (hazard["age_ms"], hazard["pin"]["age_ms"]) == (3543, 5203)
    assert (hazard["frames"], hazard["pin"]["frames"]) == (["a+0x1/0x2"], ["b"])
    assert "path" not in hazard["pin"] and hazard["path"] == "/data"
    (refused,) = copies.refused
    assert (refused["why"], refused["frames"]) == ("file", ["c+0x1/0x2"])
    assert copies.stats == {"enabled": 1, "live_pins": 32, "untracked": 0}
    document = copies.document()
    assert document["complete"] is True and document["kernel"] is None
    assert document["tracking"] == {"enabled": True}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing(folder: Path, name: str) -> None:
    """The others are read."""
    (folder / name).unlink()
    copies = read_copies(folder)
    assert notes(copies) == [f"{name}: is missing"]
    assert copies.pins and not copies.document()["complete"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut(folder: Path, name: str) -> None:
    """Truncated at any byte: the lines before it are read, and the loss is noted."""
    text = WHOLE[name]
    for size in range(0, len(text), 5):
        (folder / name).write_text(text[:size])
        copies = read_copies(folder)
        found = [line for line in notes(copies) if line.startswith(f"{name}: ")]
        if size and not text[:size].endswith("\n"):
            assert any(" is cut off (line " in line for line in found)
        elif size == 0:
            assert found == [f"{name}: is empty"]


def test_no_such_folder_and_none_of_the_files(tmp_path: Path) -> None:
    """Each has its own message."""
    with pytest.raises(NoCopies, match=r"none: No such file or directory$"):
        read_copies(tmp_path / "none")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(NoCopies, match=r"file: Not a directory$"):
        read_copies(file)
    with pytest.raises(NoCopies, match="none of the files is there: pins, stacks"):
        read_copies(tmp_path)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("# gup_pin pins 2\n", "has format 2, but only 1 is known"),
        ("# gup_pin stacks 1\n", "is a copy of stacks"),
        ("root:x:0:0\n", "does not begin as debugfs' files do"),
        ("# gup_pin pins 1\n\x00\n", "a line that makes no sense (line 2)"),
        ("# gup_pin pins 1\n" + "x" * 100_000 + "\n", "is cut off (line 2)"),
        ("# gup_pin pins 1\npfn=0x1\npfn=\n", "a line that makes no sense"),
    ],
)
def test_a_file_that_is_another(folder: Path, text: str, note: str) -> None:
    """It is not read, which is noted; the others are."""
    (folder / "pins").write_text(text)
    copies = read_copies(folder)
    assert any(line.startswith(f"pins: {note}") for line in notes(copies))
    assert len(copies.hazards) == 1


@pytest.mark.parametrize("kind", ["pipe", "folder", "loop", "device"])
def test_a_file_that_is_none(folder: Path, kind: str) -> None:
    """Reading neither blocks nor runs forever."""
    file = folder / "pins"
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to("pins" if kind == "loop" else "/dev/zero")
    copies = read_copies(folder)
    (note,) = notes(copies)
    assert note.startswith("pins: ") and [pin["pfn"] for pin in copies.pins] == [
        "0x40010"
    ]


@pytest.mark.parametrize(
    "change",
    [
        *(("pfn=0x1a2b0", f"pfn={wrong}") for wrong in ("26", "0x", "-0x1", "?")),
        ("pfn=0x1a2b0", "pfn=0x10000000000"),
        *(("pages=16", f"pages={wrong}") for wrong in ("x", "-1", "+1", "1_0", "")),
        ("pages=16", f"pages={1 << 40}"),
        ("pages=16", "pages=\u0661"),
        ("order=0", "order=64"),
        ("pins=16", "pins=?"),
        ("mode=w", "mode=rw"),
        ("term=long", "term="),
        ("task=812/815", "task=812"),
        ("dev=0:0", "dev=00"),
        ("ino=0", f"ino={1 << 64}"),
        ("match=exact", "match=sure"),
        (" match=exact", ""),
        (" pages=16", ""),
        ("comm=fio", "comm=fi o"),
        ("comm=fio", "comm=fio comm=fio"),
    ],
)
def test_a_line_that_makes_no_sense(change: tuple[str, str]) -> None:
    """It is left out."""
    line = LINE.replace(*change)
    assert line != LINE
    with pytest.raises(BadLine):
        pin_of(split(line))


def test_lines_of_other_kernels() -> None:
    """Lines with unreadable words, with words of later kernels, and without a path."""
    line = LINE.replace("pages=16", "pages=?").replace("map=anon", "map=?")
    pin = pin_of(split(f"{line} fresh=1"))
    assert (pin["pages"], pin["map"], "fresh" in pin) == (None, None, False)
    assert pin_of(split(LINE.removesuffix(" path=")))["path"] == ""
    for part in ("pfn=0x1a2b0 ", "func=ext4_bio_write_folio+0x101 "):
        with pytest.raises(BadLine):
            hazard_of(split(HAZARD.replace(part, "")))


def test_an_orphan_that_pins_do_not_have(folder: Path) -> None:
    """The files are copied one after another: it counts as a pin."""
    (folder / "pins").write_text(text_of("pins", f"{LINE}\n"))
    copies = read_copies(folder)
    assert len(copies.pins) == 2 and copies.orphans == {1: "task"}


@pytest.mark.parametrize(
    ("word", "gone"),
    [("", "unknown"), (" gone=owner", "owner"), (" gone=both", "both")],
)
def test_what_of_an_orphan_has_gone(folder: Path, word: str, gone: str) -> None:
    """Older kernels do not say; any other word is invalid."""
    (folder / "orphans").write_text(text_of("orphans", f"{SECOND}{word}\n"))
    assert read_copies(folder).orphans == {1: gone}
    (folder / "orphans").write_text(text_of("orphans", f"{SECOND} gone=x\n"))
    copies = read_copies(folder)
    assert copies.orphans == {}
    assert notes(copies) == ["orphans: a line that makes no sense (line 2)"]


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("6.12.117-amd64\n", "6.12.117-amd64"),
        ("Linux 6.12\n", None),
        ("x" * 65 + "\n", None),
        ("", None),
        ("</script>\n", "</script>"),
    ],
)
def test_the_release(folder: Path, text: str, release: str | None) -> None:
    """The output of uname -r, if it was noted; it may be missing."""
    (folder / "uname").write_text(text)
    copies = read_copies(folder)
    assert (copies.release, notes(copies)) == (release, [])


def data_of(page: Path) -> dict[str, Any]:
    """What a page was given."""
    text = page.read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found
    return dict(json.loads(found[1]))


def test_the_page(folder: Path, tmp_path: Path) -> None:
    """Written by the script, without drgn: no message, and status 0."""
    page = tmp_path / "pins.html"
    assert run("report", "--from", str(folder), "-o", str(page)) == (0, "", "")
    data = data_of(page)
    assert data["source"] == "copies" and data["columns"]["orphan"] == [0, 2]
    assert [each["why"] for each in data["refused"]] == ["file"]
    assert "<title>Pinned pages of Linux</title>" in page.read_text()
    (folder / "uname").write_text("6.12.0\n")
    assert run("report", "--from", str(folder), "-o", str(page)) == (0, "", "")
    assert "<title>Pinned pages of Linux 6.12.0</title>" in page.read_text()


def test_the_page_of_a_part(folder: Path, tmp_path: Path) -> None:
    """Each kind of fault is a line, and the status is 4; the page is written."""
    (folder / "stacks").unlink()
    with (folder / "pins").open("a") as pins:
        pins.write("pfn=1\npfn=2\n")
    page = tmp_path / "pins.html"
    status, out, err = run("report", "--from", str(folder), "-o", str(page))
    assert (status, out) == (4, "")
    assert err.splitlines() == [
        "gup_pins: pins: a line that makes no sense (2 times, first line 4)",
        "gup_pins: stacks: is missing",
    ]
    assert [fault["what"] for fault in data_of(page)["faults"]] == ["pins", "stacks"]


def test_no_page(tmp_path: Path) -> None:
    """One line each: not a folder, none of the files, no place to write."""
    page = tmp_path / "pins.html"
    for folder, status, wanted in (
        (tmp_path / "none", 3, "No such file or directory"),
        (tmp_path, 3, "none of the files is there"),
    ):
        found, out, err = run("report", "--from", str(folder), "-o", str(page))
        assert (found, out) == (status, "") and wanted in err
        assert len(err.splitlines()) == 1 and not page.exists()
    (tmp_path / "pins").write_text(WHOLE["pins"])
    nowhere = tmp_path / "none" / "pins.html"
    found, _, err = run("report", "--from", str(tmp_path), "-o", str(nowhere))
    assert found == 1 and err == f"gup_pins: {nowhere}: No such file or directory\n"
