# SPDX-License-Identifier: LGPL-2.1-or-later
"""The recorded pins of a kernel with CONFIG_DEBUG_GUP_PIN, read by drgn."""

from .api import (
    folio_pin_count,
    for_each_hazard,
    for_each_inconsistency,
    for_each_origin,
    for_each_pin,
    for_each_record,
    for_each_refusal,
    pin_stack,
    pins_of_page,
)
from .check import Finding, Kind
from .errors import Absence, Faults, GupPinUnavailable, Unreadable
from .filter import BadFilter, Filter
from .pin import Item
from .refused import Refusal
from .ring import Hazard
from .runs import Run
from .state import GupPinState, gup_pin_state

__all__ = (
    "gup_pin_state",
    "for_each_pin",
    "pins_of_page",
    "for_each_record",
    "for_each_origin",
    "for_each_hazard",
    "for_each_refusal",
    "pin_stack",
    "folio_pin_count",
    "for_each_inconsistency",
    "Absence",
    "BadFilter",
    "Faults",
    "Filter",
    "Finding",
    "GupPinState",
    "GupPinUnavailable",
    "Hazard",
    "Item",
    "Kind",
    "Refusal",
    "Run",
    "Unreadable",
)
