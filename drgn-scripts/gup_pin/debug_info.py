# SPDX-License-Identifier: LGPL-2.1-or-later
"""Why a kernel has no types: vmlinux is missing, or belongs to another kernel."""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from drgn import Program

_DEBUGFS = "/sys/kernel/debug/gup_pin"

_OPTIONS = ("-s", "--symbols", "--extra-symbols")

_ET_REL = 1
_PT_NOTE = 4
_NT_GNU_BUILD_ID = 3


class Kernel(NamedTuple):
    """A value of VMCOREINFO; empty if it is not there."""

    release: str
    build_id: str


def kernel_of(prog: Program) -> Kernel:
    """The kernel in the program; this needs no debugging information."""
    from drgn import FaultError  # noqa: PLC0415

    try:
        info = prog["VMCOREINFO"].string_().decode(errors="replace")
    except (FaultError, LookupError):
        return Kernel("", "")
    return Kernel(_value(info, "OSRELEASE"), _value(info, "BUILD-ID"))


def _value(info: str, key: str) -> str:
    found = re.search(rf"^{key}=(.*)$", info, re.MULTILINE)
    return found[1] if found else ""


def given_files(words: Sequence[str]) -> Iterator[str]:
    """The files that a drgn command line names as debugging symbols."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in _OPTIONS and following:
            yield following
        name, equals, value = word.partition("=")
        if equals and name in _OPTIONS:
            yield value
        elif word.startswith("-s") and len(word) > 2:
            yield word[2:]


def build_id(file: Path) -> str:
    """The build ID of a 64-bit ELF file; empty if it has none.

    Raises OSError, and ValueError for other files and for modules.
    """
    with file.open("rb") as elf:
        head = elf.read(64)
        if len(head) < 64 or head[:5] != b"\x7fELF\x02":
            raise ValueError(f"{file} is not a 64-bit ELF file")
        order = "<" if head[5] == 1 else ">"
        if struct.unpack_from(f"{order}H", head, 16)[0] == _ET_REL:
            raise ValueError(f"{file} is a module, not a vmlinux")
        (table,) = struct.unpack_from(f"{order}Q", head, 32)
        size, count = struct.unpack_from(f"{order}HH", head, 54)
        for turn in range(count):
            elf.seek(table + turn * size)
            entry = elf.read(56)
            if len(entry) < 56:
                break
            kind, _, at, _, _, length = struct.unpack_from(f"{order}IIQQQQ", entry)
            if kind == _PT_NOTE:
                elf.seek(at)
                found = _find_note(elf.read(min(length, 1 << 20)), order)
                if found:
                    return found
    return ""


def _find_note(notes: bytes, order: str) -> str:
    """The build ID among the notes of a segment; empty if it is not there."""
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from(f"{order}III", notes, at)
        name_at = at + 12
        data_at = name_at + (name_size + 3 & ~3)
        if kind == _NT_GNU_BUILD_ID and notes[name_at : name_at + 4] == b"GNU\0":
            return notes[data_at : data_at + size].hex()
        at = data_at + (size + 3 & ~3)
    return ""


def _describe(file: str, wanted: str) -> str:
    """What is wrong with a given file."""
    try:
        found = build_id(Path(file))
    except OSError as error:
        return f"{file}: {error.strerror}"
    except ValueError as error:
        return str(error)
    if not found:
        return f"{file} has no build ID"
    if found == wanted:
        return f"{file} is its vmlinux, but has no debugging information"
    return f"{file} is of another kernel, with build ID {found}"


def why_no_types(prog: Program) -> str:
    """One line: which kernel's vmlinux is needed, and which was given."""
    from drgn import ProgramFlags  # noqa: PLC0415

    kernel = kernel_of(prog)
    name = f"Linux {kernel.release}" if kernel.release else "this kernel"
    if kernel.build_id:
        name += f" with build ID {kernel.build_id}"
    given = [_describe(file, kernel.build_id) for file in given_files(sys.orig_argv)]
    end = "; ".join(given) or "give its vmlinux with drgn's option -s"
    if ProgramFlags.IS_LIVE in prog.flags:
        end += f"; without: gup_pins.py report --from {_DEBUGFS}"
    return f"no debugging information of {name}: {end}"
