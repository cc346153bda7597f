# SPDX-License-Identifier: LGPL-2.1-or-later
"""Static variables of the feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drgn import Object, Program


def find_static(prog: Program, name: str, file: str) -> Object:
    """The variable of a file below mm/gup_pin; raises LookupError.

    Debugging information may name the folder that the file was in before: ccache
    reuses objects compiled from equal content.
    """
    try:
        return prog.variable(name, f"gup_pin/{file}")
    except LookupError:
        return prog.variable(name, f"gup_pin/{file.rpartition('/')[2]}")
