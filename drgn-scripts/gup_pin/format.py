# SPDX-License-Identifier: LGPL-2.1-or-later
"""The words of a line, which scripts parse: mirrors mm/gup_pin/view/format.c."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache

from .clock import age_ms
from .meaning import Names
from .pin import Item
from .records import Origin
from .refused import Refusal
from .ring import Hazard
from .runs import Run
from .words import escape

# GUP_PIN_TEXT_FORMAT
PINS_HEADER = "# gup_pin pins 1"
STACKS_HEADER = "# gup_pin stacks 1"
ORPHANS_HEADER = "# gup_pin orphans 1"
HAZARDS_HEADER = "# gup_pin hazards 1"
REFUSED_HEADER = "# gup_pin refused 1"

_MINOR_BITS = 20

# A word of a line, or of JSON; None: it could not be read.
Word = str | int | None


class Formatter:
    """Makes lines of runs."""

    def __init__(self, names: Names, now: int | None) -> None:
        """Now is in ns of local_clock(); None: ages are unknown."""
        self._names = names
        self._now = now
        self._known: dict[int, tuple[Origin, str, str]] = {}

    def words(self, run: Run) -> dict[str, Word]:
        """The keys and values of a line, in its order.

        A number that people read is a number here; addresses, handles and compound
        values are text as in a line. None: could not be read.
        """
        first = run.first
        folio, origin = first.folio, first.origin
        return {
            "pfn": f"{first.pfn:#x}",
            "pages": run.pages,
            "order": folio.order,
            "pins": run.pins,
            **self.origin_words(origin),
            "age_ms": age_ms(first.time, self._now),
            "addr": hex_word(first.addr),
            "map": folio.map,
            "dev": dev_word(folio.dev),
            "ino": folio.ino,
            "index": hex_word(folio.index),
            "stack": f"{origin.stack:#x}",
            "match": first.match,
        }

    def origin_words(self, origin: Origin) -> dict[str, Word]:
        """The words that come from an origin, except its stack."""
        return {
            "mode": self._names.mode(origin.mode),
            "term": self._names.term(origin.term),
            "api": self._names.api(origin.api),
            "owner": origin.owner,
            "task": f"{origin.tgid}/{origin.pid}",
            "comm": escape(origin.comm),
        }

    def pin_words(self, run: Run) -> dict[str, Word]:
        """All words of a line of the debugfs file pins."""
        gone = {"gone": run.gone} if run.gone else {}
        return {**self.words(run), "path": run.first.folio.path, **gone}

    def _of_origin(self, origin: Origin) -> tuple[Origin, str, str]:
        """The words that an origin's pins share, as in a line and as in JSON."""
        # By identity: origins are few, and hashing one takes as long as all the rest.
        known = self._known.get(id(origin))
        if known is None:
            words = self.origin_words(origin)
            text = json.dumps(words)[1:-1]
            # Keep the origin, so that its identity is not reused.
            known = self._known[id(origin)] = origin, as_line(words), text
        return known

    def line(self, run: Run) -> str:
        """A line of the debugfs file pins: as_line(pin_words()), but fast."""
        first = run.first
        folio, origin = first.folio, first.origin
        if self._is_unknown(first):
            return as_line(self.pin_words(run))
        _, common, _ = self._of_origin(origin)
        return (
            f"pfn={first.pfn:#x} pages={run.pages} order={folio.order} "
            f"pins={run.pins} {common} age_ms={age_ms(first.time, self._now)} "
            f"addr={first.addr:#x} map={folio.map} dev={dev_word(folio.dev)} "
            f"ino={folio.ino} index={folio.index:#x} stack={origin.stack:#x} "
            f"match={first.match} path={folio.path}{run.gone and f' gone={run.gone}'}"
        )

    def _is_unknown(self, item: Item) -> bool:
        """Whether a word of a pin could not be read.

        Without its order, pages and index are uncertain; without a path the file
        is unknown.
        """
        folio = item.folio
        return None in (self._now, folio.order, folio.map, folio.path, item.addr)

    def event_words(self, hazard: Hazard) -> dict[str, Word]:
        """The words of a hazard in front of those of its pin."""
        event = hazard.event
        return {
            "kind": self._names.hazard(hazard.kind),
            "age_ms": age_ms(event.time, self._now),
            "task": f"{event.tgid}/{event.pid}",
            "comm": escape(event.comm),
        }

    def more_words(self, hazard: Hazard, func: str) -> dict[str, Word]:
        """The words of a hazard after those of its pin."""
        first, last = hazard.indexes
        return {
            "func": func,
            "pins_on_folio": hazard.pins,
            "path": hazard.run.first.folio.path,
            "count": hazard.count,
            "last_ms": age_ms(hazard.last, self._now),
            "reported": hazard.reported,
            "indexes": f"{first:#x}-{last:#x}",
            "stake": self._names.stake(hazard.stake),
        }

    def hazard(
        self,
        hazard: Hazard,
        func: str,
        event: Iterable[str] | None,
        pin: Iterable[str] | None,
    ) -> str:
        """A record of the debugfs file hazards: its line and the frames of its stacks.

        If the frames are None, only the line.
        """
        line = " ".join(
            as_line(words)
            for words in (
                self.event_words(hazard),
                self.words(hazard.run),
                self.more_words(hazard, func),
            )
        )
        if event is None or pin is None:
            return f"{line}\n"
        return f"{line}\nevent:\n{frame_lines(event)}pin:\n{frame_lines(pin)}\n"

    def hazard_words(
        self,
        hazard: Hazard,
        func: str,
        event: Iterable[str] | None,
        pin: Iterable[str] | None,
    ) -> dict[str, object]:
        """A hazard as JSON: the words of its pin are in an object of their own."""
        return {
            **self.event_words(hazard),
            "pin": {**self.words(hazard.run), **_frames(pin)},
            **self.more_words(hazard, func),
            **_frames(event),
        }

    def refusal_words(
        self, refusal: Refusal, frames: Iterable[str] | None
    ) -> dict[str, object]:
        """A refusal as JSON, with the frames of its stack unless None."""
        return {**self._refusal(refusal), **_frames(frames)}

    def refusal(self, refusal: Refusal, frames: Iterable[str] | None) -> str:
        """A record of the debugfs file refused; if the frames are None, its line."""
        line = as_line(self._refusal(refusal))
        return f"{line}\n" + ("" if frames is None else f"{frame_lines(frames)}\n")

    def _refusal(self, refusal: Refusal) -> dict[str, Word]:
        """The words of a line of the debugfs file refused."""
        return {
            "count": refusal.count,
            "err": refusal.err,
            **self.origin_words(refusal.origin),
            "oldest_ms": age_ms(refusal.oldest, self._now),
            "newest_ms": age_ms(refusal.newest, self._now),
            "stack": f"{refusal.origin.stack:#x}",
            "why": refusal.why,
            "addr": f"{refusal.addr:#x}",
            "pfn": f"{refusal.pfn:#x}",
            "dev": dev_word(refusal.dev),
            "ino": refusal.ino,
            "index": f"{refusal.index:#x}",
            "path": refusal.path,
        }

    def json_line(self, run: Run, frames: Iterable[str] | None) -> str:
        """A line as a JSON object, with the frames of its stack unless None.

        json.dumps(pin_words()), but fast: of the values that are not from the
        origin, only the path needs escapes.
        """
        first = run.first
        if self._is_unknown(first):
            return json.dumps({**self.pin_words(run), **_frames(frames)})
        folio, origin = first.folio, first.origin
        _, _, common = self._of_origin(origin)
        more = run.gone and f', "gone": "{run.gone}"'
        more += "" if frames is None else f', "frames": {_dump(tuple(frames))}'
        return (
            f'{{"pfn": "{first.pfn:#x}", "pages": {run.pages}, '
            f'"order": {folio.order}, "pins": {run.pins}, {common}, '
            f'"age_ms": {age_ms(first.time, self._now)}, "addr": "{first.addr:#x}", '
            f'"map": "{folio.map}", "dev": "{dev_word(folio.dev)}", '
            f'"ino": {folio.ino}, "index": "{folio.index:#x}", '
            f'"stack": "{origin.stack:#x}", '
            f'"match": "{first.match}", '
            f'"path": {_dump(folio.path)}{more}}}'
        )


