# SPDX-License-Identifier: LGPL-2.1-or-later
"""The stacks of origins, frame by frame as the kernel's %pS prints them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .depot import Depot, find_layouts
from .errors import Unreadable
from .memory import Memory
from .modules import Modules
from .symbols import SymbolTable
from .unloaded import Unloaded

if TYPE_CHECKING:
    from drgn import Program, Symbol


class Stacks:
    """The stacks of one program."""

    def __init__(
        self,
        prog: Program,
        memory: Memory,
        fault: Callable[[Unreadable], None],
        unloaded: Unloaded,
    ) -> None:
        """Read from prog when the first stack is requested.

        Modules' symbols are read from memory; if they are missing, fault is called.
        Unloaded has the names of code that is gone.
        """
        self._prog = prog
        self._memory = memory
        self._fault = fault
        self._depot: Depot | None = None
        self._kernel: SymbolTable | None = None
        self._modules = Modules(prog, memory, fault)
        self._unloaded = unloaded
        # Frames of a stack by its handle, or the error.
        self._known: dict[int, tuple[str, ...] | Unreadable] = {}
        self._told: set[int] = set()

    def frames(self, handle: int) -> tuple[str, ...]:
        """The frames of a stack, innermost first; raises Unreadable.

        A handle of 0 means that the kernel could not store the stack: no frames.
        """
        if not handle:
            return ()
        known = self._known.get(handle)
        if known is None:
            known = self._known[handle] = self._frames(handle)
        if isinstance(known, Unreadable):
            raise Unreadable(known.what, known.address, known.why)
        return known

    def given(self, handle: int) -> tuple[str, ...]:
        """The frames; none if unreadable, which is reported to fault once a stack."""
        if handle in self._told:
            return ()
        try:
            return self.frames(handle)
        except Unreadable as error:
            self._told.add(handle)
            self._fault(error)
            return ()

    def _frames(self, handle: int) -> tuple[str, ...] | Unreadable:
        """The frames of a stack, or the error."""
        try:
            if self._depot is None:
                self._depot = Depot(self._memory, find_layouts(self._prog), self._pool)
            mark = self._depot.mark(handle)
            return tuple(self.frame(pc, mark) for pc in self._depot.fetch(handle))
        except Unreadable as error:
            return error

    def _pool(self, number: int) -> int:
        """The address of one of the depot's pools; raises Unreadable."""
        from drgn import FaultError  # noqa: PLC0415

        try:
            # An array, or a pointer to one, of unknown length.
            return int(self._prog["stack_pools"][number].value_())
        except FaultError as error:
            raise Unreadable("pool of stacks", error.address) from error
        except (IndexError, OverflowError):
            return 0

    def frame(self, pc: int, mark: int) -> str:
        """A frame of a stack of that mark: gup_pin_frame_text()."""
        text = self.symbolise(pc)
        name = self._unloaded.find(pc, mark)
        return text if name is None else name.now(text) or f"{pc:#x}"

    def symbolise(self, pc: int) -> str:
        """The name of an address in code, in the form of %pS."""
        if self._kernel is None:
            self._kernel = self._load_kernel()
        name = self._kernel.name(pc)
        if name is None:
            name = self._modules.name(pc)
        return name or f"{pc:#x}"

    def _load_kernel(self) -> SymbolTable:
        """The kernel's own symbols, without those outside of its image."""
        from drgn import FaultError  # noqa: PLC0415
        from drgn.helpers.linux.kallsyms import load_vmlinux_kallsyms  # noqa: PLC0415

        prog = self._prog
        try:
            symbols = load_vmlinux_kallsyms(prog)(prog, None, None, False)
        except (FaultError, LookupError, ValueError):
            # Not in the dump: use the ELF file's, which lack some aliases.
            symbols = prog.symbols()
        start, end = prog.symbol("_stext").address, prog.symbol("_end").address
        return SymbolTable(pair for pair in _pairs(symbols) if start <= pair[0] <= end)


def _pairs(symbols: Iterable[Symbol]) -> Iterable[tuple[int, str]]:
    return ((symbol.address, symbol.name) for symbol in symbols)
