# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names of addresses in modules: mirrors find_kallsyms_symbol()."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, find_record
from .symbols import SymbolTable

if TYPE_CHECKING:
    from drgn import Object, Program

_SHN_UNDEF = 0
_KSYM_NAME_LEN = 512

# No module has more: a larger number comes from a page with other content.
_MOST_SYMBOLS = 1 << 22


class Modules:
    """The modules of one program."""

    SYMBOLS = "symbols of a module"

    def __init__(
        self, prog: Program, memory: Memory, fault: Callable[[Unreadable], None]
    ) -> None:
        """Read from memory, that of prog; what is missing is reported to fault."""
        self._prog = prog
        self._memory = memory
        self._fault = fault
        # Keyed by the first address of a region: text, data and so on of one module.
        self._tables: dict[int, SymbolTable] = {}

    def name(self, pc: int) -> str | None:
        """As name+0xoffset/0xsize [module]; None for an address outside of modules."""
        from drgn import FaultError  # noqa: PLC0415
        from drgn.helpers.linux.module import (  # noqa: PLC0415
            address_to_module,
            module_address_regions,
        )

        try:
            module = address_to_module(self._prog, pc)
            if not module:
                return None
            owner = module.name.string_().decode(errors="replace")
            regions = module_address_regions(module)
        except (FaultError, LookupError):
            # A kernel without modules, or one that is not in the dump.
            return None
        for start, size in regions:
            if start <= pc < start + size:
                name = self._table(module, start, start + size).name(pc)
                return f"{name or f'{pc:#x}'} [{owner}]"
        return f"{pc:#x} [{owner}]"

    def _table(self, module: Object, start: int, end: int) -> SymbolTable:
        """The symbols of a region; the last one ends with the region."""
        table = self._tables.get(start)
        if table is None:
            symbols: list[tuple[int, str]] = []
            # AttributeError, LookupError: a kernel without CONFIG_KALLSYMS.
            with suppress(AttributeError, LookupError):
                try:
                    symbols = list(self._symbols(module, start, end))
                except Unreadable as error:
                    self._fault(error)
            table = self._tables[start] = SymbolTable([*symbols, (end, "")])
        return table

    def _symbols(
        self, module: Object, start: int, end: int
    ) -> Iterator[tuple[int, str]]:
        """Address and name of those within a region; raises Unreadable."""
        symtab, count, strtab = self._find(module)
        if count > _MOST_SYMBOLS:
            raise Unreadable(self.SYMBOLS, symtab, "is invalid")
        symbol = find_record(
            self._prog, "struct elf64_sym", ["st_name", "st_shndx", "st_value"]
        )
        data = self._memory.read(symtab, count * symbol.size, self.SYMBOLS)
        # ELF starts real symbols at 1.
        for i in range(1, count):
            name_at, section, address = symbol.unpack(data, i * symbol.size)
            if section == _SHN_UNDEF or not start <= address < end:
                continue
            raw = self._memory.read_string(
                strtab + name_at, _KSYM_NAME_LEN, self.SYMBOLS
            )
            name = raw.decode(errors="replace")
            if name and not _is_mapping(name):
                yield address, name

    def _find(self, module: Object) -> tuple[int, int, int]:
        """Address of the symbols, their number, and address of their names.

        Raises Unreadable.
        """
        from drgn import FaultError  # noqa: PLC0415

        try:
            kallsyms = module.kallsyms
            return (
                kallsyms.symtab.value_(),
                kallsyms.num_symtab.value_(),
                kallsyms.strtab.value_(),
            )
        except FaultError as error:
            raise Unreadable(self.SYMBOLS, error.address) from error


def _is_mapping(name: str) -> bool:
    """Whether a symbol is the assembler's: is_mapping_symbol()."""
    return name.startswith((".L", "L0", "$"))
