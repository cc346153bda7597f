# SPDX-License-Identifier: LGPL-2.1-or-later
"""The feature's root in a program, and everything that is found from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import blocks, clock, folio, paths, records, ring, xarray
from .errors import Absence, Faults, GupPinUnavailable, Unreadable
from .format import Names
from .keys import Geometry
from .memory import ProgramMemory
from .runs import Run, make_runs
from .stacks import Stacks
from .walk import Walk

if TYPE_CHECKING:
    from drgn import Object, Program

# GUP_PIN_FORMAT
FORMAT = 3


@dataclass(frozen=True)
class GupPinState:
    """The feature in one program.

    root: the struct gup_pin_root
    names: what modes, terms and pin functions are called
    now: local_clock() when the dump was taken, in ns; see clock.now()
    stacks: the stack depot
    faults: what could not be read so far
    """

    root: Object
    geometry: Geometry
    names: Names
    now: int
    stacks: Stacks
    faults: Faults
    page_shift: int
    _walk: Walk
    _ring: ring.Ring

    def for_each_run(self) -> Iterator[Run]:
        """The lines of the debugfs file pins, in its order."""
        return make_runs(self._walk.items(self._heads()), self.page_shift)

    def for_each_hazard(self) -> Iterator[ring.Hazard]:
        """The records of the debugfs file hazards, in its order."""
        address = self.root.ring.value_()
        return self._ring.hazards(address, self.root.ring.newest.value_())

    def func(self, hazard: ring.Hazard) -> str:
        """The function that a hazard's report names, and where in it."""
        return self.stacks.symbolise(hazard.event.ip).partition("/")[0]

    def event_frames(self, hazard: ring.Hazard) -> tuple[str, ...]:
        """The frames of a hazard's event, innermost first."""
        return tuple(self.stacks.symbolise(pc) for pc in hazard.event.entries)

    def frames(self, handle: int) -> tuple[str, ...]:
        """The frames of a stack, innermost first; none if it is unreadable."""
        try:
            return self.stacks.frames(handle)
        except Unreadable as error:
            self.faults.add(error)
            return ()

    def _heads(self) -> list[int]:
        shards = self.root.index.shards
        return [shards[i].xa.xa_head.value_() for i in range(self.geometry.shards)]


def _find_root(prog: Program) -> Object:
    """The root; raises GupPinUnavailable unless these scripts can read it."""
    # Without debugging information nothing would be found, the feature or not.
    prog.type("struct page")
    try:
        root = prog["gup_pin_root"]
    except KeyError:
        raise GupPinUnavailable(
            Absence.NOT_BUILT,
            "no gup_pin_root: the kernel was built without CONFIG_DEBUG_GUP_PIN",
        ) from None
    number = root.format.value_()
    if number != FORMAT:
        raise GupPinUnavailable(
            Absence.OTHER_FORMAT,
            f"gup_pin_root has format {number}, these scripts read {FORMAT}",
        )
    return root


def _find_names(prog: Program, root: Object) -> Names:
    count = prog.constant("NR_GUP_PIN_APIS").value_()
    kinds = prog.constant("NR_GUP_PIN_HAZARDS").value_()
    return Names(
        write=prog.constant("GUP_PIN_WRITE").value_(),
        long=prog.constant("GUP_PIN_LONG").value_(),
        apis=tuple(root.api_names[i].string_().decode() for i in range(count)),
        hazards=tuple(root.hazard_names[i].string_().decode() for i in range(kinds)),
    )


def gup_pin_state(prog: Program) -> GupPinState:
    """Find the feature in a program; raises GupPinUnavailable, FaultError."""
    from drgn import sizeof  # noqa: PLC0415

    root = _find_root(prog)
    geometry = Geometry(root.shard_bits.value_(), root.block_shift.value_())
    memory, faults = ProgramMemory(prog), Faults()
    page_shift = prog["PAGE_SHIFT"].value_()
    walk = Walk(
        geometry,
        xarray.Walker(memory, xarray.find_node_layout(prog), faults.add),
        blocks.BlockReader(
            memory,
            blocks.find_layouts(prog, geometry.pfns),
            records.Reader(memory, records.find_layouts(prog), faults.add),
            faults.add,
        ),
        folio.FolioReader(
            memory,
            folio.find_layouts(prog),
            sizeof(prog.type("struct page")),
            faults.add,
            paths.PathReader(memory, paths.find_layouts(prog)),
        ),
        page_shift,
    )
    return GupPinState(
        root,
        geometry,
        _find_names(prog, root),
        clock.now(prog, faults.add),
        Stacks(prog),
        faults,
        page_shift,
        walk,
        ring.Ring(memory, ring.find_layouts(prog), faults.add),
    )
