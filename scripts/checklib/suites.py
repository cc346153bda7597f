# SPDX-License-Identifier: GPL-2.0
"""Test suites of others, with tracking on exactly as without it."""

from __future__ import annotations

from suiteslib import guests, table

from .built import Built
from .results import Result


def suites(built: Built) -> list[Result]:
    """Test suites of others, with tracking off and on."""
    return guests.run(table.load(), built.version)[1]


def mm_selftests(built: Built) -> list[Result]:
    """The kernel's own programs that pin, which need nothing but the test kernel."""
    return guests.run([s for s in table.load() if s.name == "selftests/mm"], built.version)[1]
