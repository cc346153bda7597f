# SPDX-License-Identifier: LGPL-2.1-or-later
"""Functions for scripts and for drgn's prompt.

Where a function takes a program, it also takes what gup_pin_state() returns. That is
for those who want to know what could not be read: it is left out, and counted in the
state's faults.

Numbers are Python's: pfns, counts of pages or pins, times in ns of the kernel's
local_clock(), user addresses. Names are bytes as the kernel has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .check import Finding
from .errors import Unreadable
from .filter import Filter
from .ring import Hazard
from .runs import Item, Run
from .state import GupPinState, gup_pin_state

if TYPE_CHECKING:
    from typing import TypeAlias

    from drgn import Object, Program

    Source: TypeAlias = Program | GupPinState

_KEY = "gup_pin state"


def _state(source: Source) -> GupPinState:
    """The state of a program; that of a dump, which never changes, is kept."""
    if isinstance(source, GupPinState):
        return source
    from drgn import ProgramFlags  # noqa: PLC0415

    if ProgramFlags.IS_LIVE in source.flags:
        return gup_pin_state(source)
    known = source.cache.get(_KEY)
    if known is None:
        known = source.cache[_KEY] = gup_pin_state(source)
    assert isinstance(known, GupPinState)
    return known


def _filter(wanted: Filter | None, words: Mapping[str, Any]) -> Filter:
    """What is wanted, which is said in one way."""
    if wanted is None:
        return Filter(**words)
    if words:
        raise TypeError("either a filter or its members")
    return wanted


def for_each_pin(
    prog: Source, wanted: Filter | None = None, **words: Any
) -> Iterator[Run]:
    """The recorded live pins: runs of neighbouring folios that one call pinned.

    These are the lines of the debugfs file pins, in its order.

    :param prog: program, or its state
    :param wanted: only these; None is all
    :param words: or else the members of a Filter, such as owner=812, mode="w",
        comm="fio", pfn=0x4400 or pfn=(0x4400, 0x44ff)
    :return: runs. first is the first folio's Item: its pfn; its Call (a struct
        gup_pin_call) with the Origin (a struct gup_pin_id); the user address; its
        pins; its Folio. pages and pins are those of the whole run.
    :raises GupPinUnavailable: if the feature is not there, was never enabled, or has
        another format
    :raises drgn.FaultError: if the dump lacks even the feature's root
    :raises LookupError: if the debugging information lacks what is needed
    :raises BadFilter: for what is no value of a member, or no pin function of the
        kernel's
    """
    return _state(prog).for_each_run(_filter(wanted, words))


def pins_of_page(page: Object) -> list[Item]:
    """The recorded pins on the folio that a page belongs to.

    The kernel counts pins by folio, so those of its other pages are among them.

    :param page: ``struct page *`` or ``struct folio *``
    :return: an item for each call that has pins on it, oldest first: see
        for_each_pin()
    :raises GupPinUnavailable: as for_each_pin()
    :raises drgn.FaultError: likewise, and if the struct page is not in the dump
    :raises LookupError: likewise
    """
    from drgn import cast  # noqa: PLC0415
    from drgn.helpers.linux.mm import compound_head, page_to_pfn  # noqa: PLC0415

    state = _state(page.prog_)
    head = compound_head(cast("struct page *", page))
    return state.items_of(int(page_to_pfn(head).value_()))


def for_each_call(prog: Source) -> Iterator[Object]:
    """The calls of pin functions that have live pins, each once.

    :param prog: program, or its state
    :return: ``struct gup_pin_call *`` objects, by the first pfn that each has pinned.
        time is in ns of local_clock(), live its recorded pins. Takes memory for each
        call.
    :raises GupPinUnavailable: as for_each_pin()
    :raises drgn.FaultError: likewise
    :raises LookupError: likewise
    """
    return _calls(_state(prog))


def _calls(state: GupPinState) -> Iterator[Object]:
    from drgn import Object  # noqa: PLC0415

    seen: set[int] = set()
    for item in state.for_each_item():
        address = item.call.address
        if address not in seen:
            seen.add(address)
            yield Object(state.prog, "struct gup_pin_call *", address)


def for_each_origin(prog: Source) -> Iterator[Object]:
    """The origins that are remembered: who pinned, where and how.

    :param prog: program, or its state
    :return: ``struct gup_pin_origin *`` objects, in no order, also of such as have no
        live pins now. id says who (tgid and pid as the initial pid namespace has
        them), where (id.stack: see pin_stack()) and how; got less gone are its live
        calls.
    :raises GupPinUnavailable: as for_each_pin()
    :raises drgn.FaultError: likewise
    :raises LookupError: likewise
    """
    return _origins(_state(prog))


def _origins(state: GupPinState) -> Iterator[Object]:
    from drgn import Object  # noqa: PLC0415

    for address, _, _ in state.for_each_origin():
        yield Object(state.prog, "struct gup_pin_origin *", address)


def for_each_hazard(
    prog: Source, wanted: Filter | None = None, **words: Any
) -> Iterator[Hazard]:
    """The newest hazards, up to 128, oldest first.

    :param prog: program, or its state
    :param wanted: only these; None is all
    :param words: or else the members of a Filter
    :return: hazards, from ``struct gup_pin_hazard_record``. kind is an enum
        gup_pin_hazard_kind; event has the time in ns of local_clock(), the task and
        return addresses; run is the pin, as it was then.
    :raises GupPinUnavailable: as for_each_pin()
    :raises drgn.FaultError: likewise
    :raises LookupError: likewise
    :raises BadFilter: likewise
    """
    return _state(prog).for_each_hazard(_filter(wanted, words))


def pin_stack(pin: Run | Item | Object, prog: Source | None = None) -> tuple[str, ...]:
    """Where a pin was taken.

    :param pin: what for_each_pin() or pins_of_page() gave, which need the program, too;
        or a ``struct gup_pin_call *`` or ``struct gup_pin_origin *``
    :param prog: program, or its state
    :return: return addresses as "function+0xoffset/0xsize [module]", innermost first;
        empty if the kernel could not keep the stack
    :raises Unreadable: if it is not in the dump
    """
    if isinstance(pin, Run):
        pin = pin.first
    if isinstance(pin, Item):
        if prog is None:
            raise TypeError("a pin alone does not know its program")
        return _state(prog).stacks.frames(pin.call.origin.stack)
    source = pin.prog_ if prog is None else prog
    is_call = pin.type_.type.type_name() == "struct gup_pin_call"
    origin = pin.origin if is_call else pin
    return _state(source).stacks.frames(int(origin.id.stack.value_()))


def folio_pin_count(folio: Object) -> tuple[int, bool]:
    """The pins on a folio, recorded or not.

    This needs no CONFIG_DEBUG_GUP_PIN.

    :param folio: ``struct folio *``, or ``struct page *``: the folio that it is of
    :return: number of FOLL_PIN references, and whether it is exact. A large folio
        counts them. A small one has 1024 references for each: fewer than 1024 are no
        pin for sure, more may also be very many ordinary ones.
    :raises drgn.FaultError: if its struct page is not in the dump
    """
    from drgn import cast  # noqa: PLC0415
    from drgn.helpers.linux.mm import compound_head  # noqa: PLC0415

    head = compound_head(cast("struct page *", folio))
    folio = cast("struct folio *", head)
    flags = folio.flags
    word = flags.f if hasattr(flags, "f") else flags
    if word.value_() >> folio.prog_.constant("PG_head").value_() & 1:
        return int(folio._pincount.counter.value_()), True
    pins = max(int(folio._refcount.counter.value_()), 0) // 1024
    return pins, pins == 0


def for_each_inconsistency(prog: Source) -> Iterator[Finding]:
    """Folios whose pins do not fit the records, or endanger a file.

    Looks at all struct pages. A folio comes once for each Kind of finding: fewer pins
    than are on record; pins without a record; under writeback, or dirty, while
    pinned for write; no longer in its file.

    :param prog: program, or its state
    :return: findings: the kind; the head's pfn; what the folio is, and what its
        struct page counts; its pins on record
    :raises GupPinUnavailable: as for_each_pin()
    :raises drgn.FaultError: likewise
    :raises LookupError: likewise
    """
    return _state(prog).for_each_finding()


__all__ = (
    "Unreadable",
    "folio_pin_count",
    "for_each_call",
    "for_each_hazard",
    "for_each_inconsistency",
    "for_each_origin",
    "for_each_pin",
    "gup_pin_state",
    "pin_stack",
    "pins_of_page",
)
