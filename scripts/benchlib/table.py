# SPDX-License-Identifier: GPL-2.0
"""Tables: of a run, for the terminal; of the baseline, for the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .cases import COLUMNS, GOALS
from .figures import Figure

HEAD = ("figure", *COLUMNS, "ratio", "goal", "met")


def short(value: float) -> str:
    """Four digits, of which at most two are after the decimal point."""
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Make columns as wide as necessary; align all but the first to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def plain(figures: Sequence[Figure]) -> str:
    """Results of a run."""
    rows: list[Sequence[str]] = [HEAD]
    for figure in figures:
        met = "yes" if figure.met else "NO"
        rows.append((figure.name, *figure.cells, short(figure.ratio), short(figure.goal), met))
    return "\n".join(aligned(rows)) + "\n"


def rst(baseline: Mapping[str, Mapping[str, float]]) -> str:
    """The baseline, all versions side by side."""
    rows: list[Sequence[str]] = [("figure", "goal", *baseline)]
    for name, goal in GOALS.items():
        ratios = [past.get(name) for past in baseline.values()]
        if any(ratios):
            cells = ("n/a" if ratio is None else short(ratio) for ratio in ratios)
            rows.append((name, short(goal), *cells))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "  ".join("=" * width for width in widths)
    head, *body = aligned(rows)
    return "\n".join([rule, head, rule, *body, rule]) + "\n"
