# SPDX-License-Identifier: LGPL-2.1-or-later
"""A page that shows the pins of a kernel, for any browser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..copies import read_copies
from ..progress import Progress
from ..views import is_harmless
from .collect import collect, pack
from .output import whole_file
from .page import make_page

if TYPE_CHECKING:
    from ..copies.notes import Notes
    from ..state import GupPinState

__all__ = (
    "collect",
    "make_page",
    "pack",
    "title_of",
    "write_copies",
    "write_report",
)


def title_of(data: Mapping[str, Any]) -> str:
    """The title of a page; the kernel's release may be unknown."""
    return f"Pinned pages of Linux {data['kernel'] or ''}".rstrip()


def write_report(state: GupPinState, path: Path, progress: Progress) -> bool:
    """Write the page; return whether the check found something that does harm.

    Raises OSError if it cannot be written, which is tried first, and drgn.FaultError.
    """
    with whole_file(path) as out:
        data: Mapping[str, Any] = collect(state, progress)
        out.write(make_page(title_of(data), data))
    return any(not is_harmless(state.names, each) for each in data["findings"])


def write_copies(folder: Path, path: Path) -> Notes:
    """Write the page of a folder of copies; return what could not be read.

    Raises OSError if the page cannot be written or the folder cannot be read, and
    NoCopies.
    """
    with whole_file(path) as out:
        copies = read_copies(folder)
        data = pack(copies.document(), copies.orphans)
        out.write(make_page(title_of(data), data))
    return copies.notes
