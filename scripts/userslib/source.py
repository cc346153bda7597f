# SPDX-License-Identifier: GPL-2.0
"""The source of a kernel tree: the callers of functions that take pins, or that drop them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import audit

# Not kernel code, or this project's own.
ELSEWHERE = (
    *("Documentation/", "rust/", "samples/", "scripts/", "tools/"),
    *("include/linux/gup_pin.h", "mm/gup_pin/"),
)
# The API itself.
IMPLEMENTATION = "mm/gup.c"
# Looks like a function's name after a label.
NO_NAMES = {"do", "for", "if", "switch", "while"}
# A bio's pins are dropped through these, which the users of a bio call.
BIO = ("__bio_release_pages", "bio_check_pages_dirty", "bio_iov_iter_unbounce", "bio_release_pages")


@dataclass(frozen=True, order=True)
class Place:
    """A function: its file, from the top of the tree, and its name."""

    file: str
    name: str

    def __str__(self) -> str:
        return f"{self.file}: {self.name}()"


@dataclass
class Tree:
    """A kernel tree; root is its top folder."""

    root: Path
    _bodies: dict[str, list[audit.Function]] = field(default_factory=dict)

    @cached_property
    def version(self) -> str:
        """The version, such as 6.12; raises ValueError if the folder is not a kernel tree."""
        try:
            text = (self.root / "Makefile").read_text()
        except OSError:
            text = ""
        numbers = [re.search(rf"^{n} = (\d+)$", text, re.M) for n in ("VERSION", "PATCHLEVEL")]
        if not all(numbers) or not (self.root / IMPLEMENTATION).is_file():
            raise ValueError(f"{self.root} is not a kernel tree")
        return ".".join(n[1] for n in numbers if n)

    @cached_property
    def api(self) -> tuple[set[str], set[str]]:
        """The functions that take pins for callers elsewhere, and those that drop them."""
        found = audit.functions(self.root / IMPLEMENTATION, IMPLEMENTATION)
        pinning = audit.pinning(found) - set(audit.BALANCED)
        names = {f.name for f in found if f.name in pinning and not f.static}
        drops = {name for name in names if name.startswith("unpin_")}
        return names - drops, drops

    def functions(self, file: str) -> list[audit.Function]:
        """All functions of a file."""
        if file not in self._bodies:
            found = audit.functions(self.root / file, file)
            self._bodies[file] = [f for f in found if f.name not in NO_NAMES]
        return self._bodies[file]

    def has(self, place: Place) -> bool:
        """Whether there is such a function."""
        if not (self.root / place.file).is_file():
            return False
        return any(f.name == place.name for f in self.functions(place.file))

    def _files(self, names: Iterable[str]) -> list[str]:
        words = "|".join(sorted(names))
        done = subprocess.run(
            ["grep", "-rlwE", "--include=*.[ch]", words, "."],
            cwd=self.root,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        files = sorted(line.removeprefix("./") for line in done.stdout.splitlines())
        return [f for f in files if not f.startswith(ELSEWHERE)]

    def calls(self, names: Iterable[str]) -> Iterator[tuple[Place, str]]:
        """The callers of these functions, and which ones they call.

        A call in a macro is listed under the name of the macro.
        """
        wanted = set(names)
        pattern = re.compile(rf"(?<![\w.>])({'|'.join(sorted(wanted))})\s*\(")
        macro = re.compile(r"^#\s*define\s+(\w+)((?:.*\\\n)*.*)", re.M)
        for file in self._files(wanted):
            found = [(f.name, f.body) for f in self.functions(file)]
            text = audit.blank_comments((self.root / file).read_text(errors="replace"))
            found += [(m[1], m[2]) for m in macro.finditer(text)]
            for name, body in found:
                for callee in sorted(set(pattern.findall(body))):
                    if callee != name:
                        yield Place(file, name), callee
