#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Check that all ways to take or drop a FOLL_PIN reference are hooked.

usage: audit.py KDIR

Reads the C files below KDIR/mm as text. A function takes or drops pins if it
passes FOLL_PIN to one of the primitives, changes a pin count itself, or calls a
static function that does. If other files can call it, it must call one of the
gup_pin_*() hooks. In addition, mm/gup.c must not call a hooked unpin function: pins that it
drops before a call has succeeded are not recorded, so the hook would remove another record.

Exit status: 0 all hooked, 1 not, 2 usage.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

# They take the flags as an argument, so the caller decides whether to pin.
PRIMITIVES = {"gup_put_folio", "try_grab_folio", "try_grab_folio_fast"}

# They drop only pins that they or their callees took and no caller has seen, or pins whose
# records are already removed.
BALANCED = {
    "follow_page_pte": "pins of an inaccessible page",
    "gup_fast": "pins that raced with fork",
    "migrate_longterm_unpinnable_folios": "pins of pages that must move first",
    "pofs_unpin": "pins of a call that fails",
    "__gup_pin_unpin_folio": "for hooks",
    "__gup_pin_unpin_folios": "for hooks",
    "__gup_pin_unpin_pages": "for hooks",
}

NO_CHANGES: Mapping[str, str] = MappingProxyType({})

# Functions that remove a record.
HOOKED_UNPINS = re.compile(r"(?<!\w)(unpin_(?:user_\w+|folios?))\s*\(")

HOOK = re.compile(r"\bgup_pin_(?:acquired|added|released)\w*\s*\(")
DEFINITION = re.compile(
    r"^(?P<head>(?!typedef|struct \w+ \{|union|enum|#)[A-Za-z_][^;{}=#]*?"
    r"\b(?P<name>\w+)\s*\((?P<args>[^;{}]*)\)\s*)\{",
    re.MULTILINE,
)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
COUNTING = re.compile(
    r"\batomic_(?:add|sub|inc|dec)\w*\s*\([^;]*_pincount"
    r"|\bfolio_(?:ref_\w+|put_refs)\s*\([^;]*GUP_PIN_COUNTING_BIAS"
)


@dataclass
class Function:
    """A function definition: where it is, whether it is static, its body."""

    file: str
    name: str
    static: bool
    body: str


def blank_comments(text: str) -> str:
    """Replace comments with blanks, without changing line numbers."""
    return COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def functions(path: Path, name: str) -> list[Function]:
    """All functions defined in a C file in kernel style."""
    return functions_in(path.read_text(errors="replace"), name)


def functions_in(text: str, name: str) -> list[Function]:
    """All functions defined in the text of such a file."""
    text = blank_comments(text)
    found = []
    for match in DEFINITION.finditer(text):
        end = text.find("\n}", match.end())
        found.append(
            Function(
                name,
                match["name"],
                bool(re.search(r"\bstatic\b", match["head"])),
                text[match.end() : end],
            )
        )
    return found


def calls(body: str, name: str) -> list[str]:
    """The argument lists of all calls to a function in a body."""
    found = []
    for match in re.finditer(rf"\b{name}\s*\(", body):
        depth, i = 1, match.end()
        while depth and i < len(body):
            depth += {"(": 1, ")": -1}.get(body[i], 0)
            i += 1
        found.append(body[match.end() : i - 1])
    return found


def pins_itself(function: Function) -> bool:
    """Does the function itself take or drop pins?"""
    if function.name in PRIMITIVES:
        return False
    for callee in (*PRIMITIVES, "is_valid_gup_args"):
        if any("FOLL_PIN" in args for args in calls(function.body, callee)):
            return True
    return bool(COUNTING.search(function.body))


def pinning(functions_: list[Function]) -> set[str]:
    """Names of the functions of one file that take or drop pins."""
    names = {f.name for f in functions_ if pins_itself(f)}
    while True:
        static = {
            f.name
            for f in functions_
            if f.name in names and f.static and f.name not in BALANCED
        }
        more = {
            f.name
            for f in functions_
            if f.name not in names
            and any(re.search(rf"\b{s}\s*\(", f.body) for s in static)
        }
        if not more:
            return names
        names |= more


def audit(kdir: Path, changed: Mapping[str, str] = NO_CHANGES) -> tuple[int, list[str]]:
    """Audit a tree. Return the number of functions checked, and the errors.

    changed: other texts that some of its files are to have
    """
    checked, wrong = 0, []
    for path in sorted(kdir.glob("mm/**/*.c")):
        name = str(path.relative_to(kdir))
        if name.startswith("mm/gup_pin/"):
            continue
        text = changed.get(name) or path.read_text(errors="replace")
        if "FOLL_PIN" not in text and "_pincount" not in text:
            continue
        found = functions_in(text, name)
        for function in found:
            undone = sorted(set(HOOKED_UNPINS.findall(function.body)))
            if undone and name == "mm/gup.c":
                wrong.append(
                    f"{name}: {function.name}() undoes pins through the hooked "
                    f"{', '.join(undone)}()"
                )
        names = pinning(found)
        for function in found:
            if function.name not in names or function.static or function.name in BALANCED:
                continue
            checked += 1
            if not HOOK.search(function.body):
                wrong.append(f"{name}: {function.name}() has no hook")
    return checked, wrong


def main(argv: list[str]) -> int:
    """Run the command line."""
    if len(argv) != 2 or not Path(argv[1], "mm").is_dir():
        print("usage: audit.py KDIR", file=sys.stderr)
        return 2
    checked, wrong = audit(Path(argv[1]))
    for line in wrong:
        print(f"audit: {line}", file=sys.stderr)
    if not checked:
        print("audit: no function that pins was found", file=sys.stderr)
        return 1
    if wrong:
        return 1
    print(f"audit: {checked} functions that take or drop pins, all hooked")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
