# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pins that a kernel with CONFIG_DEBUG_GUP_PIN had on record, by drgn."""

from .errors import Absence, Faults, GupPinUnavailable
from .runs import Item, Run
from .state import GupPinState, gup_pin_state

__all__ = (
    "Absence",
    "Faults",
    "GupPinState",
    "GupPinUnavailable",
    "Item",
    "Run",
    "gup_pin_state",
)
