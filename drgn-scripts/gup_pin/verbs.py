# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the output of each verb of the command."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from . import document
from .by import choose_groups, group_by, group_words
from .errors import Unreadable
from .filter import BadFilter, number_below
from .filter_values import U64
from .format import (
    HAZARDS_HEADER,
    ORPHANS_HEADER,
    PINS_HEADER,
    REFUSED_HEADER,
    STACKS_HEADER,
    frame_lines,
    stack_lines,
)
from .page import Page
from .progress import Lines, Progress, make_output
from .report import write_report
from .ring import Hazard
from .runs import Run, make_runs
from .sort import choose
from .state import GupPinState
from .unchecked import Unchecked
from .views import Views, Words, flat_line, is_harmless
from .words import escape

PAGE_HEADER = "# gup_pin page 1"
CHECK_HEADER = "# gup_pin check 1"
STATUS_HEADER = "# gup_pin status 1"
GROUPS_HEADER = "# gup_pin groups 1"

NAME = "gup_pins"


class Show:
    """Prints what a command line asks for, for one program."""

    def __init__(self, state: GupPinState, args: argparse.Namespace) -> None:
        """Print to stdout."""
        self.state = state
        self.args = args
        self.views = Views(state)
        self.progress = Progress(sys.stderr, f"{NAME}: {args.verb}")
        self.out = make_output(sys.stdout, self.progress)
        state.watch(self.progress.tell)
        # Whether the check found something that does harm, for the exit status.
        self.found = False
        # What the text is a list of, and how many of them it has. That there are no
        # orphans or hazards needs no reason.
        self.what = ""
        self.listed = 0

    @property
    def is_empty(self) -> bool:
        """Whether the text is a list of nothing, which has to be explained."""
        return bool(self.what and not self.listed)

    def end(self) -> None:
        """Erase progress, and finish the last line."""
        self.progress.end()
        if isinstance(self.out, Lines):
            self.out.end()

    # The verbs

    def list(self) -> None:
        """All pins."""
        runs = self.state.for_each_run(self.args.filter)
        self._pins(PINS_HEADER, runs)

    def orphans(self) -> None:
        """Pins whose owner's process, or whose task, has ended."""
        runs = self.state.for_each_orphan(self.args.filter)
        self._pins(ORPHANS_HEADER, runs, "")

    def stacks(self) -> None:
        """Live pins summed by stack."""
        state, views = self.state, self.views
        sums = islice(state.sums(), self.args.limit)
        if self.args.json:
            document.write(self.out, views, "stacks", {"sums": map(views.total, sums)})
            return
        if not (self.args.jsonl or self.args.folded):
            self._line(STACKS_HEADER)
        self.what = "" if self.args.jsonl else "stacks"
        for total in sums:
            self.listed += 1
            frames = state.frames(total.origin.stack)
            words = views.total(total)
            if self.args.jsonl:
                self._object({**words, "frames": list(frames)})
            elif self.args.folded:
                self._line(f"{fold(frames, words['api'])} {total.pins}")
            else:
                self._line(f"{flat_line(words)}\n{frame_lines(frames)}")

    def hazards(self) -> None:
        """The newest hazards."""
        state, views = self.state, self.views
        hazards: Iterable[Hazard] = state.for_each_hazard(self.args.filter)
        if self.args.limit is not None:
            # The newest come last.
            hazards = deque(hazards, maxlen=self.args.limit)
        words = (views.hazard(hazard, self.args.stacks) for hazard in hazards)
        if self.args.json:
            self._document({"hazards": words})
            return
        if self.args.jsonl:
            for each in words:
                self._object(each)
            return
        self._line(HAZARDS_HEADER)
        for hazard in hazards:
            self.out.write(views.hazard_record(hazard, self.args.stacks))

    def refused(self) -> None:
        """Long-term pins that the kernel refused."""
        state, views, args = self.state, self.views, self.args
        refusals = state.for_each_refusal(args.filter)
        if args.json:
            words = (views.refusal(refusal, args.stacks) for refusal in refusals)
            self._document({"refused": words})
            return
        if args.jsonl:
            for refusal in refusals:
                self._object(views.refusal(refusal, args.stacks))
            return
        self._line(REFUSED_HEADER)
        self.what = "refusals"
        for refusal in refusals:
            self.listed += 1
            self.out.write(views.refusal_record(refusal, args.stacks))

    def status(self) -> None:
        """The state of the kernel, and the lines of stats."""
        stats = self.state.stats()
        if self.args.json:
            document.write(self.out, self.views, "status", {"stats": stats})
            return
        if self.args.jsonl:
            self._object(document.build(self.views, "status", {"stats": stats}))
            return
        head = self.views.head("status")
        tracking = head["tracking"]
        self._line(STATUS_HEADER)
        self._line(f"kernel {head['kernel'] or '?'}\nlive {int(head['live'])}")
        self._line(f"format {tracking['format']}")
        self._line(f"since_boot {int(tracking['since_boot'])}")
        for name, value in stats.items():
            self._line(f"{name} {'?' if value is None else value}")

    def show(self) -> None:
        """A page, the processes that map it, and all pins on it."""
        state, views = self.state, self.views
        page = self._page(self.args.page)
        pfn = self.args.page if page is None else page.pfn
        items = state.items_of(pfn)
        runs = list(make_runs(items, state.page_shift))
        if self.args.jsonl:
            self._pins_as_json(runs)
            return
        words: Words = {}
        if page is not None:
            recorded = sum(run.pins for run in runs)
            words = views.page(page, recorded, list(state.processes(page)))
        if self.args.json:
            pins = map(views.pin, runs)
            page_part = {"page": words} if words else {}
            self._document({**page_part, "pins": pins})
            return
        self._line(PAGE_HEADER)
        if words:
            self._line(flat_line(words))
            for process in words["processes"]:
                self._line(f"mapped {flat_line(process)}")
        self._line(f"\n{PINS_HEADER}")
        self._pin_lines(runs)

    def _page(self, number: int) -> Page | None:
        """The requested page; None if its struct page is not in the dump."""
        try:
            return self.state.page(number)
        except Unreadable as error:
            self.state.faults.add(error)
        return None

    def check(self) -> None:
        """What is wrong with the folios."""
        unchecked = Unchecked()
        words = self._findings(unchecked)
        if self.args.json:
            self._document({"findings": words, "unchecked": unchecked.words})
            return
        if self.args.jsonl:
            for each in words:
                self._finding_as_json(each)
            return
        self._line(CHECK_HEADER)
        handles: dict[str, None] = {}
        kinds: dict[str, int] = {}
        harmless = 0
        for each in words:
            self._line(flat_line(each))
            for pin in each["pins"]:
                self._line(f" {flat_line(pin)}")
            handles.update(dict.fromkeys(each["stacks"]))
            if is_harmless(self.state.names, each):
                harmless += 1
                continue
            kinds[each["kind"]] = kinds.get(each["kind"], 0) + 1
        totals = "".join(f" {kind}={count}" for kind, count in kinds.items())
        if harmless:
            totals += f" harmless={harmless}"
        totals += unchecked.text()
        self._line(f"checked findings={sum(kinds.values())}{totals}")
        if self.args.stacks:
            self._stacks_below(handles)

    def report(self) -> None:
        """An HTML page with everything."""
        self.found = write_report(self.state, self.args.output, self.progress)

    # Shared by the verbs

    def _findings(self, unchecked: Unchecked) -> Iterator[Words]:
        for finding in self.state.for_each_finding(self.progress.tell, unchecked):
            words = self.views.finding(finding)
            self.found |= not is_harmless(self.state.names, words)
            yield words
        self.progress.end()

    def _pins(self, header: str, runs: Iterable[Run], what: str = "pins") -> None:
        views = self.views
        if self.args.by:
            self._groups(runs, what)
            return
        runs = choose(runs, self.args.sort, self.args.limit)
        if self.args.json:
            words = map(views.pin, runs)
            self._document({"pins": words})
            return
        if self.args.jsonl:
            self._pins_as_json(runs)
            return
        self._line(header)
        self.what = what
        self._pin_lines(runs)

    def _groups(self, runs: Iterable[Run], what: str) -> None:
        """Pins summed by words, with the stacks if they are one of these."""
        state, args = self.state, self.args
        found = group_by(runs, args.by, self.views.formatter, state.frames)
        groups = choose_groups(found, args.by, args.sort, args.limit)
        words: list[Words] = [group_words(g, args.by, state.now) for g in groups]
        if args.json:
            self._document({"groups": words})
            return
        stacks = [each["stack"] for each in words if "stack" in args.by and args.stacks]
        if args.jsonl:
            for each in words:
                if stacks:
                    each["frames"] = list(self._frames(each["stack"]))
                self._object(each)
            return
        self._line(GROUPS_HEADER)
        self.what, self.listed = what, len(words)
        for each in words:
            self._line(flat_line(each))
        self._stacks_below(dict.fromkeys(stacks))

    def _document(self, parts: document.Parts) -> None:
        write, args = document.write, self.args
        write(self.out, self.views, args.verb, parts, stacks=args.stacks)

    def _finding_as_json(self, finding: Words) -> None:
        """A JSON line in which each pin has its frames."""
        if self.args.stacks:
            for pin in finding["pins"]:
                pin["frames"] = list(self._frames(pin["stack"]))
        self._object(finding)

    def _pins_as_json(self, runs: Iterable[Run]) -> None:
        formatter, state = self.views.formatter, self.state
        write = self.out.write
        for run in runs:
            frames = None
            if self.args.stacks:
                frames = state.frames(run.first.origin.stack)
            write(f"{formatter.json_line(run, frames)}\n")

    def _pin_lines(self, runs: Iterable[Run]) -> None:
        handles: dict[str, None] = {}
        formatter, write = self.views.formatter, self.out.write
        for run in runs:
            write(f"{formatter.line(run)}\n")
            self.listed += 1
            handles[f"{run.stack:#x}"] = None
        if self.args.stacks:
            self._stacks_below(handles)

    def _stacks_below(self, words: Iterable[str]) -> None:
        for word in words:
            self.out.write(f"\n{stack_lines(word, self._frames(word))}")

    def _frames(self, word: str) -> tuple[str, ...]:
        """The frames of a word stack=; of several handles, which have equal frames."""
        return self.state.frames(int(word.partition(",")[0], 16))

    def _line(self, line: str) -> None:
        self.out.write(f"{line}\n")

    def _object(self, words: Words) -> None:
        self._line(json.dumps(words))


def fold(frames: Iterable[str], api: str) -> str:
    """A stack in the format of flame graphs: from the outermost function in."""
    names = [frame.partition("+")[0].replace(";", ":") for frame in frames]
    return ";".join(reversed(names)) or api


def preset(args: argparse.Namespace) -> dict[str, Any]:
    """Members of a filter that follow from the verb; raises BadFilter."""
    if args.verb == "task":
        return {"any_of": args.pid}
    if args.verb != "file":
        return {}
    if args.file.isascii() and args.file.isdecimal():
        try:
            return {"ino": number_below(U64, args.file, 10)}
        except BadFilter:
            raise BadFilter(f"{args.file} is not an inode number") from None
    # A word of a line is escaped already, a path that the user knows is not.
    is_word = "\\x" in args.file
    return {"path": args.file if is_word else escape(os.fsencode(args.file))}
