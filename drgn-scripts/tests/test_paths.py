# SPDX-License-Identifier: LGPL-2.1-or-later
"""Paths of mock dentries."""

from __future__ import annotations

import struct

import pytest

from gup_pin.errors import Unreadable
from gup_pin.memory import Field, Record
from gup_pin.paths import Layouts, PathReader
from mock_memory import MockMemory

ALIAS_AT = 16
LAYOUTS = Layouts(
    inode=Record("struct inode", 8, [Field(0, 64)]),
    dentry=Record("struct dentry", 24, [Field(0, 64), Field(64, 64)]),
    alias_at=ALIAS_AT,
)


class Files:
    """Memory with dentries, and a reader."""

    def __init__(self) -> None:
        """Start empty."""
        self.memory = MockMemory()
        self.reader = PathReader(self.memory, LAYOUTS)

    def dentry(self, name: bytes, parent: int | None) -> int:
        """Add a dentry; without a parent it is a root."""
        text = self.memory.put(name + b"\0junk")
        address = self.memory.put(bytes(24))
        up = address if parent is None else parent
        self.memory.pieces[address] = struct.pack("<QQ8x", up, text)
        return address

    def path(self, dentry: int) -> bytes:
        """The path of an inode that has a dentry."""
        alias = dentry + ALIAS_AT if dentry else 0
        return self.reader.path(self.memory.put(struct.pack("<Q", alias)))


def test_path() -> None:
    """It starts at the root of the file system."""
    files = Files()
    root = files.dentry(b"/", None)
    var = files.dentry(b"var", root)
    assert files.path(files.dentry(b"a b", var)) == b"/var/a b"
    assert files.path(var) == b"/var"


def test_root() -> None:
    """The root's name is not part of a path."""
    files = Files()
    assert files.path(files.dentry(b"/", None)) == b""


def test_a_file_system_without_folders() -> None:
    """Each file of a memfd is its own root."""
    files = Files()
    assert files.path(files.dentry(b"memfd:x", None)) == b"/memfd:x"


def test_no_name() -> None:
    """Deleted, or never had one."""
    assert Files().path(0) == b""


@pytest.mark.parametrize("length", [250, 251, 252])
def test_a_long_path_loses_its_front(length: int) -> None:
    """255 bytes are kept, as in the kernel; /dd/ and the name fit, or do not."""
    files = Files()
    root = files.dentry(b"/", None)
    folder = files.dentry(b"dd", root)
    name = b"n" * length
    whole = b"/dd/" + name
    assert files.path(files.dentry(name, folder)) == whole[-255:]


def test_a_ring_of_dentries_ends() -> None:
    """Damage: a parent that is its child's child."""
    files = Files()
    a = files.dentry(b"aaaa", None)
    b = files.dentry(b"bbbb", a)
    _, text = struct.unpack_from("<QQ", files.memory.pieces[a])
    files.memory.pieces[a] = struct.pack("<QQ8x", b, text)
    assert len(files.path(b)) == 255


def test_a_ring_without_names_is_damage() -> None:
    """The path would never become too long."""
    files = Files()
    a = files.dentry(b"", None)
    b = files.dentry(b"", a)
    _, text = struct.unpack_from("<QQ", files.memory.pieces[a])
    files.memory.pieces[a] = struct.pack("<QQ8x", b, text)
    with pytest.raises(Unreadable):
        files.path(b)


def test_not_in_the_dump() -> None:
    """The error is raised."""
    with pytest.raises(Unreadable):
        Files().path(0x9000)
