# SPDX-License-Identifier: GPL-2.0
"""Which patch of the series adds a file, and which a name in a file of several patches.

A function comes with its file, a header's declaration with its first user; the table has
all others.
"""

from __future__ import annotations

from collections.abc import Mapping

from .lexer import Item, items, words
from .table import Series, TableError

NEVER = 1 << 16
HOOKS = ("include/linux/gup_pin.h", "mm/gup_pin/hooks.h")
KUNIT = "mm/gup_pin/kunit/"


def is_ours(path: str) -> bool:
    """Whether it is a source of the kernel proper, which is cut."""
    return path.startswith(("mm/gup_pin/", "include/"))


def is_ours_name(name: str) -> bool:
    """Whether more than one file may know the name."""
    return "gup_pin" in name.lower()


class Places:
    """Numbers of patches, from 0."""

    def __init__(self, series: Series, sources: Mapping[str, str]) -> None:
        """For all files of the project, by path. Raises TableError if a file has no patch."""
        self.series = series
        self.sources = sources
        self.items = {
            path: items(text)
            for path, text in sources.items()
            if is_ours(path) and path.endswith((".c", ".h"))
        }
        self._defined: dict[str, str] = {}
        self._named: dict[tuple[str, str], int | None] = {}
        for path, parts in self.items.items():
            if path.endswith(".c"):
                for item in parts:
                    if is_ours_name(item.name):
                        self._defined.setdefault(item.name, path)
        self._files: dict[str, int] = {}
        self._tests: dict[str, dict[str, int]] = {}
        self._declared: dict[str, int] = {}
        for path in sources:
            if not path.startswith(KUNIT):
                self._files[path] = self._listed(path)
        self._find_declared()
        self._find_tests()

    def _with_file(self, path: str) -> list[int]:
        return [n for n, patch in enumerate(self.series.patches) if patch.has_file(path)]

    def _listed(self, path: str) -> int:
        """The one patch that the table names for a file."""
        found = self._with_file(path)
        if len(found) != 1:
            which = "none" if not found else " and ".join(str(n + 1) for n in found)
            raise TableError(f"{path} is in {which} of the patches, not in one")
        return found[0]

    def named(self, path: str, name: str) -> int | None:
        """The patch that the table names for a name in a file."""
        if (path, name) not in self._named:
            numbers = enumerate(self.series.patches)
            self._named[path, name] = next((n for n, p in numbers if p.has_name(path, name)), None)
        return self._named[path, name]

    def of_file(self, path: str) -> int:
        """The patch that adds a file."""
        return self._files[path]

    def of_kernel_file(self, path: str) -> int | None:
        """The patch that the table names for hunks without a name, in a file of the kernel."""
        return next(iter(self._with_file(path)), None)

    def of_name(self, path: str, name: str) -> int:
        """The patch that adds a name, as seen by a file; 0 for names that are not ours."""
        listed = self.named(path, name)
        if listed is not None:
            return listed
        if name in self._tests.get(path, {}):
            return self._tests[path][name]
        home = self._defined.get(name)
        if home in self._tests:
            return self._tests[home].get(name, 0)
        if home is not None and home in self._files:
            return self._files[home]
        return self._declared.get(name, 0)

    def _headers(self) -> list[tuple[str, Item]]:
        return [
            (path, item)
            for path, parts in self.items.items()
            if path.endswith(".h") and not path.startswith(KUNIT)
            for item in parts
            if is_ours_name(item.name)
        ]

    def _find_declared(self) -> None:
        """A header's declarations come with their first user."""
        declared = [
            (path, item)
            for path, item in self._headers()
            if item.name not in self._defined and self.named(path, item.name) is None
        ]
        self._declared = {item.name: NEVER for _, item in declared}
        fixed = self._called(declared)
        self._declared |= fixed
        users = self._users([name for name in self._declared if name not in fixed])
        changed = True
        while changed:
            changed = False
            for name, places in users.items():
                first = min((self._of_item(*place) for place in places), default=NEVER)
                if first < self._declared[name]:
                    self._declared[name] = first
                    changed = True
        # used only by the kernel, or not at all
        for path, item in declared:
            if self._declared[item.name] == NEVER:
                self._declared[item.name] = self._files[path]

    def _called(self, declared: list[tuple[str, Item]]) -> dict[str, int]:
        """The hooks, which the kernel uses, come with the functions they call."""
        found = {}
        for path, item in declared:
            if path in HOOKS and item.kind == "function":
                called = [self.of_name(path, w) for w in words(item.text) if w.startswith("__gup")]
                if called:
                    found[item.name] = max(called)
        return found

    def _users(self, names: list[str]) -> dict[str, list[tuple[str, Item]]]:
        """The parts of files, except tests, that use each name."""
        users: dict[str, list[tuple[str, Item]]] = {name: [] for name in names}
        for path, parts in self.items.items():
            if path.startswith(KUNIT):
                continue
            for item in parts:
                for word in words(item.text) & users.keys():
                    if word != item.name:
                        users[word].append((path, item))
        return users

    def _of_item(self, path: str, item: Item) -> int:
        """The patch that adds a part of a file."""
        if not item.name:
            return self._files[path] if path.endswith(".c") else NEVER
        place = self.of_name(path, item.name)
        return max(place, self._files[path]) if path.endswith(".c") else place

    def _find_tests(self) -> None:
        """A test comes with the last thing it tests; shared parts of tests, with KUnit itself."""
        first = self._listed(f"{KUNIT}Makefile")
        for path in self.sources:
            if path.startswith(KUNIT):
                listed_for = self.of_kernel_file(path)
                self._files[path] = first if listed_for is None else listed_for
        tests = [path for path in self.items if path.startswith(KUNIT) and self.has_cases(path)]
        for path in tests:
            self._tests[path] = {i.name: first for i in self.items[path] if i.kind == "function"}
        changed = True
        while changed:
            changed = False
            for path in tests:
                changed |= self._raise_tests(path, first)
        for path in tests:
            places = self._tests[path]
            lists = [i.text for i in self.items[path] if "struct kunit_case " in i.text]
            cases = set().union(*(words(text) for text in lists)) & places.keys()
            self._files[path] = min((places[case] for case in cases), default=first)

    def has_cases(self, path: str) -> bool:
        """Whether it is a file of tests, and not a shared one."""
        return path.startswith(KUNIT) and "KUNIT_CASE" in self.sources[path]

    def _raise_tests(self, path: str, first: int) -> bool:
        """Find the patch of each function of a file of tests; True if one has changed."""
        places = self._tests[path]
        changed = False
        for item in self.items[path]:
            if item.kind != "function":
                continue
            used = words(item.text) - {item.name}
            place = max((self.of_name(path, word) for word in used), default=first)
            if place > places[item.name]:
                places[item.name] = place
                changed = True
        return changed
