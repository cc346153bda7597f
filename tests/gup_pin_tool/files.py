# SPDX-License-Identifier: GPL-2.0
"""What the tests of tools/mm/gup_pin share: the program, and files as the kernel writes them."""

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
PINS, STACKS = "# gup_pin pins 1", "# gup_pin stacks 1"
Words = dict[str, object]
Run = subprocess.CompletedProcess[str]
Tool = Callable[..., Run]


def build(compiler: str, out: Path, *flags: str) -> Path:
    """Compile it as it is documented: one file, and in whatever folder one is."""
    command: list[str | Path] = [compiler, *WARNINGS, *flags, "-o", out, SOURCE]
    subprocess.run(command, cwd=out.parent, check=True)
    return out


def pin(**words: object) -> str:
    """A line of pins; words that are not in it go to its end."""
    return " ".join(f"{key}={value}" for key, value in (PIN | words).items())


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
    head = " ".join(f"{key}={value}" for key, value in (line | words).items())
    return "\n".join([head, *(f" {frame}" for frame in frames), ""])


def write(path: Path, *lines: str) -> Path:
    """A file of lines."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


RXE = ["pin_user_pages_fast+0x1/0x90", "ib_umem_get+0x2/0x3 [ib_uverbs]", "rxe_mr+0x4/0x5 [rxe]"]
URING = ["pin_user_pages_fast+0x1/0x90", "io_pin_pages+0x2/0x3", "do_syscall_64+0x4/0x5"]


def words_of(line: str) -> Words:
    """The words of a line as JSON has them."""
    words = dict(word.split("=", 1) for word in line.split(" "))
    return {k: int(v) if v.isdigit() else v for k, v in words.items()}


def rows(text: str) -> list[list[str]]:
    """The cells of a table."""
    return [line.split() for line in text.splitlines() if not re.match(r"$|  [a-z]", line)]
