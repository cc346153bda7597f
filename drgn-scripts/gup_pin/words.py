# SPDX-License-Identifier: LGPL-2.1-or-later
"""Text as a word of a line: mirrors string_escape_mem() as mm/gup_pin/ calls it."""

from __future__ import annotations

import os


def escape(text: bytes) -> str:
    """A name as a word: without blanks or unescaped backslashes."""
    return "".join(
        chr(c) if 0x20 < c < 0x7F and c != ord("\\") else f"\\x{c:02x}" for c in text
    )


def unescape(word: str) -> bytes:
    """The text that a word stands for: mirrors string_unescape().

    As in the kernel's UNESCAPE_HEX, one digit is enough, and a backslash that does not
    begin an escape is itself. Invalid UTF-8 from a command line keeps its bytes.
    """
    data, i = bytearray(), 0
    raw = os.fsencode(word)
    while i < len(raw):
        digits = raw[i + 2 : i + 4] if raw[i : i + 2] == b"\\x" else b""
        while digits and not _is_hex(digits):
            digits = digits[:-1]
        if digits:
            data.append(int(digits, 16))
            i += 2 + len(digits)
        else:
            data.append(raw[i])
            i += 1
    return bytes(data)


def _is_hex(digits: bytes) -> bool:
    return all(c in b"0123456789abcdefABCDEF" for c in digits)
