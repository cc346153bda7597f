# SPDX-License-Identifier: GPL-2.0
"""The core as a module, in Debian's kernels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vmlib import paths, stock

from .built import Built, programs_of
from .programs import (
    ALONE,
    ANY_REPORT,
    BOUNDS,
    GUILTY,
    HAZARDS,
    INNOCENT,
    MILLION,
    MOVABLE,
    STRESS,
    USERS,
    but_for_users,
)
from .results import FAILED, PASSED, SKIPPED, Result
from .run import Failed, Guest, path_from, tap_programs

# Modules of such a kernel that the programs need; modprobe ignores those that are built
# in.
MODULES = (
    "brd configfs dm_delay dm_mod ext4 hwpoison_inject loop nd_e820 nd_pmem null_blk rds"
    " ublk_drv vfat xfs"
)
# Debian's setting with Secure Boot.
LOCKDOWN = "lockdown=integrity"
BPFTRACE = paths.PROJECT / "tests/bpftrace_guest.sh"
SLOW_FAULT = paths.PROJECT / "tests/slow_fault_guest.py"
# In all kernels except the default one, where all programs run.
FEW = ("gup_pin_files", "gup_pin_io_uring", "gup_pin_direct_io")
SCRIPT = """
modprobe -a $1 && insmod "$2" && cd "$3" || exit
export GUP_PIN_SECONDS=2
shift 3
for p; do
    echo "== $p"
    timeout 300 ./$p 2>&1
    echo "== status $?"
done
echo "== verify"
cat /sys/kernel/debug/gup_pin/verify /sys/kernel/debug/gup_pin/stats
"""


def images(version: str) -> list[stock.Stock]:
    """The stock kernels of a version, the default one first."""
    known = stock.choices()
    os_release = Path("/etc/os-release").read_text()
    first = stock.default_suite(version, known, os_release)
    suites = sorted((s for v, s in known if v == version), key=lambda suite: suite != first)
    return [stock.Stock(version, suite, cloud) for suite in suites for cloud in (False, True)]


def options_of(image: stock.Stock) -> list[str]:
    """The kernel, as options of scripts/vm and scripts/module."""
    return ["--suite", image.suite, *(["--cloud"] if image.cloud else [])]


def judge_skip(result: Result, config: str) -> Result:
    """A test may be skipped because of the kernel's configuration or version.

    The reason has to name the missing option or function; config: the text of the
    configuration.
    """
    if result.status != SKIPPED or re.fullmatch(r"this kernel has no \w+\(\)", result.detail):
        return result
    named = re.findall(r"CONFIG_[A-Z0-9_]+", result.detail)
    if any(not re.search(rf"^{option}=[ym]$", config, re.MULTILINE) for option in named):
        return result
    why = f"skipped, though the kernel has {' and '.join(named) or 'all that it names'}"
    return replace(result, status=FAILED, detail=f"{why}: {result.detail}")


def judge_figures(text: str, name: str) -> list[Result]:
    """Whether `verify` and `stats` at the end show that no pin was lost."""
    stats = dict(re.findall(r"^(\w+) (\d+)$", text, re.MULTILINE))
    clean = re.search(r"^verified .* mismatches=0$", text, re.MULTILINE)
    left = {what: stats.get(what, "missing") for what in ("live_pins", "unmatched", "untracked")}
    wrong = {what: count for what, count in left.items() if count != "0"}
    return [
        Result(f"{name}: verify", PASSED if clean else FAILED, "" if clean else text),
        Result(f"{name}: no pin is left", FAILED if wrong else PASSED, f"{wrong or ''}"),
    ]


def run_image(image: stock.Stock, folder: Path, names: Sequence[str]) -> list[Result]:
    """Programs in one kernel, with the module built for it."""
    module = path_from(paths.SCRIPTS / "module", image.version, *options_of(image))
    what = f"{image.release}: stock"
    # Memory marked as persistent is for DAX; some has to be movable.
    words = ["--stock", image.version, *options_of(image), "-m", "3G", "-t", "3600"]
    guest = Guest(
        [*words, "--append", f"memmap=64M!1G {MOVABLE}"],
        ["sh", "-c", SCRIPT, "sh", MODULES, module, folder, *names],
    )
    results = but_for_users(tap_programs(guest, names, what))
    results = [judge_skip(r, image.config) for r in results]
    _, ended, figures = guest.out.partition("\n== verify\n")
    results += judge_figures(figures if ended else guest.whole(), what)
    reports = any(name.startswith((HAZARDS, GUILTY)) for name in names)
    allowed = f"page allocation|{ANY_REPORT}" if reports else "page allocation"
    return [*results, guest.splats(f"{what}: no splat", allowed)]


def judge_bpftrace(text: str, name: str) -> list[Result]:
    """Whether tools/mm/gup_pin.bt found the stack that keeps pins, and no other.

    text: its output, in which the last line of a stack counts.
    """
    left = dict(re.findall(r"^@live\[\n((?: .*\n)+)\]: (-?\d+)$", text, re.MULTILINE))
    kept = {stack: count for stack, count in left.items() if count != "0"}
    good = len(left) == 2 and list(kept.values()) == ["4"] and "io_pin_pages" in next(iter(kept))
    return [Result(f"{name}: gup_pin.bt finds the leak", PASSED if good else FAILED, text)]


def locked_down(image: stock.Stock) -> list[Result]:
    """A kernel that refuses our modules, as with Secure Boot: bpftrace's script."""
    module = path_from(paths.SCRIPTS / "module", image.version, *options_of(image))
    name = f"{image.release}: locked down"
    guest = Guest(
        ["--stock", image.version, *options_of(image), "-t", "900", "--append", LOCKDOWN],
        ["sh", "-c", 'insmod "$0" && exit 3; exec "$1"', module, BPFTRACE],
    )
    refused = "Operation not permitted" in guest.err or "Key was rejected" in guest.err
    return [
        Result(f"{name}: no module", PASSED if refused else FAILED, guest.whole()),
        *judge_bpftrace(guest.out, name),
        guest.splats(f"{name}: no splat"),
    ]


def unloaded_late(image: stock.Stock) -> list[Result]:
    """The removal waits for a pin that sleeps in a page fault."""
    module = path_from(paths.SCRIPTS / "module", image.version, *options_of(image))
    name = f"{image.release}: rmmod waits for a pin in a page fault"
    words = ["--stock", image.version, *options_of(image), "-t", "600"]
    guest = Guest(words, [SLOW_FAULT, module])
    return [
        Result(name, FAILED if guest.status else PASSED, guest.whole()),
        guest.splats(f"{name}: no splat"),
    ]


def selected(built: Built) -> list[str]:
    """The programs that may share a guest, the ones that cause hazards last."""
    others = (*ALONE, *MILLION, *BOUNDS, *STRESS, *USERS)
    names = [n for n in programs_of(built) if n not in others]
    return sorted(names, key=lambda n: n.startswith((HAZARDS, GUILTY, INNOCENT)))


def on_stock(built: Built) -> list[Result]:
    """All of our programs on the default kernel, a few on the others."""
    results: list[Result] = []
    for number, image in enumerate(images(built.version)):
        try:
            results += run_image(image, built.programs, selected(built) if number == 0 else FEW)
            if number == 0:
                results += locked_down(image)
                results += unloaded_late(image)
        except Failed as err:
            results.append(Result(f"{image.folder.name}: stock", FAILED, str(err)))
    return results