def _frames(frames: Iterable[str] | None) -> dict[str, list[str]]:
    """A key for frames, if any are wanted."""
    return {} if frames is None else {"frames": list(frames)}


@lru_cache(maxsize=1024)
def _dump(value: str | tuple[str, ...] | None) -> str:
    """JSON of values that occur often."""
    return json.dumps(value)


@lru_cache(maxsize=256)
def dev_word(dev: int | None) -> str | None:
    """A dev_t as major:minor; None stays None."""
    if dev is None:
        return None
    return f"{dev >> _MINOR_BITS}:{dev & (1 << _MINOR_BITS) - 1}"


def hex_word(value: int | None) -> str | None:
    """A number in hexadecimal digits; None stays None."""
    return None if value is None else f"{value:#x}"


def as_line(words: Mapping[str, Word]) -> str:
    """Words as in a line; what could not be read is "?"."""
    return " ".join(
        f"{key}={'?' if value is None else value}" for key, value in words.items()
    )


def frame_lines(frames: Iterable[str]) -> str:
    """Frames as in debugfs."""
    return "".join(f" {frame}\n" for frame in frames)


def stack_lines(handles: str, frames: Iterable[str]) -> str:
    """A stack: its word, then frame by frame as in the debugfs file stacks."""
    return f"stack={handles}\n" + frame_lines(frames)
