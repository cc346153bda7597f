# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads whole structures: a drgn object for each member would take minutes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from .errors import Unreadable

if TYPE_CHECKING:
    from drgn import Program, Type

_INTEGERS = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Memory(Protocol):
    """Anything that can read the kernel's memory."""

    def read(self, address: int, size: int, what: str) -> bytes:
        """Read bytes of an object of the kind what; raises Unreadable."""

    def read_string(self, address: int, size: int, what: str) -> bytes:
        """Read bytes up to a 0, at most size of them; raises Unreadable."""


# Small objects lie close together: whole slab pages are read, and this many kept.
_PAGE_BITS = 12
_PAGES_KEPT = 4096


class ProgramMemory:
    """The memory of a drgn program.

    The content of a dump does not change: pages of it are kept, up to 16 MiB.
    """

    def __init__(self, prog: Program) -> None:
        """Read from prog."""
        # Not at the top: all but this class and the finders work without drgn.
        from drgn import FaultError, Object, ProgramFlags  # noqa: PLC0415

        self._prog = prog
        self._fault = FaultError
        self._object = Object
        self.live = ProgramFlags.IS_LIVE in prog.flags
        self._pages: dict[int, bytes | None] = {}

    def read(self, address: int, size: int, what: str) -> bytes:
        """Read bytes of an object of the kind what; raises Unreadable."""
        number, offset = address >> _PAGE_BITS, address & (1 << _PAGE_BITS) - 1
        if offset + size <= 1 << _PAGE_BITS and not self.live:
            try:
                page = self._pages[number]
            except KeyError:
                page = self._page(number)
            if page is not None:
                return page[offset : offset + size]
        return self._read(address, size, what)

    def _page(self, number: int) -> bytes | None:
        """A page, for the cache; None if it cannot be read completely."""
        if len(self._pages) >= _PAGES_KEPT:
            self._pages.clear()
        try:
            page = self._read(number << _PAGE_BITS, 1 << _PAGE_BITS, "")
        except Unreadable:
            page = None
        self._pages[number] = page
        return page

    def _read(self, address: int, size: int, what: str) -> bytes:
        try:
            data: bytes = self._prog.read(address, size)
        except (self._fault, OverflowError, ValueError) as error:
            raise Unreadable(what, address) from error
        return data

    def read_string(self, address: int, size: int, what: str) -> bytes:
        """Read bytes up to a 0, at most size of them; raises Unreadable."""
        try:
            char = self._prog.type("char")
            text = self._object(
                self._prog, self._prog.array_type(char, size), address=address
            )
            data: bytes = text.string_()
        except (self._fault, OverflowError, ValueError) as error:
            raise Unreadable(what, address) from error
        return data


@dataclass(frozen=True)
class Field:
    """Where a member lies in a structure, in bits."""

    bit_offset: int
    bits: int
    signed: bool = False


def _unit(first: int, last: int) -> tuple[int, int]:
    """Offset and width, in bytes, of the aligned integer that contains these bits."""
    for width in _INTEGERS:
        if first // (8 * width) == last // (8 * width):
            return first // (8 * width) * width, width
    raise ValueError(f"no integer has bits {first} to {last}")


def _units(fields: Sequence[Field]) -> list[tuple[int, int]]:
    """The integer to read for each field: the same one for fields that overlap."""
    units = [_unit(f.bit_offset, f.bit_offset + f.bits - 1) for f in fields]
    wide: list[tuple[int, int]] = []
    for unit in sorted(set(units)):
        if wide and unit[0] < sum(wide[-1]):
            start = wide[-1][0]
            wide[-1] = _unit(8 * start, 8 * max(sum(wide[-1]), sum(unit)) - 1)
        else:
            wide.append(unit)
    return [next(w for w in wide if w[0] <= at < sum(w)) for at, _ in units]


