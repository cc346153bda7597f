# SPDX-License-Identifier: GPL-2.0
"""The bugs in Documentation/mm/gup_pin_findings.rst exist, and appear as described."""

from __future__ import annotations

import functools
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import PROJECT

FINDINGS = PROJECT / "Documentation/mm/gup_pin_findings.rst"
FOLDER = PROJECT / "tests/findings"
HEADER = "# gup_pin orphans 1\n"
FIXED = f"if the kernel is right now, {FINDINGS.name} has to say since when"
# The kernels that were checked. Debian's next ones may be fixed.
LOOKED_AT = ("6.12.117", "7.3.4")
Said = dict[str, list[str]]
Say = Callable[..., Said]


def of_kernels_looked_at(test: Callable[..., None]) -> Callable[..., None]:
    """A later kernel without the bug is skipped, and named."""

    @functools.wraps(test)
    def run(say: Say, **more: object) -> None:
        releases: list[str] = []

        def noting(*words: str, **options: str) -> Said:
            said = say(*words, **options)
            releases.extend(text.strip() for name, (text, *_) in said.items() if "echo " in name)
            return said

        try:
            test(noting, **more)
        except AssertionError:
            if not releases or releases[0].startswith(LOOKED_AT):
                raise
            pytest.skip(f"{releases[0]} is not one of {' and '.join(LOOKED_AT)}: {FIXED}")

    return run


@pytest.fixture(name="say")
def fixture_say(version: str) -> Say:
    """The output of an example's commands in a guest, each as often as it occurs."""

    def run(example: str, *more: str, kernel: str = "-k") -> dict[str, list[str]]:
        vm = [str(PROJECT / "scripts/vm"), kernel, version, "-t", "600", "--"]
        command = [*vm, "sh", str(FOLDER / "guest.sh"), example, *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        pieces = re.split(r"^# (?!gup_pin )(.*)\n", done.stdout, flags=re.MULTILINE)
        said: dict[str, list[str]] = {}
        for name, text in zip(pieces[1::2], pieces[2::2], strict=True):
            said.setdefault(name, []).append(text)
        for name in said:
            assert name.startswith("echo ") or f"    # {name}\n" in FINDINGS.read_text(), name
        return said

    return run


@pytest.fixture(name="affected")
def fixture_affected(version: str) -> Callable[[str], bool]:
    """Whether this kernel has a bug, by the table at the beginning."""
    text = FINDINGS.read_text()
    columns = re.search(r"^Bug +([\d.]+) +([\d.]+) ", text, re.MULTILINE)
    assert columns

    def has(bug: str) -> bool:
        row = re.search(rf"^{bug} +(yes|no) +(yes|no) ", text, re.MULTILINE)
        assert row, bug
        return row[columns.groups().index(version) + 1] == "yes"

    return has


def one(said: dict[str, list[str]], command: str) -> str:
    """The output of a command that occurs once."""
    (text,) = said[command]
    return text


@of_kernels_looked_at
def test_trim(say: Say, affected: Callable[[str], bool]) -> None:
    """One pin of two is left of each read, and the huge page stays."""
    said = say("trim")
    orphans = one(said, "cat /sys/kernel/debug/gup_pin/orphans")
    before, after = (int(text.split()[1]) for text in said["grep MemFree /proc/meminfo"])
    if not affected("O_DIRECT that is cut to blocks"):
        assert orphans == HEADER
        assert before - after < 50 * 1024
        return
    assert one(said, "tests/findings/trim.py /dev/nullb0") == "1 reads: 4100 bytes\n"
    assert re.fullmatch(
        HEADER + r"pfn=0x[0-9a-f]+01 pages=1 order=9 pins=1 mode=w term=short "
        r"api=pin_user_pages_fast .* comm=trim\.py .* addr=0x[0-9a-f]+1000 map=anon .*\n",
        orphans,
    ), FIXED
    stacks = one(said, "cat /sys/kernel/debug/gup_pin/stacks")
    assert re.search(r"^pins=1 .* acquired=2 ", stacks, re.MULTILINE)
    assert re.search(r"^ bio_iov_iter_get_pages\+0x", stacks, re.MULTILINE)
    assert before - after > 80 * 1024


@of_kernels_looked_at
def test_trim_by_any_user(say: Say, affected: Callable[[str], bool]) -> None:
    """As user 65534, on a file of ext4."""
    said = say("trim_file")
    orphans = one(said, "cat /sys/kernel/debug/gup_pin/orphans")
    if not affected("O_DIRECT that is cut to blocks"):
        assert orphans == HEADER
        return
    reads = one(said, "setpriv --reuid 65534 --clear-groups /tmp/trim.py /tmp/disk/file")
    assert reads == "1 reads: EFAULT\n"
    assert re.search(r" pins=1 mode=w .* comm=trim\.py .* addr=0x[0-9a-f]+1000 ", orphans), FIXED


@of_kernels_looked_at
def test_lost(say: Say, affected: Callable[[str], bool]) -> None:
    """Only data written by a CPU is kept."""
    said = say("lost")
    assert affected("Written through a pin, never dirtied")
    assert "16 are there still" in one(said, "tests/findings/lost.py cpu")
    for how in ("io_uring", "udmabuf"):
        text = one(said, f"tests/findings/lost.py {how}")
        assert text == f"{how}: 16 pages were written, 0 are there still\n", FIXED
    acquire, release = one(said, "grep -m 2 gup_pin_ /sys/kernel/tracing/trace").splitlines()
    assert re.search(r"lost\.py-\d+ .* gup_pin_acquire: .* pins=16 mode=w term=long ", acquire)
    assert re.search(r"gup_pin_release: func=unpin_user_folio .* mode=w ", release)


def path_of(*words: str | Path) -> str:
    """The path that a script prints."""
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


@of_kernels_looked_at
def test_in_debians_kernel(say: Say, affected: Callable[[str], bool], version: str) -> None:
    """vhost-vdpa leaves a chunk pinned, TEE a page, and AF_ALG's output is lost."""
    modules = path_of(FOLDER / "modules.sh", version)
    module = path_of(PROJECT / "scripts/module", version)
    said = say("stock", modules, module, kernel="--stock")
    assert affected("vhost-vdpa: mapping that fails half way")
    assert one(said, "tests/findings/vdpa.py") == "1 mappings: EFAULT\n"
    orphans = one(said, "cat /sys/kernel/debug/gup_pin/orphans")
    assert orphans.startswith(HEADER)
    lines = orphans.splitlines()[1:]
    assert lines, FIXED
    for line in lines:
        assert re.search(r" mode=w term=long api=pin_user_pages .* comm=vdpa\.py ", line)
    stacks = one(said, "cat /sys/kernel/debug/gup_pin/stacks")
    assert re.search(r"^pins=\d+ .* acquired=512 ", stacks, re.MULTILINE)
    assert re.search(r"^ vhost_vdpa_\w+\+0x.* \[vhost_vdpa\]$", stacks, re.MULTILINE)
    assert affected("TEE: registration that fails half way")
    assert one(said, "tests/findings/tee.py") == "ENOMEM\n"
    left = one(said, "grep comm=tee.py /sys/kernel/debug/gup_pin/orphans")
    assert re.fullmatch(r"pfn=\S+ pages=1 order=0 pins=1 mode=w term=short .*\n", left), FIXED
    text = one(said, "tests/findings/lost.py af_alg")
    assert text == "af_alg: 16 pages were written, 0 are there still\n", FIXED
    left = one(said, "grep comm=trim.py /sys/kernel/debug/gup_pin/orphans")
    assert bool(left) == affected("O_DIRECT that is cut to blocks"), FIXED
