# SPDX-License-Identifier: LGPL-2.1-or-later
"""Static variables by their file."""

from __future__ import annotations

from typing import Any

import pytest

from gup_pin.statics import find_static


class MockProgram:
    """A program with a variable in a file."""

    def __init__(self, file: str) -> None:
        """In that file."""
        self._file = file

    def variable(self, name: str, file: str) -> str:
        """Look it up as drgn does: by the last parts of a path."""
        if not f"/{self._file}".endswith(f"/{file}"):
            raise LookupError(file)
        return f"{name} of {self._file}"


@pytest.mark.parametrize("file", ["mm/gup_pin/hazard/proof.c", "mm/gup_pin/proof.c"])
def test_in_its_folder_now_and_before(file: str) -> None:
    """Debugging information may have either."""
    prog: Any = MockProgram(file)
    found: Any = find_static(prog, "proofs", "hazard/proof.c")
    assert found == f"proofs of {file}"


def test_of_another_part_of_the_kernel() -> None:
    """It is not used."""
    prog: Any = MockProgram("mm/memory.c")
    with pytest.raises(LookupError):
        find_static(prog, "bytes", "record/memory.c")
