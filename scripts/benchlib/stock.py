# SPDX-License-Identifier: GPL-2.0
"""The module in Debian's kernel, compared with the option built in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from checklib.run import PYTHON, Failed, Guest, path_from
from vmlib import paths

from . import guests
from .cases import Errand
from .figures import total
from .table import aligned, short

# A page a call, 512 pages a call, and an operation that includes a pin: cases that pin
# without gup_test, which Debian's kernels lack.
CASES = ("read_4k", "read_2m", "io_uring_randread")
COLUMNS = ("absent", "off", "on")
# Limit on on/absent, relative to the option built in.
GOAL = 1.10
DISK_WORDS = "brd.rd_nr=1 brd.rd_size=32768"
# modprobe reads a module's parameters from the kernel's command line.
LOAD = """
modprobe -a null_blk brd || exit
[ -z "$1" ] || insmod "$1" || exit
[ -z "$2" ] || echo "$2" > /sys/kernel/debug/gup_pin/enable || exit
shift 2
exec "$@"
"""


@dataclass(frozen=True)
class Row:
    """A case: instructions for each, by column, built in and as a module."""

    case: str
    built_in: tuple[float, ...]
    module: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, float]:
        """on/absent, built in and as a module."""
        return self.built_in[-1] / self.built_in[0], self.module[-1] / self.module[0]

    @property
    def met(self) -> bool:
        """Whether the module costs little more."""
        built_in, module = self.ratios
        return module <= built_in * GOAL


def run_stock(version: str, module: Path, column: str) -> guests.Answers:
    """One guest of Debian's kernel. Raises Failed."""
    errand = Errand(column, column, CASES, DISK_WORDS)
    # No parameter of the option: this kernel lacks it.
    words = replace(errand, tracking="absent").words
    load = "" if column == "absent" else str(module)
    switch = {"absent": "", "off": "0", "on": "1"}[column]
    command = ["env", "PYTHONHASHSEED=0", PYTHON, str(guests.SCRIPT), *CASES]
    guest = Guest(
        ["--stock", version, "--icount", "-m", "2G", "-t", "900", "--append", words],
        ["sh", "-c", LOAD, "sh", load, switch, *command],
    )
    if guest.status:
        raise Failed(f"stock {column}: {guest.whole()}")
    return {f"stock {column}": guests.read(errand, guest.out)}


def measure(version: str, at_once: int, build: bool) -> list[Row]:
    """Boot all guests. Raises Failed."""
    built_in = [Errand(column, column, CASES, DISK_WORDS) for column in COLUMNS]
    if build:
        guests.build(version, built_in)
    module = path_from(paths.SCRIPTS / "module", version)
    answers = guests.run_all(version, built_in, at_once)
    with ThreadPoolExecutor(at_once) as pool:
        for found in pool.map(partial(run_stock, version, module), COLUMNS):
            answers.update(found)

    def row(case: str, prefix: str) -> tuple[float, ...]:
        return tuple(total(answers[prefix + column][case]) for column in COLUMNS)

    return [Row(case, row(case, ""), row(case, "stock ")) for case in CASES]


def plain(rows: list[Row]) -> str:
    """The table."""
    head = ("figure", *COLUMNS, "ratio", *(f"stock {c}" for c in COLUMNS), "ratio", "met")
    lines = [head]
    for row in rows:
        built_in, module = row.ratios
        cells = (*map(short, row.built_in), short(built_in), *map(short, row.module))
        lines.append((row.case, *cells, short(module), "yes" if row.met else "NO"))
    return "\n".join(aligned(lines)) + "\n"
