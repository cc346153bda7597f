# SPDX-License-Identifier: GPL-2.0
"""Figures of earlier runs: read, write and compare them."""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from checklib.results import FAILED, PASSED, SKIPPED, Result
from checklib.run import tool
from vmlib import paths

from .cases import COLUMNS

# Compiled by gcc 12 of Debian 12; other compilers give other figures.
FILE = paths.PROJECT / "tests" / "bench_baseline.json"
GCC = "12"

# Tolerance for a figure that gets worse; a figure that gets better by more deserves a new
# baseline.
TOLERANCE = 0.05

# Ratios by name, by version.
Baseline = dict[str, dict[str, float]]


class BadBaseline(Exception):
    """The file is not in the format that --update-baseline writes."""


def file(gcc: str) -> Path:
    """The baseline for kernels compiled by a major version of gcc."""
    return FILE if gcc == GCC else FILE.with_stem(f"{FILE.stem}_gcc_{gcc}")


def gcc_here() -> str:
    """Major version of this machine's gcc, which compiles the kernels."""
    return tool("gcc", "-dumpversion").strip().partition(".")[0]


def sound(value: object) -> bool:
    """Whether the value is a valid ratio."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < math.inf


def load(path: Path = FILE) -> Baseline:
    """Read the file; an empty baseline if there is none. Raises BadBaseline."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as err:
        raise BadBaseline(f"{path}: {err}") from err
    if not isinstance(found, dict) or not all(isinstance(r, dict) for r in found.values()):
        raise BadBaseline(f"{path}: not ratios by name by version")
    for version, ratios in found.items():
        for name, ratio in ratios.items():
            if not sound(ratio):
                raise BadBaseline(f"{path}: {version}: {name}: no ratio: {ratio!r}")
    return found


def save(baseline: Baseline, path: Path = FILE) -> None:
    """Write the file."""
    path.write_text(json.dumps(baseline, indent="\t") + "\n")


def update(baseline: Baseline, version: str, ratios: Mapping[str, float], whole: bool) -> Baseline:
    """Return a copy with new ratios for a version; whole: they replace all its others."""
    kept = {} if whole else baseline.get(version, {})
    new = {name: round(ratio, 4) for name, ratio in ratios.items()}
    return dict(sorted({**baseline, version: {**kept, **new}}.items()))


def compare(name: str, was: float | None, now: float | None) -> Result:
    """One figure, which may be missing in the baseline or in the current run."""
    if now is None:
        return Result(name, FAILED, "has a baseline, but was not measured")
    if was is None:
        return Result(name, SKIPPED, f"now {now:.3f}, no baseline yet: time for --update-baseline")
    change = now / was - 1
    text = f"baseline {was:.3f}, now {now:.3f}, {abs(change):.1%}"
    if change > TOLERANCE:
        return Result(name, FAILED, f"{text} worse")
    if change < -TOLERANCE:
        return Result(name, PASSED, f"{text} better: time for --update-baseline")
    return Result(name, PASSED)


def measurable(name: str, columns: Container[str]) -> bool:
    """Whether a figure needs only these kernels: the two around the slash of its last word."""
    over, _, under = name.rsplit(maxsplit=1)[-1].partition("/")
    return all(side in columns for side in (over, under) if side in COLUMNS)


def judge(
    ratios: Mapping[str, float],
    past: Mapping[str, float],
    cases: Iterable[str],
    columns: Container[str] = COLUMNS,
) -> list[Result]:
    """All figures of these cases and kernels, in order; figures that no longer exist come last."""
    known = set(cases)
    gone = [
        name
        for name in past
        if name not in ratios and name.split()[0] in known and measurable(name, columns)
    ]
    return [compare(name, past.get(name), ratios.get(name)) for name in [*ratios, *gone]]
