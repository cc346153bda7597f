# SPDX-License-Identifier: LGPL-2.1-or-later
"""The feature's root in a program, and everything that is reached from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from . import (
    blocks,
    clock,
    folio,
    memmap,
    origins,
    paths,
    records,
    refused,
    ring,
    totals,
    unloaded,
    xarray,
)
from .check import Checker, FileCheck, Finding, Heads, find_flags
from .debug_info import why_no_types
from .errors import Absence, Faults, GupPinUnavailable, NoDebugInfo, Unreadable
from .filter import Filter
from .keys import Geometry
from .left import Stakes, Verdicts
from .meaning import ENDED, Meaning, Names
from .memmap import Memmap
from .memory import ProgramMemory, find_record
from .orphans import Orphans
from .page import Page, Process, find_processes, mapcount_of
from .physical import Physical, find_physical
from .pin import Item
from .records import Origin
from .runs import Run, make_runs
from .sections import find_sections
from .shards import SHARD, Shard, Shards
from .shards import find_layouts as find_shard_layouts
from .stacks import Stacks
from .sums import Sum, sum_up
from .tasks import Tasks, find_tasks, find_these
from .unchecked import Unchecked
from .unloaded import Unloaded
from .walk import Walk, by_folio

if TYPE_CHECKING:
    from drgn import Object, Program

# GUP_PIN_FORMAT
FORMAT = 6


@dataclass(frozen=True)
class GupPinState:
    """The feature in one program.

    root: the struct gup_pin_root
    names: of modes, terms and pin functions
    now: local_clock() when the dump was taken, in ns; see clock.now(); None if unknown
    stacks: the stack depot
    faults: what could not be read so far
    """

    root: Object
    geometry: Geometry
    names: Names
    now: int | None
    stacks: Stacks
    faults: Faults
    page_shift: int
    walk: Walk
    memory: ProgramMemory
    shards: Shards
    pages: Memmap
    folios: folio.FolioReader
    _ring: ring.Ring
    _origins: origins.Origins

    @property
    def prog(self) -> Program:
        """The program."""
        return self.root.prog_

    @property
    def release(self) -> str:
        """The kernel's release, as uname -r; empty if the dump does not have it."""
        try:
            return str(self.prog["UTS_RELEASE"].string_().decode(errors="replace"))
        except LookupError:
            return ""

    @property
    def live(self) -> bool:
        """Whether it is a running kernel."""
        from drgn import ProgramFlags  # noqa: PLC0415

        return ProgramFlags.IS_LIVE in self.prog.flags

    @property
    def enabled(self) -> bool:
        """Whether pins were being recorded."""
        return bool(self.root.index.recording.value_())

    @property
    def since_boot(self) -> bool:
        """Whether all pins since boot were recorded, unless memory was short."""
        return bool(self.root.index.complete.value_())

    def watch(self, tell: Callable[[int, int], None]) -> None:
        """Call tell with the progress of each walk of all records: pins done, total."""
        self.walk.watch(tell, lambda: self.recorded() or 0)

    def for_each_item(self, wanted: Filter | None = None) -> Iterator[Item]:
        """All pins, by ascending blocks; in a block the oldest first."""
        if not wanted:
            return self.walk.items(self.all_shards())
        wanted.check_part("list")
        wanted.check_names(self.names)
        items = self.walk.items(self.all_shards(), *wanted.blocks())
        names, now = self.names, self.now
        items = (item for item in items if wanted.wants_item(item, names, now))
        return wanted.of_module(items, lambda item: [self._frames_of(item)])

    def _frames_of(self, item: Item) -> tuple[str, ...]:
        return self.frames(item.origin.stack)

    def items_of(self, pfn: int) -> list[Item]:
        """The pins on the folio that contains a page."""
        try:
            return self.walk.folio(self.all_shards(), pfn)
        except Unreadable as error:
            self.faults.add(error)
            return []

    def for_each_folio(self) -> Iterator[list[Item]]:
        """The pins on each folio that has any, by ascending pfn."""
        return by_folio(self.for_each_item(), self.geometry.pfns)

    def for_each_run(self, wanted: Filter | None = None) -> Iterator[Run]:
        """The lines of the debugfs file pins, in the same order."""
        return make_runs(self.for_each_item(wanted), self.page_shift)

    def for_each_orphan(self, wanted: Filter | None = None) -> Iterator[Run]:
        """The lines of the debugfs file orphans."""
        only: tuple[str, ...] = ENDED
        if wanted is not None and wanted.gone is not None:
            only, wanted = (wanted.gone,), replace(wanted, gone=None)
        runs, orphans = self.for_each_run(wanted), self.orphans()
        return (
            replace(run, gone=gone)
            for run in runs
            if (gone := orphans.gone(run.first)) in only
        )

    def for_each_origin(self) -> Iterator[tuple[int, Origin, origins.Counts]]:
        """Address, identity and counters of all origins, even those without pins."""
        return self._origins.all(self.root.address_of_().value_())

    def sums(self) -> list[Sum]:
        """The records of the debugfs file stacks, in the same order."""
        return sum_up(self.walk.shares(self.all_shards()), self.for_each_origin())

    def stats(self) -> dict[str, int | None]:
        """The lines of the debugfs file stats, in its order; None: not readable."""
        figures: totals.Totals | None = None
        try:
            figures = self.shards.totals()
        except Unreadable as error:
            self.faults.add(error)
        return totals.find_stats(
            self.prog,
            self.root,
            figures,
            self._live(),
            self.names.hazards,
            self.faults.add,
        )

    def recorded(self) -> int | None:
        """The number of pins on record; None if not readable."""
        try:
            figures = self.shards.totals()
        except Unreadable:
            return None
        return max(figures.acquired - figures.released, 0)

    def earlier(self) -> int:
        """The number of pins taken before tracking was on, which have no record."""
        return int(self.root.index.earlier.pins.value_())

    def has_task(self, pid: int) -> bool:
        """False if there is no such task; true also if that is not readable."""
        from drgn import FaultError  # noqa: PLC0415
        from drgn.helpers.linux.pid import find_task  # noqa: PLC0415

        try:
            return bool(find_task(self.prog, pid))
        except FaultError:
            return True

    def _live(self) -> totals.Live:
        folios, last, known = 0, -1, True
        calls: set[int] = set()
        before, of_folios = self.faults.total, 0
        for first, block in self.walk.blocks(self.all_shards()):
            calls.update(record.call for record in block.records)
            met = self.faults.total
            for head, found in self.walk.places(first, block.used).values():
                folios += head != last
                last = head
                known = known and found.order is not None
            of_folios += self.faults.total - met
        is_whole = self.walk.is_complete and self.faults.total == before + of_folios
        before = self.faults.total
        origins = sum(counts.pins > 0 for _, _, counts in self.for_each_origin())
        return totals.Live(
            folios if known and is_whole else None,
            len(calls) if is_whole else None,
            origins if self.faults.total == before else None,
        )

    def tasks(self) -> Tasks:
        """The tasks of the program."""
        return find_tasks(self.prog, self.now, self.faults.add, self.live)

    def orphans(self) -> Orphans:
        """Finds the pins that are orphans."""
        tasks = self.tasks()
        if not self.live:
            return Orphans(tasks)

        def again(pids: set[int]) -> Tasks:
            return find_these(self.prog, pids, tasks.clocks, self.faults.add)

        return Orphans(tasks, again, self.still_held)

    def still_held(self, item: Item) -> bool:
        """Whether a pin is on record now: gup_pin_still_held()."""
        return any(
            now.pfn <= item.pfn < now.pfn + (now.pages or 1)
            and (now.time, now.origin) == (item.time, item.origin)
            for now in self.items_of(item.pfn)
        )

    def for_each_finding(
        self,
        progress: Callable[[int, int], None] = lambda done, total: None,
        unchecked: Unchecked | None = None,
    ) -> Iterator[Finding]:
        """What is wrong with folios: first those with pins on record, then others.

        Progress is called with the struct pages checked so far, and their total. On a
        live kernel, findings that a second look does not confirm are left out.
        Unchecked is what could not be checked, in the end.
        """
        unchecked = Unchecked() if unchecked is None else unchecked
        checker = self._checker()
        heads = Heads()
        folios = heads.noted(self.for_each_folio())
        for finding in checker.recorded(folios, unchecked):
            if not self.live or self._still(checker, finding):
                yield finding
        unchecked.miss_pins(self._missing())
        suspects = self._suspects(progress, unchecked)
        for finding in checker.unrecorded(suspects, heads.has):
            if not self.live or self._still_unrecorded(finding):
                yield finding

    def _checker(self) -> Checker:
        prog = self.prog
        head = find_record(prog, "struct address_space", ["i_pages.xa_head"])
        files = FileCheck(
            self.walk.walker,
            lambda mapping: head.read(self.memory, mapping)[0],
            self.pages.address,
            self.faults.add,
        )
        flags = find_flags(prog, self.names.write)
        stakes = self._stakes()
        return Checker(self.pages, self.folios, files, stakes, flags, self.faults.add)

    def _stakes(self) -> Stakes:
        from drgn import FaultError  # noqa: PLC0415

        kind = self.prog.constant("GUP_PIN_HAZARD_TRUNCATE").value_()

        def counted() -> int:
            try:
                return int(self.root.hazards[kind].counter.value_())
            except FaultError as error:
                self.faults.add(Unreadable("number of hazards", error.address))
                return -1

        verdicts = Verdicts(
            lambda: (each for each in self.for_each_hazard() if each.kind == kind),
            counted,
            self.names.reported,
            self.page_shift,
            self.live,
        )
        data, read = (
            self.prog.constant(f"GUP_PIN_STAKE_{name}").value_()
            for name in ("DATA", "READ")
        )
        return Stakes(self.names, data, read, verdicts.stake)

    def _missing(self) -> int | None:
        """The pins on record that a walk has not found; None if shards are missing."""
        if self.faults.count(SHARD):
            return None
        return self.faults.count(Walk.WHAT)

    def _suspects(
        self, progress: Callable[[int, int], None], unchecked: Unchecked
    ) -> Iterator[tuple[int, memmap.Counts]]:
        sections = find_sections(self.prog, self.faults.add)
        if not sections:
            unchecked.miss_pages(None)
        total, done = sum(count for _, count in sections), 0
        for first, count in sections:
            progress(done, total)
            yield from self.pages.suspects(first, count, unchecked.miss_pages)
            done += count
        progress(done, total)

    def _still(self, checker: Checker, finding: Finding) -> bool:
        items = self.items_of(finding.pfn)
        again = checker.recorded([items] if items else [])
        return any(new.kind == finding.kind for new in again)

    def _still_unrecorded(self, finding: Finding) -> bool:
        try:
            counts = self.pages.counts(finding.pfn)
        except Unreadable:
            return False
        if self.items_of(finding.pfn):
            return False
        return not counts.tail and counts.pin_count()[0] > 0

    def page(self, number: int) -> Page:
        """The page with that pfn, or whose struct page is at that address.

        Raises NoSuchPage if there is none, Unreadable if it is not in the dump.
        """
        pages = self.pages
        asked = pages.pfn(number, lambda: find_sections(self.prog, self.faults.add))
        address = pages.address(asked)
        pfn = pages.head(asked)
        counts = pages.counts(pfn)
        _, folio = self.folios.of_page(pfn)
        mapcount = mapcount_of(self.prog, pfn, counts, self.faults.add)
        return Page(asked, address, pfn, folio, counts, mapcount)

    def processes(self, page: Page) -> Iterator[Process]:
        """The processes that have a page mapped."""
        return find_processes(self.prog, page, self.page_shift, self.faults.add)

    def physical(self) -> Physical:
        """Zones and memory blocks, with the pins in them."""

        def is_long(item: Item) -> bool:
            return item.origin.term == self.names.long

        return find_physical(self.prog, self.for_each_folio(), is_long, self.faults.add)

    def all_shards(self) -> list[Shard]:
        """The shards of the index; none if they cannot be read."""
        try:
            return self.shards.all()
        except Unreadable as error:
            self.faults.add(error)
            return []

    def for_each_hazard(self, wanted: Filter | None = None) -> Iterator[ring.Hazard]:
        """The records of the debugfs file hazards, in the same order."""
        from drgn import FaultError  # noqa: PLC0415

        try:
            address = self.root.ring.value_()
        except FaultError as error:
            self.faults.add(Unreadable("ring of hazards", error.address))
            return iter(())
        hazards = self._ring.hazards(address)
        if not wanted:
            return hazards
        wanted.check_part("hazards")
        wanted.check_names(self.names)
        names, now = self.names, self.now
        hazards = (each for each in hazards if wanted.wants_hazard(each, names, now))
        return wanted.of_module(hazards, self._stacks_of)

    def for_each_refusal(
        self, wanted: Filter | None = None
    ) -> Iterator[refused.Refusal]:
        """The records of the debugfs file refused, in the same order.

        Raises LookupError if the debugging information lacks them.
        """
        from drgn import FaultError  # noqa: PLC0415

        if wanted:
            wanted.check_part("refused")
            wanted.check_names(self.names)
        reader = refused.Refusals(
            self.memory,
            refused.find_layouts(self.prog),
            self.faults.add,
            Meaning(self.names, self.now, self.stacks),
        )
        try:
            refusals = reader.all(*refused.find_list(self.prog))
        except FaultError as error:
            self.faults.add(Unreadable("list of refusals", error.address))
            return iter(())
        if not wanted:
            return refusals
        names = self.names
        refusals = (each for each in refusals if wanted.wants_refusal(each, names))
        return wanted.of_module(
            refusals, lambda each: [self.frames(each.origin.stack)]
        )

    def refusals(self) -> int:
        """The number of records of refusals."""
        return sum(1 for _ in self.for_each_refusal())

    def _stacks_of(self, hazard: ring.Hazard) -> Sequence[tuple[str, ...]]:
        """The stack of a hazard's pin, and that of its event."""
        return self._frames_of(hazard.run.first), self.event_frames(hazard)

    def func(self, hazard: ring.Hazard) -> str:
        """The function that a hazard's report names, and where in it."""
        return self.stacks.symbolise(hazard.event.ip).partition("/")[0]

    def event_frames(self, hazard: ring.Hazard) -> tuple[str, ...]:
        """The frames of a hazard's event, innermost first."""
        event = hazard.event
        return tuple(self.stacks.frame(pc, event.mark) for pc in event.entries)

    def frames(self, handle: int) -> tuple[str, ...]:
        """The frames of a stack, innermost first; none if it is unreadable."""
        return self.stacks.given(handle)


