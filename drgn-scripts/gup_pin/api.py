# SPDX-License-Identifier: LGPL-2.1-or-later
"""Functions for scripts and for drgn's prompt.

A function that takes a program also takes what gup_pin_state() returns. Use the state
to learn what could not be read: such things are left out, and counted in the state's
faults.

Numbers are Python's: pfns, counts of pages or pins, times in ns of the kernel's
local_clock(), user addresses. Names are bytes as the kernel has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .check import Finding
from .errors import Unreadable
from .filter import Filter
from .memory import bare_type
from .pin import Item, Pin
from .records import Origin
from .refused import Refusal
from .ring import Hazard
from .runs import Run
from .state import GupPinState, gup_pin_state

if TYPE_CHECKING:
    from typing import TypeAlias

    from drgn import Object, Program

    from .stacks import Stacks

    Source: TypeAlias = Program | GupPinState

# The keys under which a program's cache holds what was found.
_KEY, _STACKS = "gup_pin state", "gup_pin stacks"

# The structures that lead to a stack.
_RECORD = "gup_pin_record"
_WITH_STACK = (_RECORD, "gup_pin_origin")


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
    """Return the filter, given either as one or as its members."""
    if wanted is None:
        return Filter.of(words)
    if words:
        raise TypeError("either a filter or its members")
    return wanted


def for_each_pin(
    prog: Source, wanted: Filter | None = None, **words: Any
) -> Iterator[Run]:
    """The recorded live pins: runs of neighbouring pages that one call pinned.

    These are the lines of the debugfs file pins, in the same order.

    :param prog: program, or its state
    :param wanted: only these; None is all
    :param words: or else the members of a Filter, such as owner=812, mode="w",
        comm="fio", pfn=0x4400 or pfn=(0x4400, 0x44ff)
    :return: runs. Each has all words of its line as properties: mode is "r" or "w",
        comm bytes, task (tgid, pid), dev a dev_t, age_ms in ms, path escaped. pages
        and pins are those of the whole run. first is the Item of its first pages,
        which has the same properties: its Origin (a struct gup_pin_id), the time of the
        call in ns, and its Folio, whose head is at the pfn head.
    :raises GupPinUnavailable: if the feature is not there, was never enabled, or has
        another format
    :raises drgn.FaultError: if the dump lacks even the feature's root
    :raises LookupError: if the debugging information lacks what is needed
    :raises BadFilter: for a word that is not a member, an invalid value of one, or a
        name that the kernel does not have
    """
    return _state(prog).for_each_run(_filter(wanted, words))


def pins_of_page(page: Object) -> list[Item]:
    """The recorded pins on the folio that a page belongs to.

    The kernel counts pins by folio, so the pins on its other pages are included.

    :param page: ``struct page *`` or ``struct folio *``
    :return: items in the order of a walk, with the properties of a run: see
        for_each_pin()
    :raises GupPinUnavailable: as for_each_pin()
    :raises drgn.FaultError: likewise, and if the struct page is not in the dump
    :raises LookupError: likewise
    """
    from drgn import cast  # noqa: PLC0415
    from drgn.helpers.linux.mm import page_to_pfn  # noqa: PLC0415

    state = _state(page.prog_)
    pfn = page_to_pfn(cast("struct page *", page))
    return state.items_of(int(pfn.value_()))


def for_each_record(prog: Source) -> Iterator[tuple[int, Object]]:
    """The records that have live pins: each holds the pins of one call on one block.

    :param prog: program, or its state
    :return: first pfn of the block, and a ``struct gup_pin_record *``, in the order of
        a walk. mask selects the pages, pins is the count on each; time is in ns of
        local_clock(). Records with the same origin and time belong to one call.
    :raises GupPinUnavailable: as for_each_pin()
    :raises drgn.FaultError: likewise
    :raises LookupError: likewise
    """
    return _records(_state(prog))


def _records(state: GupPinState) -> Iterator[tuple[int, Object]]:
    from drgn import Object  # noqa: PLC0415

    for first, block in state.walk.blocks(state.all_shards()):
        for record in block.records:
            yield (
                first,
                Object(state.prog, "struct gup_pin_record *", record.address),
            )


def for_each_origin(prog: Source) -> Iterator[Object]:
    """The recorded origins: which task pinned, where and how.

    :param prog: program, or its state
    :return: ``struct gup_pin_origin *`` objects, in no order, including those without
        live pins. id says which task (tgid and pid in the initial pid namespace),
        where (id.stack: see pin_stack()) and how; acquired minus released is the
        number of live pins.
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
    """The recorded hazards, up to 16 of each kind, by the time of their first event.

    :param prog: program, or its state
    :param wanted: only these; None is all
    :param words: or else the members of a Filter, such as kind="truncate" or
        stake="data"
    :return: hazards, from ``struct gup_pin_hazard_record``. kind is an enum
        gup_pin_hazard_kind; event has the time in ns of local_clock(), the task and
        return addresses; run is the pin, as it was then, with the properties listed
        at for_each_pin(). Both are of the first of count equal hazards. last is the
        time of the last one, reported the number of printed reports, stake an enum
        gup_pin_stake, and indexes the range of folios in the file.
    :raises GupPinUnavailable: as for_each_pin()
    :raises drgn.FaultError: likewise
    :raises LookupError: likewise
    :raises BadFilter: likewise
    """
    return _state(prog).for_each_hazard(_filter(wanted, words))


