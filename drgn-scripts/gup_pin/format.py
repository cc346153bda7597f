# SPDX-License-Identifier: LGPL-2.1-or-later
"""The words of a line: mirrors mm/gup_pin/format.c. Scripts parse them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from .ring import Hazard
from .runs import Run

# GUP_PIN_TEXT_FORMAT
PINS_HEADER = "# gup_pin pins 1"
HAZARDS_HEADER = "# gup_pin hazards 1"

_NS_PER_MS = 1_000_000
_MINOR_BITS = 20


def escape_comm(comm: bytes) -> str:
    """A task's name as a word: no blank, no backslash that is not an escape."""
    return "".join(
        chr(c) if 0x20 < c < 0x7F and c != ord("\\") else f"\\x{c:02x}" for c in comm
    )


def age_ms(time: int, now: int) -> int:
    """How long ago something was, in ms; 0 if the clocks disagree."""
    return max(now - time, 0) // _NS_PER_MS


@dataclass(frozen=True)
class Names:
    """What the numbers of a program's enums are called."""

    write: int
    long: int
    apis: tuple[str, ...]
    hazards: tuple[str, ...] = ()

    def api(self, number: int) -> str:
        """The name of a pin function."""
        return self.apis[number] if number < len(self.apis) else "unknown"

    def hazard(self, number: int) -> str:
        """The name of a kind of hazard."""
        return self.hazards[number] if number < len(self.hazards) else f"kind{number}"


class Formatter:
    """Makes lines of runs."""

    def __init__(self, names: Names, now: int) -> None:
        """Ages are of now, in ns of local_clock()."""
        self._names = names
        self._now = now

    def words(self, run: Run) -> dict[str, str | int]:
        """The keys and values of a line, in their order.

        What is a number for people is one here; addresses and handles, and what
        is made of several numbers, are text as in a line.
        """
        first = run.first
        folio, origin = first.folio, first.call.origin
        dev = folio.dev
        return {
            "pfn": f"{first.pfn:#x}",
            "pages": run.pages,
            "order": folio.order,
            "pins": run.pins,
            "mode": "w" if origin.mode == self._names.write else "r",
            "term": "long" if origin.term == self._names.long else "short",
            "api": self._names.api(origin.api),
            "owner": origin.owner,
            "task": f"{origin.tgid}/{origin.pid}",
            "comm": escape_comm(origin.comm),
            "age_ms": age_ms(first.call.time, self._now),
            "addr": f"{first.addr:#x}",
            "map": folio.map,
            "dev": f"{dev >> _MINOR_BITS}:{dev & (1 << _MINOR_BITS) - 1}",
            "ino": folio.ino,
            "index": f"{folio.index:#x}",
            "stack": f"{origin.stack:#x}",
            "match": "inferred" if first.inferred else "exact",
        }

    def line(self, run: Run) -> str:
        """A line of the debugfs file pins."""
        return " ".join(f"{key}={value}" for key, value in self.words(run).items())

    def event_words(self, hazard: Hazard) -> dict[str, str | int]:
        """The words of a hazard that come before those of its pin."""
        event = hazard.event
        return {
            "kind": self._names.hazard(hazard.kind),
            "age_ms": age_ms(event.time, self._now),
            "task": f"{event.tgid}/{event.pid}",
            "comm": escape_comm(event.comm),
        }

    def hazard(
        self, hazard: Hazard, func: str, event: Iterable[str], pin: Iterable[str]
    ) -> str:
        """A record of the debugfs file hazards: its line and its stacks' frames."""
        words = " ".join(f"{k}={v}" for k, v in self.event_words(hazard).items())
        line = f"{words} {self.line(hazard.run)} func={func}"
        return (
            f"{line} pins_on_folio={hazard.pins}\n"
            f"event:\n{frame_lines(event)}pin:\n{frame_lines(pin)}\n"
        )

    def json_hazard(
        self, hazard: Hazard, func: str, event: Iterable[str], pin: Iterable[str]
    ) -> str:
        """The same as a JSON object, which has the words of the pin in its own."""
        words: dict[str, object] = dict(self.event_words(hazard))
        words["pin"] = {**self.words(hazard.run), "frames": list(pin)}
        words |= {"func": func, "pins_on_folio": hazard.pins, "frames": list(event)}
        return json.dumps(words)

    def json_line(self, run: Run, frames: Iterable[str] | None) -> str:
        """The same as a JSON object, with the frames of its stack unless None."""
        words: dict[str, object] = dict(self.words(run))
        if frames is not None:
            words["frames"] = list(frames)
        return json.dumps(words)


def frame_lines(frames: Iterable[str]) -> str:
    """Frames as debugfs has them."""
    return "".join(f" {frame}\n" for frame in frames)


def stack_lines(handle: int, frames: Iterable[str]) -> str:
    """A stack below its handle, frame by frame as in the debugfs file stacks."""
    return f"stack={handle:#x}\n" + frame_lines(frames)