def _find_root(prog: Program) -> Object:
    """The root; raises GupPinUnavailable unless these scripts can read it."""
    # Without debugging information, the feature cannot be found.
    try:
        prog.type("struct page")
    except LookupError:
        raise NoDebugInfo(why_no_types(prog)) from None
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
    stakes = prog.constant("NR_GUP_PIN_STAKES").value_()
    return Names(
        write=prog.constant("GUP_PIN_WRITE").value_(),
        long=prog.constant("GUP_PIN_LONG").value_(),
        apis=tuple(root.api_names[i].string_().decode() for i in range(count)),
        hazards=tuple(root.hazard_names[i].string_().decode() for i in range(kinds)),
        stakes=tuple(root.stake_names[i].string_().decode() for i in range(stakes)),
        # GUP_PIN_STAKE_NONE is a macro.
        reported=prog.constant("GUP_PIN_STAKE_GUESS").value_(),
    )


def _check_enabled(root: Object, shards: Shards) -> None:
    """Raises GupPinUnavailable if nothing is or was ever recorded."""
    if root.index.recording.value_():
        return
    try:
        figures = shards.totals()
    except Unreadable:
        return
    if not (figures.acquired or figures.before or figures.untracked_total):
        raise GupPinUnavailable(
            Absence.NEVER_ENABLED,
            "tracking was never enabled (gup_pin=on, or 1 in debugfs' enable)",
        )


