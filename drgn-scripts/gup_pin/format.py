# SPDX-License-Identifier: LGPL-2.1-or-later
"""The words of a line: mirrors mm/gup_pin/format.c. Scripts parse them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from .runs import Run

# GUP_PIN_TEXT_FORMAT
PINS_HEADER = "# gup_pin pins 1"

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

    def api(self, number: int) -> str:
        """The name of a pin function."""
        return self.apis[number] if number < len(self.apis) else f"api{number}"


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

    def json_line(self, run: Run, frames: Iterable[str] | None) -> str:
        """The same as a JSON object, with the frames of its stack unless None."""
        words: dict[str, object] = dict(self.words(run))
        if frames is not None:
            words["frames"] = list(frames)
        return json.dumps(words)


def stack_lines(handle: int, frames: Iterable[str]) -> str:
    """A stack below its handle, frame by frame as in the debugfs file stacks."""
    return f"stack={handle:#x}\n" + "".join(f" {frame}\n" for frame in frames)
