# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which pins are wanted: mirrors mm/gup_pin/view/filter.c, with some more words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from .clock import age_ms
from .filter_values import CHECKS, IDS, U32, U64
from .folio import ORDER_MAX
from .words import unescape

if TYPE_CHECKING:
    from .meaning import Names
    from .pin import Item
    from .records import Origin
    from .refused import Refusal
    from .ring import Hazard

T = TypeVar("T")

# BLANKS
_BLANKS = re.compile("[ \\t\\r\\n]+")

_MINOR_BITS = 20
_MAJOR_BITS = 12

# No folio has more pages: its head is at most this far from any of its pages.
_FOLIO_MAX = 1 << ORDER_MAX


class BadFilter(ValueError):
    """An unknown word, or an invalid value of one."""


def number_below(limit: int, value: str, base: int = 0) -> int:
    """A number as the kernel's filters accept it; raises BadFilter.

    Base 0 is 16 after 0x, else 10: a leading 0 does not mean octal.
    """
    if not re.fullmatch(r"\+?(0[xX][0-9a-fA-F]+|[0-9]+)", value):
        raise BadFilter(value)
    digits = value.lstrip("+")
    if base == 0:
        base = 16 if value[:2] in ("0x", "0X") else 10
    try:
        number = int(digits, base)
    except ValueError:
        raise BadFilter(value) from None
    if number >= limit:
        raise BadFilter(value)
    return number


def _unknown(word: str, known: Iterable[str]) -> BadFilter:
    """The error for a word that is not one of those known."""
    there = " ".join(f"{name}=" for name in known)
    return BadFilter(f"{word} is not a filter; there are {there}")


def _id(value: str) -> int:
    return number_below(IDS, value, 10)


def _task(value: str) -> tuple[int, int | None]:
    """One number is of a process or of a task, two are process and task."""
    tgid, slash, pid = value.partition("/")
    return _id(tgid), _id(pid) if slash else None


def _pfn(value: str) -> tuple[int, int]:
    """A-B, both of them included, or just A."""
    first, dash, last = value.partition("-")
    a = number_below(U64, first)
    return a, number_below(U64, last) if dash else a


def _handles(value: str) -> tuple[int, ...]:
    """HANDLE[,HANDLE]..."""
    return tuple(number_below(U32, handle) for handle in value.split(","))


def _dev(value: str) -> int:
    major, colon, minor = value.partition(":")
    if not colon:
        raise BadFilter(value)
    high = number_below(1 << _MAJOR_BITS, major, 10)
    return high << _MINOR_BITS | number_below(1 << _MINOR_BITS, minor, 10)


# What is wrong with a value, in the words of the program gup_pin.
_WANTED = {
    "owner": "not a PID",
    "task": "neither PID nor TGID/PID",
    "comm": "not a name of 1 to 15 bytes",
    "mode": "neither r nor w",
    "term": "neither short nor long",
    "api": "not the name of a function",
    "pfn": "not a range like 0x1000-0x1fff",
    "ino": "not a number",
    "dev": "not MAJOR:MINOR",
    "min_age_ms": "not a number",
    "stack": "not a stack handle",
    "module": "not the name of a module, or vmlinux for built-in code",
    "kind": "not a kind of hazard",
    "stake": "not a stake",
    "why": "not a reason",
    "err": "not an error",
    "gone": "neither owner, task nor both",
    "path": "not a path",
    "any_of": "not a PID",
}

# Convert text to what CHECKS accepts.
_PARSERS: dict[str, Callable[[str], Any]] = {
    "owner": _id,
    "task": _task,
    "comm": unescape,
    "mode": str,
    "term": str,
    # Only the kernel knows the valid names: see check_names().
    "api": str,
    "pfn": _pfn,
    "ino": lambda value: number_below(U64, value),
    "dev": _dev,
    "min_age_ms": lambda value: number_below(U64, value, 10),
    "stack": _handles,
    "module": str,
    "kind": str,
    "stake": str,
    "why": str,
    "err": str,
    "gone": str,
}

# Words that only some lines have, and the verb for these.
_ONLY = {
    "kind": "hazards",
    "stake": "hazards",
    "why": "refused",
    "err": "refused",
    "gone": "orphans",
}