class Record:
    """Reads chosen members of a structure as a tuple of integers."""

    def __init__(
        self,
        name: str,
        size: int,
        fields: Sequence[Field],
        little_endian: bool = True,
    ) -> None:
        """Read fields of a structure of that many bytes, called name in faults."""
        self.name = name
        self.size = size
        self._little = little_endian
        units = _units(fields)
        order = sorted(set(units))
        layout = "<" if little_endian else ">"
        end = 0
        for offset, width in order:
            layout += f"{offset - end}x{_INTEGERS[width]}"
            end = offset + width
        self._struct = struct.Struct(layout)
        self._picks = [
            self._pick(field, unit, order.index(unit))
            for field, unit in zip(fields, units, strict=True)
        ]
        # Mostly the members are in order and complete: nothing to select.
        self._plain = all(
            shift == 0 and mask == (1 << 8 * unit[1]) - 1 and not sign and place == turn
            for turn, ((place, shift, mask, sign), unit) in enumerate(
                zip(self._picks, units, strict=True)
            )
        )

    def _pick(
        self, field: Field, unit: tuple[int, int], place: int
    ) -> tuple[int, int, int, int]:
        offset, width = unit
        shift = field.bit_offset - 8 * offset
        if not self._little:
            shift = 8 * width - shift - field.bits
        sign = 1 << (field.bits - 1) if field.signed else 0
        return place, shift, (1 << field.bits) - 1, sign

    def unpack(self, data: bytes, offset: int = 0) -> tuple[int, ...]:
        """The fields, in the order asked for, of the structure at data[offset]."""
        values: tuple[int, ...] = self._struct.unpack_from(data, offset)
        if self._plain:
            return values
        return tuple(
            (((values[place] >> shift) & mask) ^ sign) - sign
            for place, shift, mask, sign in self._picks
        )

    def read(self, memory: Memory, address: int) -> tuple[int, ...]:
        """The fields of the structure at address; raises Unreadable."""
        return self.unpack(memory.read(address, self.size, self.name))

    def chain(
        self, memory: Memory, node: int, node_at: int, end: int = 0
    ) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Address and fields, less the first one, of all structures of a list.

        Node is the first list_head or hlist_node, node_at its offset, and the first
        field its next; end is the list's head, or 0 for a hash chain.
        Raises Unreadable, also for a list that does not end.
        """
        seen: set[int] = set()
        while node != end:
            address = node - node_at
            if address in seen:
                raise Unreadable(self.name, address, "is invalid")
            seen.add(address)
            node, *fields = self.read(memory, address)
            yield address, tuple(fields)


def bare_type(kind: Type) -> Type:
    """A type without its typedefs."""
    from drgn import TypeKind  # noqa: PLC0415

    while kind.kind == TypeKind.TYPEDEF:
        kind = kind.type
    return kind


def is_struct(kind: Type) -> bool:
    """Whether a type is a structure, typedefs resolved."""
    from drgn import TypeKind  # noqa: PLC0415

    return bool(bare_type(kind).kind == TypeKind.STRUCT)


def _resolve(outer: Type, path: str) -> Field:
    """Where a member such as "a.b" of a structure lies."""
    from drgn import TypeKind  # noqa: PLC0415

    offset = 0
    bits = None
    for name in path.split("."):
        member = bare_type(outer).member(name)
        offset += member.bit_offset
        bits = member.bit_field_size
        outer = member.type
    outer = bare_type(outer)
    if outer.kind == TypeKind.ENUM:
        outer = outer.type
    if bits is None:
        size = outer.size
        if size is None:
            raise LookupError(f"member {path} has no size")
        bits = 8 * size
    return Field(offset, bits, outer.kind == TypeKind.INT and outer.is_signed)


def is_little_endian(prog: Program) -> bool:
    """The byte order of a program's memory."""
    from drgn import PlatformFlags  # noqa: PLC0415

    assert prog.platform is not None
    return PlatformFlags.IS_LITTLE_ENDIAN in prog.platform.flags


def find_record(
    prog: Program, name: str, paths: Sequence[str], signed: bool = True
) -> Record:
    """A Record for members of a type of the program; raises LookupError.

    Fields are read as unsigned, which is quicker, if signed is false.
    """
    found = prog.type(name)
    assert found.size is not None
    fields = [_resolve(found, path) for path in paths]
    if not signed:
        fields = [replace(field, signed=False) for field in fields]
    return Record(name, found.size, fields, is_little_endian(prog))


def find_offset(prog: Program, name: str, member: str) -> int:
    """The byte offset of a member in a structure of the program."""
    return int(prog.type(name).member(member).offset)
