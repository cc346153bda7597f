# SPDX-License-Identifier: LGPL-2.1-or-later
"""Variables that only one file of the feature knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drgn import Object, Program


def find_static(prog: Program, name: str, file: str) -> Object:
    """The variable of a file below mm/gup_pin; raises LookupError.

    Its debugging information may name the folder that the file was in before: ccache
    takes what was compiled of equal content.
    """
    try:
        return prog.variable(name, f"gup_pin/{file}")
    except LookupError:
        return prog.variable(name, f"gup_pin/{file.rpartition('/')[2]}")
