# SPDX-License-Identifier: LGPL-2.1-or-later
"""The path of a file: mirrors mm/gup_pin/record/name.c."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, Record, find_offset, find_record

if TYPE_CHECKING:
    from drgn import Program

# NAME_MAX, and GUP_PIN_NAME_MAX without the terminating 0.
_PART_MAX = 255
PATH_MAX = 255


@dataclass(frozen=True)
class Layouts:
    """The layout of an inode's dentries and their names.

    alias_at: offset in a dentry of the node that links it into its inode's list
    """

    inode: Record
    dentry: Record
    alias_at: int


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    dentry = prog.type("struct dentry")
    if dentry.has_member("d_alias"):
        alias_at = find_offset(prog, "struct dentry", "d_alias")
    else:
        alias_at = dentry.member("d_u").offset
    return Layouts(
        inode=find_record(prog, "struct inode", ["i_dentry.first"]),
        dentry=find_record(prog, "struct dentry", ["d_parent", "d_name.name"]),
        alias_at=alias_at,
    )


class PathReader:
    """Reads paths in one program."""

    WHAT = "name of a file"

    def __init__(self, memory: Memory, layouts: Layouts) -> None:
        """Read from memory."""
        self._memory = memory
        self._layouts = layouts

    def path(self, inode: int, size: int = PATH_MAX) -> bytes:
        """One of the paths of an inode below the root of its file system.

        Empty if it has no name; a path longer than size loses its front, including
        the leading '/'. Raises Unreadable.
        """
        layouts = self._layouts
        (alias,) = layouts.inode.read(self._memory, inode)
        if not alias:
            return b""
        path = b""
        parent = alias - layouts.alias_at
        dentry = 0
        while parent != dentry and len(path) <= size:
            dentry = parent
            parent, name = layouts.dentry.read(self._memory, dentry)
            part = self._memory.read_string(name, _PART_MAX, self.WHAT)
            # Only the root of a file system with folders has this name.
            if parent == dentry and part == b"/":
                break
            if not part and parent != dentry:
                # An empty name does not make the path longer: damage, perhaps a loop.
                raise Unreadable(self.WHAT, dentry, "is invalid")
            path = b"/" + part + path
        return path[-size:]
