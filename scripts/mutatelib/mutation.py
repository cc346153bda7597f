# SPDX-License-Identifier: GPL-2.0
"""One mutation: what it changes, and which test detects it."""

from __future__ import annotations

from dataclasses import dataclass


class Stale(Exception):
    """The sources have changed since the list was written."""


@dataclass(frozen=True)
class Mutation:
    """A change in one place that breaks the feature.

    name: in the list, one word; file: path in the project; old: existing text, which occurs
    once; new: replacement; noticed: the test that fails then, suite.case of KUnit (the case
    may be a pattern) or one of our selftest programs; why: instead, why the change has no
    effect; flavour: of the kernel, if only an instrumented one can detect it.
    """

    name: str
    file: str
    old: str
    new: str
    noticed: str = ""
    why: str = ""
    flavour: str = "test"

    def apply(self, text: str) -> str:
        """Return the text of the file with the mutation. Raises Stale."""
        found = text.count(self.old)
        if found != 1:
            raise Stale(f"{self.name}: {self.file} has {found} places like {self.old!r}, not one")
        if self.old == self.new:
            raise Stale(f"{self.name}: changes nothing")
        return text.replace(self.old, self.new)
