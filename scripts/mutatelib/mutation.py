# SPDX-License-Identifier: GPL-2.0
"""One mutation: what it changes, and which test notices it."""

from __future__ import annotations

from dataclasses import dataclass


class Stale(Exception):
    """The sources are not what the list was written for."""


@dataclass(frozen=True)
class Mutation:
    """A change of one place, after which the feature is wrong.

    name: of the list, one word; file: in the project; old: what is there, once; new: what
    takes its place; noticed: the test that fails then, suite.case of KUnit (the case may be
    a pattern) or one of our selftest programs; why: instead, why it makes no difference;
    flavour: of the kernel, where only one that watches itself can tell.
    """

    name: str
    file: str
    old: str
    new: str
    noticed: str = ""
    why: str = ""
    flavour: str = "test"

    def apply(self, text: str) -> str:
        """The file's text with it. Raises Stale."""
        found = text.count(self.old)
        if found != 1:
            raise Stale(f"{self.name}: {self.file} has {found} places like {self.old!r}, not one")
        if self.old == self.new:
            raise Stale(f"{self.name}: changes nothing")
        return text.replace(self.old, self.new)
