# SPDX-License-Identifier: GPL-2.0
"""Sources as in a kernel tree: for one version, without the parts for the module."""

from __future__ import annotations

import re

from .lexer import conditions

_CONDITION = re.compile(
    r"LINUX_VERSION_CODE (<|>=) KERNEL_VERSION\((\d+), (\d+), (\d+)\)",
)


def _holds(condition: str, version: str) -> bool | None:
    """Whether a condition on version or module is true; None if it is about something else."""
    if condition == "GUP_PIN_MODULE":
        return False
    match = _CONDITION.fullmatch(condition)
    if not match:
        return None
    major, minor = (int(n) for n in version.split("."))
    older = (major, minor, 0) < tuple(int(n) for n in match.groups()[1:])
    return older == (match.group(1) == "<")


def of_version(text: str, version: str) -> str:
    """A source without the lines for the module and for versions other than, say, 6.12."""
    text = conditions(text, lambda condition: _holds(condition, version))
    text = text.replace("#include <linux/version.h>\n", "")
    text = text.replace(" || defined(GUP_PIN_MODULE)", "")
    return _CONDITION.sub(lambda m: str(int(bool(_holds(m.group(), version)))), text)
