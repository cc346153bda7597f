# SPDX-License-Identifier: GPL-2.0
"""The figures that are kept, tests/suites_measured.json, and what the document says of them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from vmlib import paths

from .judge import Figures
from .table import Suite

FILE = paths.PROJECT / "tests" / "suites_measured.json"
TITLE = "Test suites of others"
# By the version of the supported kernel.
Measured = dict[str, list[Figures]]

HEAD = """\
``scripts/suites --write`` has run the test suites below with tracking off and then with tracking
on, in one guest. A *test* kernel is the project's own; the others are Debian's, with the module.
``scripts/config/suites.toml`` says how the suites are run; ``make check-users`` runs them all.

| Tests: how many ran with tracking on; of these, as many failed or were skipped
| Differ: tests that ended otherwise with tracking off
| Pins: acquired by the suite
| Hazards: counted in ``stats``; none was reported
| Guessed: pins whose record was a guess (``inferred``). Only among these can one be that was
  taken from another holder
| Wrong: pins that were released and not on record, mismatches in ``verify``, and pins left
"""

NOT_RUN = """\
Not run is xfstests, of which Debian has no package.
"""


class BadMeasured(Exception):
    """The file is not what save() writes; the message is one line."""


def load(file: Path = FILE) -> Measured:
    """Read the file; nothing if there is none. Raises BadMeasured."""
    try:
        raw = json.loads(file.read_text())
        return {version: [Figures(**f) for f in figures] for version, figures in raw.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as err:
        raise BadMeasured(f"{file.name}: {err}") from err


def merge(old: Sequence[Figures], new: Sequence[Figures], titles: Sequence[str]) -> list[Figures]:
    """The newest figures of each suite, in the order of the table."""
    found = {f.suite: f for f in (*old, *new)}
    return [found[title] for title in titles if title in found]


def save(measured: Measured, file: Path = FILE) -> None:
    """Write the file."""
    raw = {version: [asdict(f) for f in figures] for version, figures in measured.items()}
    file.write_text(json.dumps(raw, indent="\t") + "\n")


def cells(figures: Figures) -> list[str]:
    """A row of the table."""
    f = figures
    return [
        f"{f.suite} ({f.version})",
        f.kernel,
        f"{f.tests}, {f.failed} failed, {f.skipped} skipped",
        *(f"{n:,}" for n in (f.differences, f.pins, f.hazards, f.guessed)),
        f"{f.unmatched}, {f.mismatches}, {f.left}",
    ]


def _wrapped(text: str) -> str:
    """A paragraph below its term."""
    indent = "  "
    return textwrap.fill(
        text, 98, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def section(measured: Measured, suites: Sequence[Suite]) -> str:
    """The section of the document."""
    head = ["Suite", "Kernel", "Tests", "Differ", "Pins", "Hazards", "Guessed", "Wrong"]
    rows = [head, *(cells(f) for figures in measured.values() for f in figures)]
    table = "".join("   * - " + "\n     - ".join(row) + "\n" for row in rows)
    names = dict.fromkeys(suite.name for suite in suites)
    subsets = {n: dict.fromkeys(s.subset for s in suites if s.name == n) for n in names}
    notes = "".join(f"{name}\n{_wrapped(' '.join(texts))}\n" for name, texts in subsets.items())
    return f"""
{TITLE}
{"=" * len(TITLE)}

{HEAD}
.. list-table::
   :header-rows: 1
   :widths: 20 14 20 7 10 8 8 13

{table}
Which tests these are:

{notes}
{NOT_RUN}"""
