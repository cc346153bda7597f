# SPDX-License-Identifier: LGPL-2.1-or-later
"""The JSON document of gup-pin-2.schema.json: as one object, or as a stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .views import Views, Words

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from .state import GupPinState

# The parts of a document between its head and tail: lists of words, or words, or a
# function that returns words, which is called after the parts before it.
Parts = Mapping[str, "Iterable[Words] | Words | Callable[[], Words]"]


class Handles:
    """Notes the stacks that words name."""

    def __init__(self, wanted: bool = True) -> None:
        """Start empty; stays empty unless stacks are wanted."""
        self._wanted = wanted
        self._seen: dict[str, None] = {}

    def note(self, words: Words) -> None:
        """Note those of a pin, a group, a sum, a refusal, a hazard or a finding."""
        if not self._wanted:
            return
        # Of a group, several handles with commas.
        word = words.get("pin", words).get("stack")
        handles = [] if word is None else word.split(",")
        self._seen.update(dict.fromkeys((*handles, *words.get("stacks", ()))))

    def stacks(self, state: GupPinState) -> dict[str, list[str]]:
        """The frames of each stack; unreadable ones go to the state's faults."""
        return {handle: list(state.frames(int(handle, 16))) for handle in self._seen}


def write(
    out: SupportsWrite[str], views: Views, verb: str, parts: Parts, stacks: bool = True
) -> None:
    """Write a document with these parts and, if wanted, the stacks they name.

    Lists are streamed, not kept.
    """
    handles = Handles(stacks)
    out.write("{")
    separator = "\n "
    for name, part in _all_parts(views, verb, parts, handles):
        out.write(f"{separator}{json.dumps(name)}: ")
        separator = ",\n "
        if part is None or isinstance(part, (dict, str, bool)):
            out.write(json.dumps(part))
        else:
            _write_list(out, part, handles)
    out.write("\n}\n")


def _all_parts(
    views: Views, verb: str, parts: Parts, handles: Handles
) -> Iterator[tuple[str, Any]]:
    yield from views.head(verb).items()
    for name, part in parts.items():
        yield name, part() if callable(part) else part
    yield "stacks", handles.stacks(views.state)
    yield from views.tail().items()


def _write_list(
    out: SupportsWrite[str], words: Iterable[Words], handles: Handles
) -> None:
    out.write("[")
    separator = "\n  "
    for each in words:
        handles.note(each)
        out.write(separator)
        out.write(json.dumps(each))
        separator = ",\n  "
    out.write("]")


def build(views: Views, verb: str, parts: Mapping[str, Words]) -> Words:
    """The same as one object; without lists, which would have to be kept."""
    return dict(_all_parts(views, verb, parts, Handles()))
