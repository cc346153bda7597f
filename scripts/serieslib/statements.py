# SPDX-License-Identifier: GPL-2.0
"""The statements of a function that mention a name, and the function without them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .lexer import blanked

Later = Callable[[str], bool]
_WORD = re.compile(r"\b[A-Za-z_]\w*")
_CONTROL = re.compile(r"(?:if|while|switch|\w*for_each\w*|for)\b")


class Cut(Exception):
    """A statement cannot be left out; the message is for the user."""


@dataclass
class Statement:
    """A statement: text[start:end]; head ends its condition; parts are what it controls."""

    start: int
    end: int = 0
    head: int = 0
    block: bool = False
    parts: list[Statement] = field(default_factory=list)


class _Parser:
    """Finds the statements of a function's body."""

    def __init__(self, text: str) -> None:
        self.code = blanked(text)
        self.at = 0

    def space(self) -> None:
        while self.at < len(self.code) and self.code[self.at].isspace():
            self.at += 1

    def closing(self, opening: int) -> int:
        """The position where the bracket is closed."""
        depth = 0
        for at in range(opening, len(self.code)):
            if self.code[at] in "({[":
                depth += 1
            elif self.code[at] in ")}]":
                depth -= 1
                if not depth:
                    return at + 1
        raise Cut("brackets that are not closed")

    def statement(self, start: int) -> Statement:
        """The statement here; the text between start and here belongs to it."""
        self.space()
        found = Statement(start)
        rest = self.code[self.at :]
        control = _CONTROL.match(rest)
        if rest.startswith("{"):
            self.at += 1
            found.block = True
            found.head = self.at
            found.parts = self.body()
            self.at += 1
        elif rest.startswith("do "):
            self.at += 3
            found.parts = [self.statement(self.at)]
            found.head = found.parts[0].start
            self.at = self.code.index(";", self.at) + 1
        elif control:
            self.at = self.closing(self.code.index("(", self.at))
            found.head = self.at
            found.parts = [self.statement(self.at)]
            self.space()
            if re.match(r"else\b", self.code[self.at :]):
                self.at += 4
                found.parts.append(self.statement(self.at))
            self.at = found.parts[-1].end
        else:
            self.at = found.head = self.simple()
        found.end = self.at
        return found

    def simple(self) -> int:
        """End of a label, or of a statement that neither is a block nor controls one."""
        label = re.compile(r"(?:case\b[^:;]*|\w+\s*):(?!:)").match(self.code, self.at)
        if label and "?" not in label.group():
            return label.end()
        at = self.at
        while self.code[at] != ";":
            at = self.closing(at) if self.code[at] in "({[" else at + 1
        return at + 1

    def body(self) -> list[Statement]:
        """The statements up to the closing brace of the block."""
        found: list[Statement] = []
        while True:
            start = self.at
            self.space()
            if self.code[self.at] == "}":
                return found
            self.at = start
            found.append(self.statement(start))


def _mentioned(code: str, later: Later) -> str:
    """The first later name in the code, or ''."""
    return next((word for word in _WORD.findall(code) if later(word)), "")


def _cut_simple(text: str, later: Later) -> str | None:
    """A statement that controls no other, without the parts that mention later names."""
    if not _mentioned(blanked(text), later):
        return text
    if "{" in blanked(text):
        fewer = members_without(text, later)
        if not _mentioned(blanked(fewer), later):
            return fewer
    if re.match(r"\s*return\b", blanked(text)):
        name = _mentioned(blanked(text), later)
        raise Cut(f"returns what comes later ({name}): {' '.join(text.split())}")
    return None


def _cut(text: str, code: str, part: Statement, later: Later) -> str | None:
    """The statement without the parts that mention later names; None if nothing is left."""
    whole = text[part.start : part.end]
    if not part.parts:
        return whole if part.block else _cut_simple(whole, later)
    kept = [_cut(text, code, inner, later) for inner in part.parts]
    if part.block:
        gone = not any(kept)
    else:
        gone = kept[0] is None or bool(_mentioned(code[part.start : part.head], later))
        if kept[0] is None and any(kept[1:]):
            raise Cut(f"an else is left: {whole!r}")
    if gone:
        return None
    first, last = part.parts[0].start, part.parts[-1].end
    middle = _joined(text, part.parts, kept)
    return text[part.start : first] + middle + text[last : part.end]


def _joined(text: str, parts: list[Statement], kept: list[str | None]) -> str:
    """Statements and the text between them, without those that are left out."""
    out: list[str] = []
    at = parts[0].start
    for part, now in zip(parts, kept, strict=True):
        between = text[at : part.start]
        at = part.end
        if now is not None:
            out += [between, now]
            continue
        if between.strip() != "else":
            out.append(between)
        # an empty line above, as after declarations, stays
        if re.match(r"\s*?\n[ \t]*\n", text[part.start : part.end]):
            out.append("\n")
    return "".join(out)


def _tidy(function: str) -> str:
    """No repeated empty lines, none next to braces."""
    function = re.sub(r"\n{3,}", "\n\n", function)
    function = re.sub(r"\{\n\n+", "{\n", function)
    return re.sub(r"\n\n+(\t*\})", r"\n\1", function)


def without(text: str, later: Later) -> str:
    """A function without the statements that mention later names.

    Raises Cut if one of them cannot simply be left out.
    """
    parser = _Parser(text)
    parser.at = parser.code.index("{") + 1
    head = parser.at
    if name := _mentioned(parser.code[:head], later):
        raise Cut(f"the head mentions {name}")
    parts = parser.body()
    kept = [_cut(text, parser.code, part, later) for part in parts]
    return _tidy(text[:head] + _joined(text, parts, kept) + text[parts[-1].end :])


def _pieces(inside: str, separator: str) -> list[str]:
    """The text between separators at the same depth, each with its separator."""
    code = blanked(inside)
    found, start, depth = [], 0, 0
    for at, char in enumerate(code):
        if char in "({[":
            depth += 1
        elif char in ")}]":
            depth -= 1
        elif char == separator and not depth:
            end = re.compile(r"[ \t]*(?:/\*[^\n]*\*/)?").match(inside, at + 1)
            assert end
            found.append(inside[start : end.end()])
            start = end.end()
    return [*found, inside[start:]]


def _directives(text: str) -> str:
    """The directives in a text, with the end of the previous line."""
    lines = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    return "".join("\n" + line for line in lines)


def members_without(text: str, later: Later) -> str:
    """A struct, enum or initialiser without the members that mention later names."""
    code = blanked(text)
    start, end = code.index("{") + 1, code.rindex("}")
    separator = ";" if re.match(r"[\s\w]*\b(?:struct|union)\s+\w+\s*\{", code) else ","
    pieces = _pieces(text[start:end], separator)
    kept = [
        _directives(piece) if _mentioned(blanked(piece), later) else piece for piece in pieces
    ]
    if kept == pieces:
        return text
    out = text[:start] + "".join(kept) + text[end:]
    left = set(_WORD.findall(blanked(out)))

    # lines of the kernel-doc about omitted members
    def still(match: re.Match[str]) -> str:
        return match.group() if match.group(1) in left else ""

    return re.sub(r"^ \* @(\w+):[^\n]*\n(?: \*\t[^\n]*\n)*", still, out, flags=re.MULTILINE)
