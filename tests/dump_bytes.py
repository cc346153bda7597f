# SPDX-License-Identifier: GPL-2.0
"""Changes bytes of a dump where the kernel had something else."""

from __future__ import annotations

import json
import re
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dumps import Dump
from vmlib import paths


def asked(dump: Dump, script: str, *words: str) -> Any:
    """The output of another script on the dump, which prints JSON."""
    command = dump.command(words, dump.file, dump.vmlinux, paths.PROJECT / "tests" / script)
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def physical(dump: Dump, symbol: str) -> int:
    """The physical address of a kernel variable (not relocated: nokaslr)."""
    names = subprocess.run(["nm", dump.vmlinux], capture_output=True, text=True, check=True)
    match = re.search(rf"^([0-9a-f]+) \w {symbol}$", names.stdout, re.MULTILINE)
    assert match
    return int(match[1], 16) - 0xFFFFFFFF80000000


def file_offset(dump: Dump, symbol: str) -> int:
    """The offset of a kernel variable in the dump."""
    return offset_of(dump, physical(dump, symbol))


def offset_of(dump: Dump, physical: int) -> int:
    """The offset of a physical address in the dump."""
    with dump.file.open("rb") as file:
        header = file.read(64)
        start, entry, count = struct.unpack_from("<32xQ14xHH", header)
        for i in range(count):
            file.seek(start + i * entry)
            kind, _, offset, _, base, size = struct.unpack("<IIQQQQ", file.read(40))
            if kind == 1 and base <= physical < base + size:
                return int(offset + physical - base)
    raise AssertionError(f"{physical:#x} is not in the dump")


@contextmanager
def changed(file: Path, offset: int, data: bytes) -> Iterator[None]:
    """Temporarily changes bytes of a file."""
    with file.open("r+b") as handle:
        handle.seek(offset)
        before = handle.read(len(data))
        handle.seek(offset)
        handle.write(data)
    try:
        yield
    finally:
        with file.open("r+b") as handle:
            handle.seek(offset)
            handle.write(before)
