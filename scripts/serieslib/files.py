# SPDX-License-Identifier: GPL-2.0
"""A file of the project after some of the patches."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from .lexer import Item, conditions, items, words
from .places import Places, is_ours
from .statements import Cut, Later, members_without, without

_STATIC = re.compile(r"(?:/\*(?:(?!\*/).)*\*/\s*)*static\b", re.DOTALL)
_INCLUDE = re.compile(r'^#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)


def _makefile(text: str, have: set[str]) -> str:
    """A Makefile without the objects of files that do not exist yet."""
    out = []
    for line in text.splitlines():
        match = re.match(r"(obj-\S+ [+:]?= )(.*)", line)
        if not match:
            out.append(line)
            continue
        parts = [p for p in match.group(2).split() if p in have]
        if parts:
            out.append(match.group(1) + " ".join(parts))
    joined = re.sub(r"(?:# What [^\n]*\n)\n", "", "\n".join(out) + "\n")
    joined = re.sub(r"# What [^\n]*\n$", "", joined)
    return re.sub(r"\n{2,}", "\n\n", joined).rstrip("\n") + "\n"


def _kconfig(text: str, off: set[str]) -> str:
    """A Kconfig without options that do not exist yet."""
    blocks = re.split(r"(?=^config )", text, flags=re.MULTILINE)
    kept = [b for b in blocks if not any(b.startswith(f"config {o[7:]}\n") for o in off)]
    return "".join(kept).rstrip("\n") + "\n"


class Files:
    """Reduces files to the state after a patch."""

    def __init__(self, places: Places) -> None:
        """Use these places."""
        self.places = places
        kconfig = places.sources["mm/gup_pin/Kconfig"]
        self._configs = {f"CONFIG_{name}" for name in re.findall(r"^config (\w+)", kconfig, re.M)}

    def _off(self, number: int) -> set[str]:
        """Options that a later patch adds."""
        path = "mm/gup_pin/Kconfig"
        return {c for c in self._configs if (self.places.named(path, c) or 0) > number}

    def at(self, path: str, number: int) -> str | None:
        """A file after patch number; None if it does not exist yet.

        Raises Cut, with the file and the patch, if the table lacks information.
        """
        places = self.places
        text = places.sources[path]
        if places.of_file(path) > number:
            return None
        if not is_ours(path) or number == len(places.series.patches) - 1:
            return text
        try:
            return self._cut(path, text, number)
        except Cut as err:
            raise Cut(f"{path}, patch {number + 1}: {err}") from err

    def _cut(self, path: str, text: str, number: int) -> str:
        for later in self.places.series.patches[number + 1 :]:
            for one in later.replace:
                if one.file == path:
                    if text.count(one.new) != 1:
                        raise Cut(f"{text.count(one.new)} times {one.new!r}")
                    text = text.replace(one.new, one.old)
        if path.endswith("Makefile"):
            return _makefile(text, self._objects(PurePosixPath(path).parent, number))
        if path.endswith("Kconfig"):
            return _kconfig(text, self._off(number))
        if not path.endswith((".c", ".h")):
            return text
        off = self._off(number)
        text = conditions(text, lambda condition: False if condition in off else None)
        return self._cut_source(path, text, number)

    def _objects(self, folder: PurePosixPath, number: int) -> set[str]:
        """The targets of a Makefile: objects of existing files, and folders."""
        have = set()
        for path in self.places.sources:
            if path.startswith(f"{folder}/") and self.places.of_file(path) <= number:
                inside = path[len(str(folder)) + 1 :]
                have |= {re.sub(r"\.c$", ".o", inside), inside.split("/")[0] + "/"}
        return have

    def _cut_source(self, path: str, text: str, number: int) -> str:
        def later(name: str) -> bool:
            return self.places.of_name(path, name) > number

        kept: list[Item] = []
        for item in items(text):
            now = self._part(path, item, number, later)
            if now is not None:
                kept.append(now)
            elif kept and item.text.endswith("\n\n"):
                last = kept[-1]
                kept[-1] = Item(last.text.rstrip("\n") + "\n\n", last.name, last.kind)
        # used only by later things
        while True:
            used = [words(item.text) for item in kept]
            alone = [
                item
                for n, item in enumerate(kept)
                if item.name
                and path.endswith(".c")
                and _STATIC.match(item.text.lstrip())
                and not any(item.name in other for m, other in enumerate(used) if m != n)
            ]
            if not alone:
                break
            kept = [item for item in kept if item not in alone]
        return _tidy("".join(item.text for item in kept))

    def _part(self, path: str, item: Item, number: int, later: Later) -> Item | None:
        """The rest of an item."""
        if item.kind == "comment":
            return item
        if item.name and later(item.name):
            return None
        if item.kind == "directive":
            included = _INCLUDE.search(item.text)
            return item if not included or self._is_there(path, included.group(1), number) else None
        used = sorted(word for word in words(item.text) if later(word))
        return self._without(path, item, used) if used else item

    def _without(self, path: str, item: Item, used: list[str]) -> Item | None:
        """The rest of an item that uses later names."""
        if path.endswith(".h") and item.kind != "other":
            raise Cut(f"{item.name} uses what comes later: {', '.join(used)}")
        # EXPORT_SYMBOL_GPL(name); and top-level macros of tests
        if not item.name or (self.places.has_cases(path) and "{" not in item.text):
            return None
        cut = without if item.kind == "function" else members_without
        return Item(cut(item.text, used.__contains__), item.name, item.kind)

    def _is_there(self, path: str, included: str, number: int) -> bool:
        """Whether a header exists, if it is one of ours."""
        for base in (PurePosixPath(path).parent, PurePosixPath("include")):
            parts: list[str] = []
            for part in (base / included).parts:
                if part == "..":
                    del parts[-1:]
                else:
                    parts.append(part)
            found = "/".join(parts)
            if found in self.places.sources:
                return self.places.of_file(found) <= number
        return True


def _tidy(text: str) -> str:
    """Removes empty sections and conditions, and repeated empty lines."""
    text = re.sub(r"^#if[^\n]*\n\s*#endif[^\n]*\n+", "", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text)
    while True:
        # /* file.c */ in a header, before another heading or the end
        now = re.sub(
            r"\n/\* [\w/.]+\.c(?:: [^*\n]*)? \*/\n+(?=(?:/\* [\w/.]+\.c[^*\n]* \*/\n|#endif))",
            "\n",
            text,
        )
        if now == text:
            break
        text = now
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"
