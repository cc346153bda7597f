# SPDX-License-Identifier: GPL-2.0
"""Documentation/mm/gup_pin_trees.rst, made from what scripts/apply says of Debian's sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from applylib import judge
from applylib.judge import Judgement
from vmlib import paths

from .archive import Source

DOCUMENT = paths.PROJECT / "Documentation/mm/gup_pin_trees.rst"

HEAD = """\
.. SPDX-License-Identifier: GPL-2.0

====================================
Kernel sources that the feature fits
====================================

What ``scripts/apply`` of the project says of the newest kernel source of each Debian suite that
has one. ``scripts/survey --write`` makes this file anew: it downloads the sources, and tries each.
A source that the patch does not fit is left unchanged.

A hunk fits if the kernel has its lines in the function that it names. That the compiler takes the
result, and that it works, is known of the kernels that ``make check`` builds: {versions}.

.. list-table::
   :header-rows: 1
   :widths: 25 25 15 35

   * - Source
     - Suites
     - Patch
     - Result
"""


@dataclass(frozen=True)
class Finding:
    """What became of a source."""

    source: Source
    judgement: Judgement


def result(found: Judgement) -> str:
    """The result in a table's cell."""
    if not found.misfits and not found.unhooked:
        return f"all {found.hunks} hunks fit, and no hook is missing"
    fitting = found.hunks - len(found.misfits)
    words = f"{fitting} of {found.hunks} hunks fit"
    places = len(set(found.unhooked))
    noun = "place" if places == 1 else "places"
    return f"{words}; the audit finds {places} more {noun} to see to" if places else words


def row(finding: Finding) -> str:
    """A source's row in the table."""
    found = finding.judgement
    nearest = "" if found.made_for == found.version else ", the nearest"
    return (
        f"   * - {finding.source}\n"
        f"     - {', '.join(finding.source.suites)}\n"
        f"     - {found.made_for}{nearest}\n"
        f"     - {result(found)}\n"
    )


def details(found: Judgement) -> str:
    """What a person has to see to, in a source that the patch does not fit."""
    places: dict[str, dict[str, list[str]]] = {}
    for misfit in found.misfits:
        names = places.setdefault(misfit.file, {}).setdefault(misfit.why, [])
        if misfit.place not in names:
            names.append(misfit.place)
    lines = []
    if places:
        lines.append("Hunks that do not fit, by file:\n")
    for file, reasons in places.items():
        why = "; ".join(
            f"{reason}: {', '.join(f'``{name}``' for name in names)}"
            for reason, names in reasons.items()
        )
        lines.append(f"* {file}: {why}")
    if found.unhooked:
        lines.append("\nWhat the audit finds with the hunks that fit:\n")
        lines += [f"* {line}" for line in dict.fromkeys(found.unhooked)]
    return "\n".join(lines) + "\n"


def document(findings: Sequence[Finding]) -> str:
    """The whole file."""
    text = HEAD.format(versions=" and ".join(judge.versions()))
    text += "".join(row(finding) for finding in findings)
    sections: dict[str, list[Source]] = {}
    for finding in findings:
        if finding.judgement.misfits or finding.judgement.unhooked:
            sections.setdefault(details(finding.judgement), []).append(finding.source)
    for body, sources in sections.items():
        title = f"{sources[0].package} {', '.join(source.version for source in sources)}"
        text += f"\n{title}\n{'=' * len(title)}\n\n{body}"
    return text
