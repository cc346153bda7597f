# SPDX-License-Identifier: LGPL-2.1-or-later
"""The output on a terminal: progress of the walk, and then only lines."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from contextlib import suppress

import pytest
from test_cli_process import start


def screen(data: str) -> list[str]:
    """The rows of a terminal that is wide enough."""
    rows, column = [""], 0
    for token in re.findall(r"\033\[K|.", data, re.DOTALL):
        row = rows[-1]
        if token == "\r":
            column = 0
        elif token == "\n":
            rows.append("")
        elif token == "\033[K":
            rows[-1] = row[:column]
        else:
            rows[-1] = f"{row:{column}}"[:column] + token + row[column + 1 :]
            column += 1
    return rows


def test_the_screen_is_one() -> None:
    """Otherwise the tests prove nothing."""
    assert screen("ab\rc\r\nd") == ["cb", "d"]
    assert screen("{\r\n  \r\033[K50 %\r\033[K[1]\r\n") == ["{", "[1]", ""]
    assert screen("50 %\r\033[Kx") == ["x"]
    assert screen("50 %x\r\n") == ["50 %x", ""]


def at_terminal(words: list[str], state: str) -> tuple[str, int]:
    """What a terminal shows that is stdout and stderr; the exit status."""
    ours, theirs = pty.openpty()
    with start(words, state, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        assert process.stdin
        process.stdin.close()
        data = b""
        # Reading after the end is an error.
        with suppress(OSError):
            while more := os.read(ours, 4096):
                data += more
    os.close(ours)
    return data.decode(), process.returncode


def in_files(words: list[str], state: str) -> tuple[str, int]:
    """The output without a terminal: first all of stdout, then stderr."""
    pipe = subprocess.PIPE
    with start(words, state, stdout=pipe, stderr=pipe) as process:
        out, err = process.communicate()
    return (out + err).decode(), process.returncode


@pytest.mark.parametrize(
    "words",
    [
        "list",
        "list --sort age --limit 1 --no-stacks",
        "list --json",
        "list --jsonl",
        "check",
        "check --json",
    ],
)
def test_lines_are_whole(words: str) -> None:
    """The same terminal shows progress; error messages come last."""
    data, status = at_terminal(words.split(), "slow,damaged")
    assert f"gup_pins: {words.split(maxsplit=1)[0]}: 100 %" in data
    wanted, its_status = in_files(words.split(), "slow,damaged")
    assert (screen(data), status) == (wanted.split("\n"), its_status)


def test_nobody_waits() -> None:
    """A short walk shows no progress."""
    data, _ = at_terminal(["list"], "")
    assert "%" not in data and "\033" not in data
    assert data.replace("\r\n", "\n") == in_files(["list"], "")[0]


def test_an_error_on_its_own_line() -> None:
    """The unfinished line is kept, and the progress line erased."""
    data, status = at_terminal(["list", "--json"], "slow,failing")
    wanted, _ = in_files(["list", "--json"], "slow,failing")
    out, error = wanted[:-1].split("gup_pins: ")
    assert status == 1 and "100 %" in data and not out.endswith("\n")
    assert screen(data) == [*out.split("\n"), f"gup_pins: {error}", ""]
