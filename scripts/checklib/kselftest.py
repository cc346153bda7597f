# SPDX-License-Identifier: GPL-2.0
"""Our programs as the kernel's own selftests: built, installed and run by the kernel's make."""

from __future__ import annotations

import shutil
from pathlib import Path

from vmlib import paths

from . import ktap
from .built import Built, programs_of
from .results import FAILED, PASSED, Result
from .run import Guest, tool

# Programs that are run: one that ends, and one that has to be stopped. All of them run in
# other jobs, by name.
SHORT = "gup_pin_files"
LONG = "gup_pin_stress"
# $1: where it is installed; $2: the tree's selftests; $3: where it is built; $4, $5: the
# programs. A guest keeps nothing of what it writes.
RUN = """
installed=$1 selftests=$2 built=$3 short=$4 long=$5
cd "$installed" || exit
echo "== install"
./run_kselftest.sh -t "gup_pin:$short" 2>&1
echo "== status $?"
sed -i 's/^timeout=.*/timeout=2/' gup_pin/settings
echo "== settings"
./run_kselftest.sh -t "gup_pin:$long" 2>&1
echo "== status $?"
echo "== run_tests"
make -s -C "$selftests" TARGETS=gup_pin O="$built" "$6" run_tests \
	TEST_GEN_PROGS="$built/kselftest/gup_pin/$short" 2>&1
echo "== status $?"
"""


def part(text: str, name: str) -> str:
    """What a command in the guest printed."""
    return text.partition(f"== {name}\n")[2].partition("\n== status ")[0]


def one_passes(text: str, name: str) -> Result:
    """The only result is that the short program passes.

    Without a look at the plan: run_tests of 7.3 prints none, and no header of TAP.
    """
    (result, *more) = ktap.parse(text, name) or [Result(name, FAILED, "no TAP")]
    good = result.status == PASSED and result.name == f"{name}: selftests: gup_pin: {SHORT}"
    if good and not more:
        return Result(name, PASSED)
    return Result(name, FAILED, text[-4000:])


def kselftest(built: Built) -> list[Result]:
    """What `make TARGETS=gup_pin` builds, installs and runs."""
    name = f"{built.version}: kselftest"
    folder = paths.cache() / "selftests" / f"{built.version}-kernel"
    installed = folder / "installed"
    selftests = built.tree / "tools/testing/selftests"
    headers = f"KHDR_INCLUDES=-isystem {paths.cache()}/selftests/{built.version}-headers/include"
    shutil.rmtree(folder, ignore_errors=True)
    words = ["TARGETS=gup_pin", f"O={folder}", headers, f"INSTALL_PATH={installed}"]
    tool("make", "-C", selftests, *words, "install")
    programs = sorted(programs_of(built))
    results = [
        same(f"{name}: built", programs, sorted(made(folder / "kselftest", programs))),
        same(f"{name}: installed", programs, sorted(made(installed / "gup_pin", programs))),
        same(f"{name}: listed", programs, sorted(listed(installed / "kselftest-list.txt"))),
    ]
    options = ["-k", built.version, "-m", "2G", "-t", "900", "--append", "gup_pin=on"]
    places = [str(installed), str(selftests), str(folder)]
    command = ["sh", "-c", RUN, "run", *places, SHORT, LONG, headers]
    guest = Guest(options, command)
    results.append(one_passes(part(guest.out, "install"), f"{name}: run_kselftest.sh"))
    results.append(one_passes(part(guest.out, "run_tests"), f"{name}: run_tests"))
    stopped = f"not ok 1 selftests: gup_pin: {LONG} # TIMEOUT 2 seconds" in guest.out
    status = PASSED if stopped else FAILED
    results.append(Result(f"{name}: settings", status, "" if stopped else guest.whole()))
    return [*results, guest.splats(f"{name}: no splat")]


def made(folder: Path, programs: list[str]) -> set[str]:
    """Those of our programs that are below a folder."""
    return {p.name for p in folder.rglob("gup_pin_*") if p.is_file()} & set(programs)


def listed(file: Path) -> list[str]:
    """The programs that run_kselftest.sh knows."""
    return [line.removeprefix("gup_pin:") for line in file.read_text().splitlines()]


def same(name: str, wanted: list[str], found: list[str]) -> Result:
    """Whether a list is the one that is wanted."""
    lacks, has = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    good = wanted == found
    return Result(name, PASSED if good else FAILED, "" if good else f"lacks {lacks}, has {has}")
