# SPDX-License-Identifier: GPL-2.0
"""Shared by the tests of tools/mm/gup_pin: the program, and files as the kernel writes them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from sample_words import PIN
from vmlib import paths

SOURCE = paths.PROJECT / "tools" / "mm" / "gup_pin.c"
SAMPLE = json.loads((Path(__file__).parent / "sample.json").read_text())
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
SANITIZERS = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# Where vm.mmap_rnd_bits is 32, a program at a random address may lie in their heap.
SANITIZERS += ["-fno-pie", "-no-pie"]
# top with keys.
NCURSES = ["-DGUP_PIN_NCURSES", "-lncursesw"]
PINS, STACKS, HAZARDS = (f"# gup_pin {name} 1" for name in ("pins", "stacks", "hazards"))
# The exit statuses for an invalid command line, and if there is nothing to show.
USAGE = 2
NONE = 5
Words = dict[str, object]
Run = subprocess.CompletedProcess[str]
Tool = Callable[..., Run]


def build(compiler: str, out: Path, *flags: str, libs: Iterable[str] = ()) -> Path:
    """Compile it as documented: one file, from any folder."""
    command: list[str | Path] = [compiler, *WARNINGS, *flags, "-o", out, SOURCE, *libs]
    subprocess.run(command, cwd=out.parent, check=True)
    return out


def line_of(words: Words) -> str:
    """Words as a line, or as a part of one."""
    return " ".join(f"{key}={value}" for key, value in words.items())


def pin(**words: object) -> str:
    """A line of pins; new words go to its end."""
    return line_of(PIN | words)


def stack(frames: Iterable[str], **words: object) -> str:
    """A record of stacks, without its last newline."""
    line: Words = {
        "pins": 16,
        "pages": 16,
        "calls": 1,
        "mode": "w",
        "term": "long",
        "api": "pin_user_pages_fast",
        "oldest_ms": 5203,
        "newest_ms": 203,
        "stack": "0x2b40003",
    }
    return "\n".join([line_of(line | words), *(f" {frame}" for frame in frames), ""])


def write(path: Path, *lines: str) -> Path:
    """A file of lines."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


RXE = ["pin_user_pages_fast+0x1/0x90", "ib_umem_get+0x2/0x3 [ib_uverbs]", "rxe_mr+0x4/0x5 [rxe]"]
URING = ["pin_user_pages_fast+0x1/0x90", "io_pin_pages+0x2/0x3", "do_syscall_64+0x4/0x5"]


MSYNC = ["ext4_bio_write_folio+0x101/0x3d0", "mpage_submit_folio+0x5a/0x70"]


def hazard(
    event: Words | None = None,
    stacks: tuple[Iterable[str], Iterable[str]] = (MSYNC, URING),
    **words: object,
) -> str:
    """A record of hazards, without its last newline; words of the pin or after the pin."""
    first: Words = {"kind": "writeback", "age_ms": 3543, "task": "57/57", "comm": "msync"}
    rest: Words = {
        "func": "ext4_bio_write_folio+0x101",
        "pins_on_folio": 1,
        "path": "/data",
        "count": 12,
        "last_ms": 204,
        "reported": 1,
        "indexes": "0x0-0x3",
        "stake": "data",
    }
    file: Words = {"pages": 1, "pins": 1, "map": "file", "dev": "8:1", "ino": 77}
    whose = PIN | file | {key: value for key, value in words.items() if key in PIN}
    rest |= {key: value for key, value in words.items() if key not in PIN}
    line = " ".join(line_of(part) for part in (first | (event or {}), whose, rest))
    frames = [[f" {frame}" for frame in stack] for stack in stacks]
    return "\n".join([line, "event:", *frames[0], "pin:", *frames[1], ""])


def refused(frames: Iterable[str] = URING, **words: object) -> str:
    """A record of refused, without its last newline."""
    line: Words = {
        "count": 2,
        "err": "EFAULT",
        **{key: PIN[key] for key in ("mode", "term", "api", "owner", "task", "comm")},
        "oldest_ms": 5203,
        "newest_ms": 103,
        "stack": "0x1",
        "why": "file",
        "addr": "0x7f21c0001000",
        "pfn": "0x0",
        "dev": "253:2",
        "ino": 12,
        "index": "0x1",
        "path": "/data",
    }
    return "\n".join([line_of(line | words), *(f" {frame}" for frame in frames), ""])


def words_of(line: str) -> Words:
    """The words of a line as in JSON."""
    words = dict(word.split("=", 1) for word in line.split(" "))
    return {k: int(v) if v.isdigit() else v for k, v in words.items()}


def rows(text: str) -> list[list[str]]:
    """The cells of a table."""
    return [line.split() for line in text.splitlines() if not re.match(r"$|  [a-z]", line)]
