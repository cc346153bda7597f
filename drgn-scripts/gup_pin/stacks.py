# SPDX-License-Identifier: LGPL-2.1-or-later
"""The stacks of origins, frame by frame as the kernel's %pS prints them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .errors import Unreadable

if TYPE_CHECKING:
    from drgn import Program, Symbol


class SymbolTable:
    """Names addresses as kallsyms does.

    A symbol reaches to the next one, the padding between them included, and of
    several at one address the first in kallsyms' order has it. ELF sizes leave
    the padding out, so drgn's own look-up would say /0x47 for a %pS of /0x50.
    """

    def __init__(self, symbols: Iterable[tuple[int, str]]) -> None:
        """Take (address, name) of all symbols, in kallsyms' order."""
        first: dict[int, str] = {}
        for address, name in symbols:
            first.setdefault(address, name)
        self._addresses = sorted(first)
        self._names = [first[address] for address in self._addresses]

    def name(self, address: int) -> str | None:
        """As name+0xoffset/0xsize; None for what lies outside of all symbols."""
        i = bisect_right(self._addresses, address)
        if not 0 < i < len(self._addresses):
            return None
        start, end = self._addresses[i - 1 : i + 1]
        return f"{self._names[i - 1]}+{address - start:#x}/{end - start:#x}"


class Stacks:
    """The stack depot of one program."""

    WHAT = "stack"

    def __init__(self, prog: Program) -> None:
        """Read from prog, but not before the first stack is asked for."""
        self._prog = prog
        self._kernel: SymbolTable | None = None
        self._modules: SymbolTable | None = None
        self._known: dict[int, tuple[str, ...]] = {}

    def frames(self, handle: int) -> tuple[str, ...]:
        """The frames of a stack, innermost first; raises Unreadable.

        A handle of 0 means that the stack could not be kept: no frames.
        """
        known = self._known.get(handle)
        if known is None:
            known = tuple(self.symbolise(pc) for pc in self._fetch(handle))
            self._known[handle] = known
        return known

    def _fetch(self, handle: int) -> list[int]:
        """The return addresses of a stack: stack_depot_fetch()."""
        from drgn import FaultError, Object  # noqa: PLC0415
        from drgn.helpers.linux.stackdepot import stack_depot_fetch  # noqa: PLC0415

        if not handle:
            return []
        try:
            trace = stack_depot_fetch(
                Object(self._prog, "depot_stack_handle_t", handle)
            )
        except FaultError as error:
            raise Unreadable(self.WHAT, handle) from error
        except (OverflowError, ValueError, LookupError) as error:
            raise Unreadable(self.WHAT, handle, "is none") from error
        if trace is None:
            raise Unreadable(self.WHAT, handle, "is none")
        # drgn makes further frames of what was inlined; the depot knows none.
        return [frame.pc for frame in trace if not frame.is_inline]

    def symbolise(self, pc: int) -> str:
        """The name of an address in code, as %pS has it."""
        if self._kernel is None:
            self._kernel = self._load_kernel()
        name = self._kernel.name(pc)
        if name is None:
            name = self._in_module(pc)
        return name or f"{pc:#x}"

    def _load_kernel(self) -> SymbolTable:
        """The kernel's own symbols, without what lies outside of its image."""
        from drgn import FaultError  # noqa: PLC0415
        from drgn.helpers.linux.kallsyms import load_vmlinux_kallsyms  # noqa: PLC0415

        prog = self._prog
        try:
            symbols = load_vmlinux_kallsyms(prog)(prog, None, None, False)
        except (FaultError, LookupError, ValueError):
            # Not in the dump: the ELF file's will do, but for some aliases.
            symbols = prog.symbols()
        start, end = prog.symbol("_stext").address, prog.symbol("_end").address
        return SymbolTable(pair for pair in _pairs(symbols) if start <= pair[0] <= end)

    def _in_module(self, pc: int) -> str | None:
        """The name of an address in a module, and which."""
        from drgn import FaultError  # noqa: PLC0415
        from drgn.helpers.linux.kallsyms import load_module_kallsyms  # noqa: PLC0415
        from drgn.helpers.linux.module import address_to_module  # noqa: PLC0415

        prog = self._prog
        try:
            module = address_to_module(prog, pc)
            if not module:
                return None
            if self._modules is None:
                symbols = load_module_kallsyms(prog)(prog, None, None, False)
                self._modules = SymbolTable(_pairs(symbols))
            owner = module.name.string_().decode(errors="replace")
        except (FaultError, LookupError):
            # A kernel without modules, or without their symbols in the dump.
            return None
        return f"{self._modules.name(pc)} [{owner}]"


def _pairs(symbols: Iterable[Symbol]) -> Iterable[tuple[int, str]]:
    return ((symbol.address, symbol.name) for symbol in symbols)