def _find_unloaded(root: Object, memory: ProgramMemory, faults: Faults) -> Unloaded:
    """The names of code that is gone; raises LookupError."""
    from drgn import FaultError  # noqa: PLC0415

    def address() -> int:
        try:
            return int(root.unloads.value_())
        except FaultError as error:
            raise Unreadable(Unloaded.TABLE, error.address) from error

    return Unloaded(memory, unloaded.find_layouts(root.prog_), address, faults.add)


def _find_folios(
    prog: Program, memory: ProgramMemory, pages: Memmap, faults: Faults
) -> folio.FolioReader:
    """What reads folios and their files."""
    return folio.FolioReader(
        memory,
        folio.find_layouts(prog),
        pages,
        faults.add,
        paths.PathReader(memory, paths.find_layouts(prog)),
        memory.live,
    )


def gup_pin_state(prog: Program) -> GupPinState:
    """Find the feature in a program.

    :param prog: a Linux kernel's dump, or a live kernel
    :return: everything reached from the ``struct gup_pin_root``. Its now is in ns of
        local_clock(); its faults count what could not be read since.
    :raises GupPinUnavailable: if the feature is not there, was never enabled, or has
        another format
    :raises drgn.FaultError: if the dump lacks even the root
    :raises LookupError: if the debugging information lacks what is needed; NoDebugInfo
        if it is missing, or another kernel's
    """
    root = _find_root(prog)
    geometry = Geometry(root.shard_bits.value_(), root.block_shift.value_())
    memory, faults = ProgramMemory(prog), Faults()
    shards = Shards(
        memory,
        find_shard_layouts(prog),
        (root.index.shards.address_of_().value_(), geometry.shards),
        faults.add,
        memory.live,
    )
    _check_enabled(root, shards)
    page_shift = prog["PAGE_SHIFT"].value_()
    meaning = Meaning(
        _find_names(prog, root),
        clock.now(prog, faults.add),
        Stacks(prog, memory, faults.add, _find_unloaded(root, memory, faults)),
    )
    reader = records.OriginReader(
        memory, records.find_layouts(prog), memory.live, meaning
    )
    pages = Memmap(memory, memmap.find_layouts(prog), faults.add)
    folios = _find_folios(prog, memory, pages, faults)
    walk = Walk(
        geometry,
        xarray.Walker(memory, xarray.find_node_layout(prog), faults.add, memory.live),
        blocks.BlockReader(
            memory, blocks.find_layouts(prog), reader, faults.add, memory.live
        ),
        folios,
        page_shift,
        faults.add,
    )
    return GupPinState(
        root,
        geometry,
        meaning.names,
        meaning.now,
        meaning.stacks,
        faults,
        page_shift,
        walk,
        memory,
        shards,
        pages,
        folios,
        ring.Ring(memory, ring.find_layouts(prog), faults.add, meaning),
        origins.Origins(memory, origins.find_layouts(prog), reader, faults.add),
    )
