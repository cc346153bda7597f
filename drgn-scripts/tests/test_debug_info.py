# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which vmlinux is needed, and which was given."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gup_pin.debug_info import build_id, given_files, kernel_of, why_no_types
from mock_command import mock_drgn

ID = bytes(range(20))
OTHER = bytes(20)


def note(name: bytes, kind: int, data: bytes) -> bytes:
    """An ELF note."""
    head = struct.pack("<III", len(name), len(data), kind)
    return head + name.ljust(-(-len(name) // 4) * 4, b"\0") + data.ljust(
        -(-len(data) // 4) * 4, b"\0"
    )


def elf(*notes: bytes, entries: int = 2) -> bytes:
    """An ELF file with these notes, behind a segment of another kind."""
    data = b"".join(notes)
    at = 64 + 56 * entries
    head = b"\x7fELF\x02\x01".ljust(32, b"\0") + struct.pack("<Q", 64)
    head = head.ljust(54, b"\0") + struct.pack("<HH", 56, entries)
    load = struct.pack("<IIQQQQ", 1, 0, 0, 0, 0, 64).ljust(56, b"\0")
    mine = struct.pack("<IIQQQQ", 4, 0, at, 0, 0, len(data)).ljust(56, b"\0")
    return (head.ljust(64, b"\0") + load * (entries - 1) + mine)[:at] + data


XEN = note(b"Xen\0", 3, b"1234")
GNU = note(b"GNU\0", 3, ID)
MODULE = elf(GNU).replace(b"\x02\x01" + bytes(10), b"\x02\x01" + bytes(10) + b"\x01", 1)
ANOTHERS = elf(note(b"GNU\0", 3, OTHER))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (elf(GNU), ID.hex()),
        (elf(note(b"Linux\0", 1, b"x"), XEN, GNU), ID.hex()),
        (elf(XEN), ""),
        (elf(), ""),
        # Truncated: in the notes, in the program headers.
        (elf(XEN, GNU)[:190], ""),
        (elf(GNU)[:100], ""),
    ],
)
def test_build_id(tmp_path: Path, data: bytes, found: str) -> None:
    """The GNU build ID; none for a truncated file."""
    file = tmp_path / "vmlinux"
    file.write_bytes(data)
    assert build_id(file) == found


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"\x7fELF\x01" + bytes(100)])
def test_no_elf_file(tmp_path: Path, data: bytes) -> None:
    """It raises an error."""
    file = tmp_path / "vmlinux"
    file.write_bytes(data)
    with pytest.raises(ValueError, match="is not a 64-bit ELF file"):
        build_id(file)


def test_given_files() -> None:
    """All options of drgn that name files."""
    words = ["drgn", "-c", "d", "-s", "a", "-sb", "--symbols", "c", "--symbols=d", "-s"]
    assert list(given_files(words)) == ["a", "b", "c", "d"]


class MockProgram(dict[str, Any]):
    """A dump, or a live kernel."""

    flags: frozenset[str] = frozenset()


def program(text: bytes | None) -> Any:
    """A program with that VMCOREINFO."""
    if text is None:
        return MockProgram()
    return MockProgram(VMCOREINFO=SimpleNamespace(string_=lambda: text))


@pytest.fixture(autouse=True)
def _mocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests need no drgn."""
    drgn = mock_drgn()
    vars(drgn).update(ProgramFlags=SimpleNamespace(IS_LIVE="live"))
    monkeypatch.setitem(sys.modules, "drgn", drgn)


@pytest.mark.parametrize(
    ("text", "release", "found"),
    [
        (b"OSRELEASE=6.12.0\nBUILD-ID=ab\nCRASHTIME=1\n", "6.12.0", "ab"),
        (b"OSRELEASE=6.12.0\n", "6.12.0", ""),
        (None, "", ""),
    ],
)
def test_kernel_of(text: bytes | None, release: str, found: str) -> None:
    """Release and build ID from VMCOREINFO."""
    assert kernel_of(program(text)) == (release, found)


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (ANOTHERS, f"is of another kernel, with build ID {OTHER.hex()}"),
        (elf(GNU), "is its vmlinux, but has no debugging information"),
        (elf(), "has no build ID"),
        (b"x", "is not a 64-bit ELF file"),
        (MODULE, "is a module, not a vmlinux"),
        (None, "No such file or directory"),
    ],
)
def test_a_vmlinux_that_does_not_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: bytes | None, end: str
) -> None:
    """Both kernels are named."""
    file = tmp_path / "vmlinux"
    if data is not None:
        file.write_bytes(data)
    words = ["drgn", "-c", "d", "-s", str(file), "gup_pins.py"]
    monkeypatch.setattr(sys, "orig_argv", words)
    info = f"OSRELEASE=6.12.0\nBUILD-ID={ID.hex()}\n".encode()
    why = why_no_types(program(info))
    assert why.startswith(
        f"no debugging information of Linux 6.12.0 with build ID {ID.hex()}: {file}"
    )
    assert why.endswith(end)


def test_no_vmlinux_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message shows the option; on a live kernel, also a way without it."""
    monkeypatch.setattr(sys, "orig_argv", ["drgn", "-c", "d", "gup_pins.py"])
    kernel = "no debugging information of this kernel"
    why = f"{kernel}: give its vmlinux with drgn's option -s"
    prog = program(None)
    assert why_no_types(prog) == why
    prog.flags = {"live"}
    without = "gup_pins.py report --from /sys/kernel/debug/gup_pin"
    assert why_no_types(prog) == f"{why}; without: {without}"
