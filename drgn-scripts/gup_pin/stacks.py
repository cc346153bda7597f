# SPDX-License-Identifier: LGPL-2.1-or-later
"""The stacks of origins, frame by frame as the kernel's %pS prints them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory
from .modules import Modules
from .symbols import SymbolTable

if TYPE_CHECKING:
    from drgn import Program, Symbol


class Stacks:
    """The stack depot of one program."""

    WHAT = "stack"

    def __init__(
        self, prog: Program, memory: Memory, fault: Callable[[Unreadable], None]
    ) -> None:
        """Read from prog, but not before the first stack is asked for.

        Modules' symbols are read from memory; if they are not there, fault is told.
        """
        self._prog = prog
        self._kernel: SymbolTable | None = None
        self._modules = Modules(prog, memory, fault)
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
            name = self._modules.name(pc)
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


def _pairs(symbols: Iterable[Symbol]) -> Iterable[tuple[int, str]]:
    return ((symbol.address, symbol.name) for symbol in symbols)
