# SPDX-License-Identifier: GPL-2.0
"""Sources as in a kernel tree: for one version, without the parts for the module."""

from __future__ import annotations

import re

_CONDITION = re.compile(
    r"LINUX_VERSION_CODE (<|>=) KERNEL_VERSION\((\d+), (\d+), (\d+)\)",
)


def _holds(condition: str, version: str) -> bool | None:
    """Whether a condition on version or module is true; None if it is about something else."""
    if condition.strip() == "GUP_PIN_MODULE":
        return False
    match = _CONDITION.fullmatch(condition.strip())
    if not match:
        return None
    major, minor = (int(n) for n in version.split("."))
    older = (major, minor, 0) < tuple(int(n) for n in match.groups()[1:])
    return older == (match.group(1) == "<")


def of_version(text: str, version: str) -> str:
    """A source without the lines for the module and for versions other than, say, 6.12."""
    out: list[str] = []
    # for each open condition: whether it is decided here, and whether its lines are kept
    nested: list[tuple[bool, bool]] = []
    for line in text.splitlines(keepends=True):
        word = re.match(r"#\s*(if|ifdef|ifndef|else|endif)\b(.*)", line)
        if word and word.group(1) in ("if", "ifdef"):
            holds = _holds(word.group(2), version)
            nested.append((holds is not None, holds is not False))
            if holds is not None:
                continue
        elif word and word.group(1) == "ifndef":
            nested.append((False, True))
        elif word and word.group(1) == "else" and nested and nested[-1][0]:
            nested[-1] = (True, not nested[-1][1])
            continue
        elif word and word.group(1) == "endif" and nested and nested.pop()[0]:
            continue
        if all(kept for _, kept in nested):
            out.append(line)
    text = "".join(out).replace("#include <linux/version.h>\n", "")
    text = text.replace(" || defined(GUP_PIN_MODULE)", "")
    return _CONDITION.sub(lambda m: str(int(bool(_holds(m.group(), version)))), text)
