# SPDX-License-Identifier: GPL-2.0
"""Each patch of the series gives a kernel that compiles without warnings, boots, and works.

The checks depend on the patch: from the hooks on tracking is on, from debugfs on pins are
listed, from KUnit on its tests pass.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checklib.built import Built
from checklib.programs import kunit
from checklib.results import PASSED, SKIPPED, Result
from checklib.run import Guest
from serieslib.build import Kernel
from serieslib.repository import Repository
from serieslib.table import load
from test_series import WHO
from vmlib import paths

PATCHES = load().patches


def number_of(path: str) -> int:
    """The patch that adds a file."""
    return next(n for n, patch in enumerate(PATCHES) if patch.has_file(path))


HOOKS = number_of("mm/gup_pin/boot.c")
DEBUGFS = number_of("mm/gup_pin/view/debugfs.c")
KUNIT = number_of("mm/gup_pin/kunit/Makefile")
# later patches change no kernel
LAST = number_of("tools/testing/selftests/gup_pin/Makefile") - 1
READ_A_DISK = """
    dmesg | grep -q 'gup_pin: tracking pins since boot' || exit 3
    [ "$1" = files ] || exit 0
    cd /sys/kernel/debug/gup_pin || exit 4
    dd if=/dev/ram0 of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null || exit 5
    awk '$1 == "acquired" && $2 >= 64 { ok = 1 } END { exit !ok }' stats || exit 6
    awk '$1 == "live_pins" && $2 == 0 { ok = 1 } END { exit !ok }' stats || exit 7
    grep -q '^verified .* mismatches=0$' verify || exit 8
"""


def is_as_expected(result: Result, number: int) -> bool:
    """Whether it has passed, or needs an option that a later patch adds."""
    if result.status != SKIPPED:
        return result.status == PASSED
    needs = result.detail.removeprefix("needs ")
    return any(patch.has_name("mm/gup_pin/Kconfig", needs) for patch in PATCHES[number + 1 :])


@pytest.fixture(scope="module", name="kernel")
def fixture_kernel(version: str) -> Kernel:
    """A tree before the first patch; scripts/vm finds its builds."""
    os.environ.update(WHO)
    repository = Repository(version, paths.cache() / "series" / version / "git")
    repository.begin()
    kernel = Kernel(repository, "test")
    kernel.begin()
    return kernel


@pytest.mark.parametrize(
    "number", range(LAST + 1), ids=lambda n: f"{n + 1}-{PATCHES[n].subject}"
)
def test_patch(kernel: Kernel, number: int, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It compiles, and the kernel works as far as the patch."""
    kernel.repository.commit(number)
    assert kernel.make() == ""
    monkeypatch.setenv("GUP_PIN_CACHE", str(kernel.cache))
    if number >= KUNIT:
        results = kunit(Built(version, kernel.tree, Path()))
        assert len(results) > 50
        assert [r for r in results if not is_as_expected(r, number)] == []
    options = ["-k", version, "--append", "gup_pin=on brd.rd_nr=1 brd.rd_size=4096"]
    if number < HOOKS:
        guest = Guest(options, ["true"])
    else:
        what = "files" if number >= DEBUGFS else "nothing"
        guest = Guest(options, ["sh", "-c", READ_A_DISK, "sh", what])
    assert guest.status == 0, guest.whole()
