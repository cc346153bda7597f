# SPDX-License-Identifier: LGPL-2.1-or-later
"""Everything as words, keys with values: lines and JSON are made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .check import Finding
from .clock import age_ms
from .format import Formatter, as_line, dev_word, hex_word
from .meaning import Names
from .page import FlagNames, Page, Process
from .physical import Physical
from .refused import Refusal
from .ring import Hazard
from .runs import Run
from .sums import Sum
from .words import escape

if TYPE_CHECKING:
    from .state import GupPinState

SCHEMA = "gup-pin/2"

Words = dict[str, Any]


class Views:
    """Converts the contents of a state to words."""

    def __init__(self, state: GupPinState) -> None:
        """Ages are relative to the state's now."""
        self.state = state
        self.formatter = Formatter(state.names, state.now)
        self._flags: FlagNames | None = None

    def head(self, verb: str) -> Words:
        """The head of a document."""
        state = self.state
        return {
            "schema": SCHEMA,
            "verb": verb,
            "kernel": state.release or None,
            "live": state.live,
            "tracking": {
                "format": state.root.format.value_(),
                "enabled": state.enabled,
                "since_boot": state.since_boot,
            },
        }

    def tail(self) -> Words:
        """The tail of a document, which is only known at its end."""
        faults = self.state.faults
        return {"complete": not faults, "faults": faults.records()}

    def pin(self, run: Run) -> Words:
        """A line of pins."""
        return dict(self.formatter.pin_words(run))

    def total(self, total: Sum) -> Words:
        """A record of stacks, without its frames."""
        names, now, origin = self.state.names, self.state.now, total.origin
        return {
            "pins": total.pins,
            "pages": total.pages,
            "calls": total.calls,
            "mode": names.mode(origin.mode),
            "term": names.term(origin.term),
            "api": names.api(origin.api),
            "oldest_ms": age_ms(total.oldest, now),
            "newest_ms": age_ms(total.newest, now),
            "stack": f"{origin.stack:#x}",
            "acquired": total.acquired,
            "peak": total.peak,
            "guessed": total.guessed,
        }

    def hazard(self, hazard: Hazard, stacks: bool = True) -> Words:
        """A record of hazards, with the frames of both its stacks if wanted."""
        return self.formatter.hazard_words(hazard, *self._hazard(hazard, stacks))

    def hazard_record(self, hazard: Hazard, stacks: bool = True) -> str:
        """A record of hazards as text."""
        return self.formatter.hazard(hazard, *self._hazard(hazard, stacks))

    def refusal(self, refusal: Refusal, stacks: bool = True) -> Words:
        """A record of refused, with the frames of its stack if wanted."""
        return self.formatter.refusal_words(refusal, self._frames_of(refusal, stacks))

    def refusal_record(self, refusal: Refusal, stacks: bool = True) -> str:
        """A record of refused as text."""
        return self.formatter.refusal(refusal, self._frames_of(refusal, stacks))

    def _frames_of(self, refusal: Refusal, stacks: bool) -> tuple[str, ...] | None:
        return self.state.frames(refusal.origin.stack) if stacks else None

    def _hazard(
        self, hazard: Hazard, stacks: bool
    ) -> tuple[str, tuple[str, ...] | None, tuple[str, ...] | None]:
        """The function in which it happened; the frames of the event and of the pin."""
        state = self.state
        if not stacks:
            return state.func(hazard), None, None
        event, pin = state.event_frames(hazard), state.frames(hazard.run.stack)
        return state.func(hazard), event, pin

    def _folio(self, thing: Finding | Page, recorded: int) -> Words:
        folio, counts = thing.folio, thing.counts
        pinned, exact = counts.pin_count()
        return {
            "pfn": f"{thing.pfn:#x}",
            "order": folio.order,
            "flags": self.flags(counts.flags),
            "map": folio.map,
            "dev": dev_word(folio.dev),
            "ino": folio.ino,
            "index": hex_word(folio.index),
            "path": folio.path,
            "refcount": max(counts.refs, 0),
            "recorded": recorded,
            "pinned": pinned,
            "exact": exact,
        }

    def flags(self, flags: int) -> str:
        """The names of a folio's flags."""
        if self._flags is None:
            self._flags = FlagNames(self.state.prog)
        return self._flags.text(flags)

    def finding(self, finding: Finding) -> Words:
        """A problem of a folio, and the folio's pins."""
        runs = finding.runs(self.state.page_shift)
        return {
            "kind": finding.kind.value,
            "about": finding.kind.about,
            **self._folio(finding, finding.recorded),
            **({"stake": finding.stake} if finding.stake else {}),
            "stacks": [f"{handle:#x}" for handle in finding.stacks],
            "pins": [self.pin(run) for run in runs],
        }

    def page(self, page: Page, recorded: int, processes: list[Process]) -> Words:
        """A page, and the processes that have it mapped."""
        return {
            **self._folio(page, recorded),
            "page": f"{page.address:#x}",
            "asked": f"{page.asked:#x}",
            "mapcount": page.mapcount,
            "processes": [self.process(process) for process in processes],
        }

    @staticmethod
    def process(process: Process) -> Words:
        """A process that has a page mapped."""
        return {
            "tgid": process.tgid,
            "comm": escape(process.comm),
            "addr": f"{process.addr:#x}",
        }

    @staticmethod
    def physical(memory: Physical) -> Words:
        """Physical memory."""
        return {
            "page_size": memory.page_size,
            "block_pages": memory.block_pages,
            "zones": [
                {
                    "node": zone.node,
                    "name": zone.name,
                    "first": f"{zone.first:#x}",
                    "pages": zone.pages,
                    "present": zone.present,
                    "managed": zone.managed,
                }
                for zone in memory.zones
            ],
            "blocks": [
                {
                    "id": block.number,
                    "first": f"{block.first:#x}",
                    "pages": block.pages,
                    "online": block.online,
                    "pinned": block.pinned,
                    "long": block.long,
                }
                for block in memory.blocks
            ],
        }


def is_harmless(names: Names, finding: Words) -> bool:
    """Whether nothing was lost by what was found, as the kernel has judged."""
    return names.is_harmless(finding.get("stake", ""))


def flat_line(words: Words) -> str:
    """Words as in a line, without lists and compound values."""
    return as_line(
        {
            key: ("yes" if value else "no") if isinstance(value, bool) else value
            for key, value in words.items()
            if not isinstance(value, (list, dict))
        }
    )
