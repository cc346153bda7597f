# SPDX-License-Identifier: GPL-2.0
"""The table of users, compared with kernel trees and with our tests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .source import BIO, IMPLEMENTATION, Place, Tree
from .table import COUNTERPART, PROGRAMS, RELEASES, Table, User


@dataclass
class Kernel:
    """A tree's callers, with the functions they call; functions that unpin; the API's names."""

    version: str
    takes: dict[Place, set[str]] = field(default_factory=dict)
    drops: dict[Place, set[str]] = field(default_factory=dict)
    api: set[str] = field(default_factory=set)


def read(tree: Tree, table: Table) -> Kernel:
    """Find all calls in a tree."""
    takes, drops = tree.api
    ends = {w[:-2] for u in table.users for w in u.release if COUNTERPART.fullmatch(w)}
    kernel = Kernel(tree.version, api=takes)
    for place, callee in tree.calls({*takes, *table.helpers, *drops, *BIO, *ends}):
        if place.file == IMPLEMENTATION:
            continue
        found = kernel.takes if callee in {*takes, *table.helpers} else kernel.drops
        found.setdefault(place, set()).add(callee)
    return kernel


def pins(kernel: Kernel, drops: set[str]) -> dict[Place, set[str]]:
    """The functions among those that unpin which do so by the API."""
    found = {place: names & drops for place, names in kernel.drops.items()}
    return {place: names for place, names in found.items() if names}


def missing(kernel: Kernel, table: Table, drops: set[str]) -> list[str]:
    """The callers in a kernel that the table lacks."""
    known = table.of()
    wrong = [
        f"{kernel.version}: {place} calls {', '.join(sorted(names))}() and is not in the table"
        for place, names in sorted(kernel.takes.items())
        if place not in known
    ]
    files = {p.file for p in known} | {p.file for u in table.users for p in u.by}
    wrong += [
        f"{kernel.version}: {place} unpins, and no user of the table has that file"
        for place in sorted(pins(kernel, drops))
        if place.file not in files
    ]
    return wrong


def releases(user: User, kernel: Kernel) -> list[str]:
    """The release words that contradict a kernel."""
    here = [names for place, names in kernel.drops.items() if place.file in user.files]
    called = set().union(*here)
    wrong = []
    for word in user.release:
        pattern = word[:-2] if COUNTERPART.fullmatch(word) else RELEASES[word][1]
        if pattern and not any(re.fullmatch(pattern, name) for name in called):
            wrong.append(word)
    return wrong


def left_over(kernels: Sequence[Kernel], table: Table) -> list[str]:
    """The entries that no kernel has; these must be all kernels."""
    takes = {place for kernel in kernels for place in kernel.takes}
    drops = {place for kernel in kernels for place in kernel.drops}
    wrong = [
        f"{place} is in the table, and calls no such function in any kernel"
        for user in table.users
        for place in user.callers
        if place not in takes
    ]
    wrong += [
        f"{place} is in the table, and unpins in no kernel"
        for user in table.users
        for place in user.by
        if place not in drops
    ]
    for user in table.users:
        with_it = [k for k in kernels if any(place in k.takes for place in user.callers)]
        each = [set(releases(user, kernel)) for kernel in with_it]
        if each:
            # A word may only be true for one kernel.
            for word in sorted(set.intersection(*each)):
                wrong.append(f"{user.callers[0]}: no kernel drops its pins like that: {word}")
    return wrong


def tests(table: Table) -> list[str]:
    """The tests in the table that do not exist."""
    return [
        f"{user.callers[0]}: there is no test {test} in {PROGRAMS.name}"
        for user in table.users
        for test in user.tests
        if not test.exists()
    ]
