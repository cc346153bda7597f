# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file that is written as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gup_pin.report.output import whole_file


def test_a_new_file(tmp_path: Path) -> None:
    """It appears at the end, with normal permissions."""
    file = tmp_path / "a.html"
    with whole_file(file) as out:
        out.write("é")
        assert not file.exists()
    assert file.read_text(encoding="utf-8") == "é"
    other = tmp_path / "b.html"
    other.touch()
    assert file.stat().st_mode == other.stat().st_mode
    assert sorted(tmp_path.iterdir()) == [file, other]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """No other file is left behind."""
    file = tmp_path / "a.html"
    file.write_text("before")
    with pytest.raises(KeyboardInterrupt), whole_file(file) as out:
        out.write("half")
        raise KeyboardInterrupt
    assert file.read_text() == "before" and list(tmp_path.iterdir()) == [file]


def test_a_link_stays_one(tmp_path: Path) -> None:
    """Its target is replaced."""
    file, link = tmp_path / "a.html", tmp_path / "link"
    file.write_text("before")
    link.symlink_to(file)
    with whole_file(link) as out:
        out.write("after")
    assert link.is_symlink() and file.read_text() == "after"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """/dev/stdout may be one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with whole_file(pipe) as out:
        out.write("page")
    assert os.read(reader, 10) == b"page" and pipe.is_fifo()
    os.close(reader)


def test_no_such_folder(tmp_path: Path) -> None:
    """The error comes before anything else is done."""
    file = tmp_path / "none" / "a"
    with pytest.raises(FileNotFoundError) as caught, whole_file(file):
        raise AssertionError("not reached")
    assert caught.value.filename == str(file)
