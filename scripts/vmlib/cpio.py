# SPDX-License-Identifier: GPL-2.0
"""Archives in cpio's newc format, which the kernel unpacks as its initial root."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """A file of an archive; its directory must come before it.

    path: without a leading slash; mode: type and permissions, as in stat; device: major and
    minor number.
    """

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def folder(path: str) -> Entry:
    """A directory."""
    return Entry(path, stat.S_IFDIR | 0o755)


def program(path: str, data: bytes) -> Entry:
    """An executable file."""
    return Entry(path, stat.S_IFREG | 0o755, data)


def terminal(path: str, major: int, minor: int) -> Entry:
    """A character device."""
    return Entry(path, stat.S_IFCHR | 0o600, device=(major, minor))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _record(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # inode, mode, uid, gid, links, mtime, size, device of the file, device number of a special
    # file, length of the name, checksum (none)
    numbers = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device)
    fields = b"".join(b"%08x" % n for n in (*numbers, len(name), 0))
    return _padded(_MAGIC + fields + name) + _padded(entry.data)


def archive(entries: Iterable[Entry]) -> bytes:
    """An archive with these files, in this order."""
    whole = [*entries, Entry(_TRAILER, 0)]
    return b"".join(_record(number, entry) for number, entry in enumerate(whole, 1))