def for_each_refusal(
    prog: Source, wanted: Filter | None = None, **words: Any
) -> Iterator[Refusal]:
    """The long-term pins that the kernel refused, as in the debugfs file refused.

    :param prog: program, or its state
    :param wanted: only these; None is all
    :param words: or else the members of a Filter, such as why="file"
    :return: refusals with equal origin and error, counted. The address, the page
        and the place in a file are those of the last one; oldest and newest are
        in ns of local_clock().
    :raises GupPinUnavailable: as for_each_pin()
    :raises drgn.FaultError: likewise
    :raises LookupError: likewise
    :raises BadFilter: likewise
    """
    return _state(prog).for_each_refusal(_filter(wanted, words))


def pin_stack(
    pin: Run | Item | Hazard | Refusal | Origin | Object, prog: Source | None = None
) -> tuple[str, ...]:
    """Where a pin was taken.

    :param pin: an object from for_each_pin(), pins_of_page(), for_each_origin(),
        for_each_hazard() or for_each_refusal(); ``struct gup_pin_record`` and
        ``struct gup_pin_origin`` may be given as objects or pointers
    :param prog: program, or its state; needed only for a record made by hand
    :return: return addresses as "function+0xoffset/0xsize [module]", innermost first;
        empty if the kernel could not keep the stack
    :raises TypeError: for an object that is not a pin
    :raises Unreadable: if the stack is not in the dump
    :raises GupPinUnavailable: of an object, as for_each_pin()
    :raises drgn.FaultError: of an object, likewise, and if it is not in the dump itself
    :raises LookupError: of an object, likewise
    """
    if isinstance(pin, Hazard):
        pin = pin.run
    if isinstance(pin, Pin):
        pin = pin.item.origin
    if isinstance(pin, Refusal):
        pin = pin.origin
    if isinstance(pin, Origin):
        return _stacks_of(pin, prog).frames(pin.stack)
    handle = _handle_of(pin)
    return _stacks(pin.prog_ if prog is None else prog).frames(handle)


def _stacks_of(origin: Origin, source: Source | None) -> Stacks:
    """The stack depot that has an origin's stack."""
    if origin.meaning is not None:
        return origin.meaning.stacks
    if source is None:
        raise TypeError("a record that was read from no program needs one")
    return _stacks(source)


def _stacks(source: Source) -> Stacks:
    """The stack depot of a program; cached even for a live one.

    Stacks in the depot never change, and reading all symbols for each stack is slow.
    """
    if isinstance(source, GupPinState):
        return source.stacks
    known: Stacks | None = source.cache.get(_STACKS)
    if known is None:
        known = source.cache[_STACKS] = _state(source).stacks
    return known


def _handle_of(thing: Object) -> int:
    """The stack handle of a record or an origin, or of a pointer to one."""
    from drgn import TypeKind  # noqa: PLC0415

    kind = getattr(thing, "type_", None)
    if kind is not None:
        kind = bare_type(kind)
        if kind.kind == TypeKind.POINTER:
            kind = bare_type(kind.type)
        if kind.kind == TypeKind.STRUCT and kind.tag in _WITH_STACK:
            origin = thing.origin if kind.tag == _RECORD else thing
            return int(origin.id.stack.value_())
    raise TypeError(f"no pin, record or origin: {type(thing).__name__}")


def folio_pin_count(folio: Object) -> tuple[int, bool]:
    """The pins on a folio, recorded or not.

    This needs no CONFIG_DEBUG_GUP_PIN.

    :param folio: ``struct folio *``, or ``struct page *`` for the folio it belongs to
    :return: number of FOLL_PIN references, and whether it is exact. A large folio
        counts them. In a small one each pin adds 1024 references: fewer than 1024
        means no pin, more may also be very many ordinary references.
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
    pinned for write; no longer in its file. Of the last kind, those whose stake is
    harmless by names.is_harmless() of the state are for information.

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
    "for_each_hazard",
    "for_each_inconsistency",
    "for_each_origin",
    "for_each_pin",
    "for_each_record",
    "for_each_refusal",
    "gup_pin_state",
    "pin_stack",
    "pins_of_page",
)
