# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a file is called: mirrors mm/gup_pin/record/name.c."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, Record, find_offset, find_record

if TYPE_CHECKING:
    from drgn import Program

# NAME_MAX, and GUP_PIN_NAME_MAX without the 0 at its end.
_PART_MAX = 255
PATH_MAX = 255


@dataclass(frozen=True)
class Layouts:
    """Where an inode has its dentries, and these their names.

    alias_at: where a dentry has the node that is in its inode's list
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

        Empty if it has no name; what is longer than size loses its front, and with
        it the '/' that others begin with. Raises Unreadable.
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
            # Only the root of a file system that has folders is called so.
            if parent == dentry and part == b"/":
                break
            if not part and parent != dentry:
                # Nothing makes a longer path of it: damage, perhaps a ring.
                raise Unreadable(self.WHAT, dentry, "is none")
            path = b"/" + part + path
        return path[-size:]
