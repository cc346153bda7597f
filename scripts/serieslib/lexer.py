# SPDX-License-Identifier: GPL-2.0
"""C sources, as far as needed to cut them: which text is code, where things begin and end."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

_SKIPPED = re.compile(
    r"""/\*.*?\*/                       # a comment
      | //[^\n]*
      | "(?:\\.|[^"\\\n])*"            # a string
      | '(?:\\.|[^'\\\n])*'
      | ^[ \t]*\#(?:\\\n|[^\n])*       # a directive, with its continued lines
    """,
    re.DOTALL | re.VERBOSE | re.MULTILINE,
)
_WORD = re.compile(r"\b[A-Za-z_]\w*")


def blanked(text: str) -> str:
    """The text with comments, strings and directives as spaces: the same length."""
    return _SKIPPED.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


@cache
def words(text: str) -> frozenset[str]:
    """The identifiers in the code; with those of directives, without those of comments."""
    without = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', " ", text, flags=re.DOTALL)
    return frozenset(_WORD.findall(without))


@dataclass(frozen=True)
class Item:
    """An item at the top level of a source.

    text: all of it, with the comment above and the empty lines after it
    name: the declared or defined name; "" if there is none
    kind: "directive", "comment", "prototype", "function" or "other"
    """

    text: str
    name: str
    kind: str


def _name_of(code: str) -> tuple[str, str]:
    """Name and kind of an item, from its text without comments."""
    head = re.sub(r"\[[^]]*\]", " ", re.split(r"[{=]", code, maxsplit=1)[0])
    # static LIST_HEAD(name), DEFINE_STATIC_KEY_FALSE(name); but not EXPORT_SYMBOL_GPL(name)
    macro = re.match(r"\s*(?:static\s+[A-Z_]+|DE(?:FINE|CLARE)_[A-Z_]+)\(\s*(\w+)", head)
    if macro:
        return macro.group(1), "other"
    if re.match(r"\s*[A-Za-z_]\w*\s*\([^;{]*\)\s*;\s*$", code, re.DOTALL):
        return "", "other"
    return _declared(code, head)


def _declared(code: str, head: str) -> tuple[str, str]:
    """Name and kind of an item that is not a macro's use, nor static by one."""
    function = re.search(r"\b(\w+)\s*\((?!\s*\*)", re.sub(r"__\w+\s*\(\([^)]*\)\)", "", head))
    if function and "typedef" not in head:
        return function.group(1), "function" if "{" in code else "prototype"
    made = re.search(r"\}\s*(\w+)(?:\[[^]]*\])*\s*(?:=|;)", code)
    if made:
        return made.group(1), "other"
    tag = re.match(r"\s*(?:struct|enum|union)\s+(\w+)\s*(?:\{|;)", code)
    if tag:
        return tag.group(1), "other"
    names = re.findall(r"\b[A-Za-z_]\w*", re.sub(r"\b__\w+", " ", head))
    if code.lstrip().startswith("extern"):
        return names[-1] if names else "", "prototype"
    return names[-1] if names else "", "other"


def _end_of_item(code: str, start: int) -> int:
    """The end of the item that begins at start."""
    depth = 0
    for at in range(start, len(code)):
        char = code[at]
        if char in "({[":
            depth += 1
        elif char in ")}]":
            depth -= 1
            head = code[start : code.find("{", start)]
            if char == "}" and not depth and re.search(r"\)[^;={}]*$", head):
                return at + 1
        elif char == ";" and not depth:
            return at + 1
    raise ValueError(f"no end: {code[start : start + 60]!r}")


@cache
def items(text: str) -> tuple[Item, ...]:
    """Split a source; the joined texts are the source."""
    code = blanked(text)
    found: list[Item] = []
    at = begun = 0
    while at < len(text):
        rest = re.compile(r"\s*").match(text, at)
        assert rest
        at = rest.end()
        if at == len(text):
            break
        if text.startswith("#", at):
            directive = re.compile(r"#(?:\\\n|/\*.*?\*/|[^\n])*", re.DOTALL).match(text, at)
            assert directive
            at = directive.end()
            define = re.match(r"#\s*define\s+(\w+)", text[directive.start() :])
            kind, name = "directive", define.group(1) if define else ""
        elif text.startswith(("/*", "//"), at):
            comment = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL).match(text, at)
            assert comment
            at = comment.end()
            if not text.startswith("\n\n", at):
                continue  # part of the next one
            kind, name = "comment", ""
        else:
            end = _end_of_item(code, at)
            name, kind = _name_of(code[at:end])
            at = end
        trailing = re.compile(r"[ \t]*(?:/\*[^\n]*?\*/)?[ \t]*\n*").match(text, at)
        assert trailing
        at = trailing.end()
        found.append(Item(text[begun:at], name, kind))
        begun = at
    if begun < len(text):
        found.append(Item(text[begun:], "", "comment"))
    return tuple(found)


def conditions(text: str, holds: Callable[[str], bool | None]) -> str:
    """A source without conditions that are decided, and without the lines that these omit.

    holds: whether the condition of an #if or #ifdef is true; None to leave it in the source
    """
    out: list[str] = []
    # for each open condition: whether it is decided, and whether its lines are kept
    nested: list[tuple[bool, bool]] = []
    for line in text.splitlines(keepends=True):
        word = re.match(r"#\s*(ifdef|ifndef|if|else|endif)\b(.*)", line)
        directive = word.group(1) if word else ""
        decided = bool(nested) and nested[-1][0]
        if word and directive in ("if", "ifdef", "ifndef"):
            found = None if directive == "ifndef" else holds(word.group(2).strip())
            nested.append((found is not None, found is not False))
            if found is not None:
                continue
        elif directive == "else" and decided:
            nested[-1] = (True, not nested[-1][1])
            continue
        elif directive == "endif" and nested.pop()[0]:
            continue
        if all(kept for _, kept in nested):
            out.append(line)
    return "".join(out)
