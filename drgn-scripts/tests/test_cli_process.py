# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command as a process: closed pipes and full disks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("mock_command.py")
DAMAGED = "damaged"


def start(words: Sequence[str], state: str, **files: Any) -> subprocess.Popen[bytes]:
    """The command as a process, which waits for the end of its stdin."""
    command = [sys.executable, str(SCRIPT), state, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, **files)


@pytest.mark.parametrize(
    ("words", "state", "status"),
    [
        (["list"], "", 0),
        (["list"], DAMAGED, 0),
        (["--help"], "", 0),
        (["list", "--help"], "", 0),
    ],
)
def test_closed_pipe(words: list[str], state: str, status: int) -> None:
    """The reader has left: no error message, not even from Python's last flush."""
    pipe = subprocess.PIPE
    with start(words, state, stdout=pipe, stderr=pipe) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == status


@pytest.mark.parametrize(
    ("words", "state", "status"),
    [
        (["list"], "", 0),
        (["list"], DAMAGED, 4),
        (["lst"], "", 2),
        (["list", "mode=x"], "", 2),
        (["--help"], "", 0),
    ],
)
def test_nobody_reads_what_went_wrong(
    words: list[str], state: str, status: int
) -> None:
    """The status is that of the error all the same."""
    pipe = subprocess.PIPE
    with start(words, state, stdout=pipe, stderr=pipe) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stderr.close()
        process.stdin.close()
        assert bool(process.stdout.read()) == (status != 2)
        assert process.wait() == status


@pytest.mark.parametrize("words", [["list"], ["--help"]])
def test_a_full_disk(words: list[str]) -> None:
    """One line, and status 1."""
    with (
        open("/dev/full", "wb") as full,
        start(words, "", stdout=full, stderr=subprocess.PIPE) as process,
    ):
        _, err = process.communicate()
        assert err == b"gup_pins: output: No space left on device\n"
        assert process.returncode == 1


@pytest.mark.parametrize(
    ("closed", "status", "lines"),
    [
        ("2>&-", 4, ["# gup_pin pins 1", "pfn=0x1a2b0", "pfn=0x2a2b0"]),
        (">&-", 1, ["gup_pins: stdout is closed"]),
    ],
)
def test_closed_from_the_start(closed: str, status: int, lines: list[str]) -> None:
    """Python has no such stream: no traceback, and no output to a wrong file."""
    command = [sys.executable, str(SCRIPT), DAMAGED, "list", "--no-stacks"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    found = (done.stdout + done.stderr).splitlines()
    assert done.returncode == status and len(found) == len(lines)
    assert all(map(str.startswith, found, lines))