@dataclass(frozen=True)
class Filter:
    """Which pins are wanted; None matches any value. Raises BadFilter for invalid ones.

    owner: tgid of the process whose memory was pinned
    task: (tgid, pid) of the task that pinned, or (either of them, None), or just that
    comm: the task's name; text is its bytes in UTF-8, without escapes
    mode: "r" or "w"; term: "short" or "long"; api: the pin function's name
    pfn: first and last pfn, or just one; a folio matches if any page of it does
    ino: inode number; dev: dev_t of the file system
    min_age_ms: held for so many ms or more
    stack: handle of the stack, or several
    module: of the innermost frame that is in one; vmlinux if none is; see module_of()
    kind, stake: of a hazard; gone: what has ended of an orphan
    why, err: the reason and the error of a refusal
    path: of the file, escaped as in a line, or the last parts of it
    any_of: tgid or pid, of the owner or of the task that pinned
    """

    owner: int | None = None
    task: tuple[int, int | None] | None = None
    comm: bytes | None = None
    mode: str | None = None
    term: str | None = None
    api: str | None = None
    pfn: tuple[int, int] | None = None
    ino: int | None = None
    dev: int | None = None
    min_age_ms: int | None = None
    stack: tuple[int, ...] | None = None
    module: str | None = None
    kind: str | None = None
    stake: str | None = None
    why: str | None = None
    err: str | None = None
    gone: str | None = None
    path: str | None = None
    any_of: int | None = None

    def __post_init__(self) -> None:
        """Accept plain values as well."""
        for name, check in CHECKS.items():
            value = getattr(self, name)
            if value is None:
                continue
            try:
                checked = check(value)
            except (TypeError, ValueError):
                raise BadFilter(f"{name}={value!r} is {_WANTED[name]}") from None
            object.__setattr__(self, name, checked)

    @classmethod
    def parse(cls, words: Iterable[str]) -> Filter:
        """A filter of key=value words, as debugfs accepts them; raises BadFilter.

        Like a write to debugfs, each may hold several words with blanks between them.
        """
        values: dict[str, Any] = {}
        for word in filter(None, _BLANKS.split(" ".join(words))):
            key, equals, value = word.partition("=")
            parser = _PARSERS.get(key)
            if not equals or parser is None:
                raise _unknown(word, _PARSERS)
            if key in values:
                raise BadFilter(f"{word}: {key}= is given twice")
            try:
                values[key] = CHECKS[key](parser(value))
            except ValueError:
                raise BadFilter(f"{word} is {_WANTED[key]}") from None
        return cls(**values)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Filter:
        """A filter with these members; raises BadFilter, also for an unknown one."""
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise _unknown(f"{name}=", known)
        return cls(**values)

    def __bool__(self) -> bool:
        """Whether the filter has any member."""
        return any(getattr(self, field.name) is not None for field in fields(self))

    def check_names(self, names: Names) -> None:
        """Raises BadFilter for a name that the kernel does not have."""
        for name, known, what in (
            ("api", (*names.apis, "unknown"), "pin function"),
            ("kind", names.hazards, "kind of hazard"),
            ("stake", names.stakes, "stake"),
        ):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise BadFilter(f"{name}={value} is not a {what} of this kernel")

    def check_part(self, verb: str) -> None:
        """Raises BadFilter for a word that the lines of a verb do not have."""
        for name, only in _ONLY.items():
            value = getattr(self, name)
            if value is not None and verb != only:
                raise BadFilter(f"{name}={value} is for {only} only")
        if verb == "refused" and self.min_age_ms is not None:
            raise BadFilter(f"min_age_ms={self.min_age_ms} is not for refused")

    def blocks(self) -> tuple[int, int]:
        """First and last pfn that pages of a matching folio may have."""
        if self.pfn is None:
            return 0, U64
        return max(self.pfn[0] - _FOLIO_MAX + 1, 0), self.pfn[1] + _FOLIO_MAX - 1

    def wants_item(self, item: Item, names: Names, now: int | None) -> bool:
        """Whether a pin matches; now in ns of local_clock().

        A pin does not match by a word that could not be read.
        """
        origin = item.origin
        return (
            self._wants_folio(item)
            and self._wants_id(origin, names)
            and self._wants_task(origin.tgid, origin.pid)
            and (self.comm is None or self.comm == origin.comm)
            and self._wants_age(item.time, now)
            and self._wants_any(origin)
        )

    def wants_hazard(self, hazard: Hazard, names: Names, now: int | None) -> bool:
        """Whether a hazard matches.

        A word that a line has twice, for the event and the pin, may match in either.
        """
        event, item = hazard.event, hazard.run.first
        origin = item.origin
        return (
            (self.kind is None or self.kind == names.hazard(hazard.kind))
            and (self.stake is None or self.stake == names.stake(hazard.stake))
            and self._wants_folio(item)
            and self._wants_id(origin, names)
            and (
                self._wants_task(event.tgid, event.pid)
                or self._wants_task(origin.tgid, origin.pid)
            )
            and (self.comm is None or self.comm in (event.comm, origin.comm))
            and (self._wants_age(event.time, now) or self._wants_age(item.time, now))
            and self._wants_any(origin)
        )

    def wants_refusal(self, refusal: Refusal, names: Names) -> bool:
        """Whether a refusal matches; pfn by the page that could not be moved."""
        origin = refusal.origin
        return (
            (self.why is None or self.why == refusal.why)
            and (self.err is None or self.err == refusal.err)
            and self._wants_id(origin, names)
            and self._wants_task(origin.tgid, origin.pid)
            and (self.comm is None or self.comm == origin.comm)
            and (self.pfn is None or self._wants_page(refusal.pfn))
            and (self.ino is None or self.ino == refusal.ino)
            and (self.dev is None or self.dev == refusal.dev)
            and (self.path is None or is_path(refusal.path, self.path))
            and self._wants_any(origin)
        )

    def of_module(
        self, found: Iterator[T], stacks: Callable[[T], Iterable[Sequence[str]]]
    ) -> Iterator[T]:
        """Those of which one stack's frames are of the wanted module.

        Frames are read only if one is wanted.
        """
        module = self.module
        if module is None:
            return found
        return (each for each in found if module in map(module_of, stacks(each)))

    def _wants_folio(self, item: Item) -> bool:
        folio = item.folio
        if self.pfn is not None:
            first, last = self.pfn
            if item.head > last or item.head + folio.pages <= first:
                return False
        return (
            (self.ino is None or self.ino == folio.ino)
            and (self.dev is None or self.dev == folio.dev)
            and (self.path is None or is_path(folio.path, self.path))
        )

    def _wants_page(self, pfn: int) -> bool:
        """Whether the page of a refusal matches; 0 is none, or an unknown one."""
        first, last = self.pfn or (0, 0)
        return bool(pfn) and first <= pfn <= last

    def _wants_id(self, origin: Origin, names: Names) -> bool:
        return (
            (self.owner is None or self.owner == origin.owner)
            and (self.mode is None or self.mode == names.mode(origin.mode))
            and (self.term is None or self.term == names.term(origin.term))
            and (self.api is None or self.api == names.api(origin.api))
            and (self.stack is None or origin.stack in self.stack)
        )

    def _wants_task(self, tgid: int, pid: int) -> bool:
        if self.task is None:
            return True
        first, second = self.task
        if second is None:
            return first in (tgid, pid)
        return (first, second) == (tgid, pid)

    def _wants_any(self, origin: Origin) -> bool:
        ids = (origin.owner, origin.tgid, origin.pid)
        return self.any_of is None or self.any_of in ids

    def _wants_age(self, time: int, now: int | None) -> bool:
        if self.min_age_ms is None:
            return True
        age = age_ms(time, now)
        return age is not None and age >= self.min_age_ms


def module_of(frames: Sequence[str]) -> str:
    """The module of the innermost frame that is in one, as in a frame's last brackets.

    Built-in code is vmlinux, and "?" is unknown: a frame is no more than an address,
    or there are none.
    """
    for frame in frames:
        _, bracket, name = frame.partition(" [")
        if bracket:
            return re.split(r"[ \]]", name)[0]
        if frame.startswith("0x"):
            return "?"
    return "vmlinux" if frames else "?"


def is_path(path: str | None, wanted: str) -> bool:
    """Whether a path is the wanted one, or ends in it.

    A path starts at the root of its file system, so the path that users know may be
    longer. A path without a leading '/' was too long, and has lost its front.
    """
    if not path or not wanted:
        return False
    if not path.startswith("/") and wanted.endswith(path):
        return True
    path, wanted = path.lstrip("/"), wanted.lstrip("/")
    return f"/{path}".endswith(f"/{wanted}") or f"/{wanted}".endswith(f"/{path}")
