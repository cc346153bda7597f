# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names of addresses."""

import pytest

from gup_pin.symbols import SymbolTable

TABLE = SymbolTable(
    [(0x1000, "_stext"), (0x1000, "first"), (0x1050, "f"), (0x1200, "_end")]
)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0x1000, "_stext+0x0/0x50"),
        (0x104F, "_stext+0x4f/0x50"),
        (0x1071, "f+0x21/0x1b0"),
        (0xFFF, None),
        (0x1200, None),
    ],
)
def test_name(address: int, name: str | None) -> None:
    """The first alias names the address; a symbol extends to the next."""
    assert TABLE.name(address) == name


def test_empty_table() -> None:
    """It has no names."""
    assert SymbolTable([]).name(0x1000) is None
