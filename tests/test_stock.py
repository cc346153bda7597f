# SPDX-License-Identifier: GPL-2.0
"""Debian's kernels: the parts that need no guest."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

import stock_debs
from checklib import rounds
from checklib.results import FAILED, PASSED, SKIPPED, Result
from checklib.stock import judge_bpftrace, judge_figures, judge_skip
from vmlib import cpio, paths, qemu, rundir, stock

NAMES_IN_THE_ARCHIVE = """
linux-image-6.12-amd64 linux-headers-6.12-amd64
linux-image-6.12.9+deb12-amd64 linux-headers-6.12.9+deb12-amd64
linux-image-6.12.115+deb12-amd64 linux-headers-6.12.115+deb12-amd64
linux-image-6.12.115+deb12.1-amd64 linux-headers-6.12.115+deb12.1-amd64
linux-image-6.12.115+deb12-cloud-amd64 linux-headers-6.12.115+deb12-cloud-amd64
linux-image-6.12.117+deb12-amd64-unsigned linux-headers-6.12.117+deb12-rt-amd64
linux-image-6.12.118+deb12-amd64 linux-image-6.1.0-56-amd64 linux-headers-6.1.0-56-amd64
linux-image-7.3.4+deb13-amd64 linux-binary-7.3.4+deb13-amd64 linux-headers-7.3.4+deb13-amd64
linux-image-7.30.1+deb13-amd64 linux-headers-7.30.1+deb13-amd64
"""
NAMES = NAMES_IN_THE_ARCHIVE.split()


@pytest.mark.parametrize(
    ("version", "flavour", "release"),
    [
        # 118 has no headers any more, 117 only unsigned packages; 9 is less than 115.
        ("6.12", "generic", "6.12.115+deb12.1-amd64"),
        ("6.12", "cloud", "6.12.115+deb12-cloud-amd64"),
        ("7.3", "generic", "7.3.4+deb13-amd64"),
        ("7.3", "cloud", None),
        ("6.1", "generic", None),
    ],
)
def test_the_newest_whole_release_is_taken(
    version: str, flavour: str, release: str | None
) -> None:
    assert stock_debs.newest(NAMES, version, flavour) == release


def test_a_release_is_an_image_and_headers() -> None:
    assert stock_debs.packages(NAMES, "6.12.115+deb12-cloud-amd64", "cloud") == [
        "linux-image-6.12.115+deb12-cloud-amd64",
        "linux-headers-6.12.115+deb12-cloud-amd64",
        "linux-headers-6.12.115+deb12-common",
        "linux-kbuild-6.12.115+deb12",
    ]


def test_where_the_image_is_empty_its_parts_are_taken() -> None:
    assert stock_debs.packages(NAMES, "7.3.4+deb13-amd64", "generic")[:3] == [
        "linux-binary-7.3.4+deb13-amd64",
        "linux-modules-7.3.4+deb13-amd64",
        "linux-base-7.3.4+deb13-amd64",
    ]


def test_an_archive_without_such_a_kernel_is_one_line() -> None:
    done = subprocess.run(
        [paths.SCRIPTS / "stock_debs.py", "6.12", "generic"],
        input="linux-doc\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "stock_debs: no generic kernel 6.12\n"


def test_cpio_reads_what_was_archived() -> None:
    data = b"12345"
    entries = [cpio.folder("a"), cpio.program("a/run", data), cpio.terminal("tty", 5, 1)]
    whole = cpio.archive(entries)
    assert len(whole) % 4 == 0
    listed = subprocess.run(
        ["/usr/bin/python3", "-c", READ_CPIO], input=whole, capture_output=True, check=True
    ).stdout.decode()
    assert listed.splitlines() == [
        "a 040755 0 0,0", "a/run 100755 5 0,0", "tty 020600 0 5,1", "TRAILER!!! 000000 0 0,0",
    ]  # fmt: skip


# An independent reader, by initramfs-buffer-format.rst.
READ_CPIO = """
import sys
data, at = sys.stdin.buffer.read(), 0
while at < len(data):
    assert data[at:at + 6] == b"070701"
    field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
    name = data[at + 110:at + 110 + field[11]]
    assert name.endswith(b"\\0")
    begin = (at + 110 + field[11] + 3) & ~3
    assert data[begin:begin + field[6]] in (b"", b"12345")
    print(name[:-1].decode(), f"{field[1]:06o}", field[6], f"{field[9]},{field[10]}")
    at = (begin + field[6] + 3) & ~3
"""

MODULES_DEP = """\
kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/fs/netfs/netfs.ko.xz
kernel/net/9p/9pnet.ko.xz: kernel/fs/netfs/netfs.ko.xz
kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/fs/netfs/netfs.ko.xz
kernel/fs/netfs/netfs.ko.xz:
kernel/drivers/dax/dax-core.ko:
"""


def test_modules_are_loaded_after_what_they_need_and_once() -> None:
    order = stock.load_order(MODULES_DEP, ["9p", "9pnet_virtio", "dax_core", "built_in"])
    names = [Path(file).name for file in order]
    assert names == [
        "netfs.ko.xz", "9pnet.ko.xz", "9p.ko.xz", "9pnet_virtio.ko.xz", "dax-core.ko",
    ]  # fmt: skip


@pytest.mark.parametrize(("dumped", "more"), [(False, []), (True, ["03-qemu_fw_cfg.ko"])])
def test_a_guest_that_is_dumped_has_a_module_for_it(
    dumped: bool, more: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "lib/modules/6.12.1"
    names = ["9p", "9pnet_virtio", "overlay", "qemu_fw_cfg"]
    for name in names:
        (folder / "kernel").mkdir(parents=True, exist_ok=True)
        (folder / f"kernel/{name}.ko").write_bytes(b"12345")
    (folder / "modules.dep").write_text("".join(f"kernel/{name}.ko:\n" for name in names))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/busybox").write_bytes(b"12345")
    archive = stock.initramfs(stock.Stock("6.12", "bookworm", False, tmp_path), dumped)
    loaded = re.findall(rb"modules/(\d\d-\w+\.ko)\0", archive)
    assert [name.decode() for name in loaded] == [
        "00-9p.ko", "01-9pnet_virtio.ko", "02-overlay.ko", *more,
    ]  # fmt: skip


def test_make_prints_where_the_driver_is() -> None:
    """Only what make would do: without a kernel."""
    words: list[str | Path] = ["make", "-n", "-C", paths.PROJECT / "module"]
    words += ["pinner", "MAKE=true", "B=/b"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert 'echo "gup_pin_one.ko is in /b/pinner"' in done.stdout


def test_the_default_suite_is_this_machines_if_it_has_the_kernel() -> None:
    known = [("6.12", "bookworm"), ("6.12", "trixie"), ("7.3", "trixie")]
    assert stock.default_suite("6.12", known, "VERSION_CODENAME=trixie\n") == "trixie"
    assert stock.default_suite("6.12", known, 'VERSION_CODENAME="bookworm"\n') == "bookworm"
    assert stock.default_suite("7.3", known, "VERSION_CODENAME=bookworm\n") == "trixie"
    assert stock.default_suite("6.12", known, "NAME=Other\n") == "bookworm"


def test_every_supported_version_has_a_stock_kernel() -> None:
    assert {version for version, _ in stock.choices()} == set(paths.versions())


def options(cloud: bool, out: Path | None = None) -> qemu.Options:
    """For a guest that does nothing."""
    return qemu.Options(
        command=["true"], version="6.12", flavour="stock", memory="512", cpus=1, icount=False,
        one_thread=False, append="", timeout=1, verbose=False, dump=None, paging=False,
        out=out, stock=stock.Stock("6.12", "bookworm", cloud),
    )  # fmt: skip


@pytest.mark.parametrize(("cloud", "kind"), [(False, "9p"), (True, "virtiofs")])
def test_the_initramfs_is_told_where_the_root_is(cloud: bool, kind: str) -> None:
    words = qemu.kernel_arguments(Path("/x"), options(cloud)).split()
    assert f"vm_type={kind}" in words
    assert not [word for word in words if word.startswith(("root=", "init=", "gup_pin"))]


def test_a_cloud_kernel_has_its_files_by_virtiofs() -> None:
    wires = qemu.Wires(monitor=3, ports={}, console=None, shares={"root": 7, "out": 8})
    words = qemu.shares(options(cloud=True, out=Path("/o")), wires)
    assert "socket,id=share-out,fd=8" in words
    assert "memory-backend-memfd,id=memory,size=512M,share=on" in words
    assert "-virtfs" not in words
    assert "-virtfs" in qemu.shares(options(cloud=False), wires)


@pytest.mark.parametrize(("cloud", "kind"), [(False, "9p"), (True, "virtiofs")])
def test_its_modules_are_mounted(cloud: bool, kind: str) -> None:
    kernel = stock.Stock("6.12", "bookworm", cloud)
    lines = rundir.fstab(Path("/o"), kernel).splitlines()
    assert any(line.startswith(f"{kernel.modules} /mnt/root/usr/lib/modules ") for line in lines)
    assert lines[-1].startswith(f"out /mnt/root/o {kind} ")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["vm", "--stock", "6.12", "-k", "6.12", "true"], "-k is for the project's own kernels"),
        (["vm", "--stock", "6.12", "-f", "test", "true"], "-f is for the project's own kernels"),
        (["vm", "--stock", "5.1", "true"], "no stock kernel 5.1, only 6.12 and 7.3"),
        (["vm", "--stock", "7.3", "--suite", "bookworm", "true"], "no kernel 7.3 of bookworm"),
        (["vm", "--cloud", "true"], "--cloud needs --stock"),
        (["vm", "--suite", "trixie", "true"], "--suite needs --stock"),
        (["vm", "--root", "/", "true"], "--root needs --stock"),
        (["vm", "--stock", "6.12", "--root", "/dev", "true"], "--root: no kernel is installed in"),
        (["module"], "usage: module "),
        (["module", "5.1"], "no stock kernel 5.1"),
        (["module", "7.3", "--suite", "bookworm"], "no kernel 7.3 of bookworm"),
        (["module", "6.12", "--nonsense"], "usage: module "),
        (["fetch-stock", "6.12", "bookworm"], "usage: fetch-stock "),
        (["fetch-stock", "7.3", "bookworm", "cloud"], "no kernel 7.3 of bookworm"),
        (["debian-root", "sid-build"], "usage: debian-root "),
    ],
)
def test_a_usage_error_is_one_line_and_status_2(words: list[str], error: str) -> None:
    command = [str(paths.SCRIPTS / words[0]), *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{words[0]}: {error}")
    assert done.stderr.count("\n") == 1


CONFIG = "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\n"


@pytest.mark.parametrize(
    ("detail", "status"),
    [
        ("no /x (CONFIG_C)", SKIPPED),
        ("no /x (CONFIG_D)", SKIPPED),
        ("no /x (CONFIG_A, CONFIG_C)", SKIPPED),
        ("this kernel has no folio_add_pins()", SKIPPED),
        ("no /x (CONFIG_A)", FAILED),
        ("no /x (CONFIG_B)", FAILED),
        ("too slow", FAILED),
    ],
)
def test_a_skip_has_to_name_what_the_kernel_lacks(detail: str, status: str) -> None:
    assert judge_skip(Result("x", SKIPPED, detail), CONFIG).status == status
    assert judge_skip(Result("x", PASSED, detail), CONFIG).status == PASSED


FIGURES = """\
verified folios=1 pins=2 mismatches=0
live_pins 0
untracked 0
unmatched 0
"""


@pytest.mark.parametrize(
    ("old", "new", "failed"),
    [
        ("", "", []),
        ("mismatches=0", "mismatches=1", ["x: verify"]),
        ("live_pins 0", "live_pins 3", ["x: no pin is left"]),
        ("unmatched 0\n", "", ["x: no pin is left"]),
    ],
)
def test_figures_that_are_not_clean_fail(old: str, new: str, failed: list[str]) -> None:
    results = judge_figures(FIGURES.replace(old, new), "x")
    assert [r.name for r in results if r.status == FAILED] == failed


DONE = {"rounds": 40, "not loaded": 2, "acquired": 10**6}


@pytest.mark.parametrize(
    ("done", "status"),
    [
        (DONE, PASSED),
        (DONE | {"rounds": 39}, FAILED),
        (DONE | {"not loaded": 0}, FAILED),
        (DONE | {"acquired": 5}, FAILED),
        ({}, FAILED),
    ],
)
def test_rounds_count_if_all_was_done(done: dict[str, int], status: str) -> None:
    (result,) = rounds.judge(json.dumps(done) if done else "", "x", 40)
    assert result.status == status


LIVE = """\
Attaching 19 probes...
17:19:02
@live[
    pin_user_pages_fast+5
    blkdev_read_iter+205
]: 0
@live[
    pin_user_pages_fast+5
    io_pin_pages+141
]: 4


"""


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("", "", PASSED),
        ("]: 4", "]: 3", FAILED),
        ("]: 0", "]: 20", FAILED),
        ("]: 0", "]: -1", FAILED),
        ("io_pin_pages", "other", FAILED),
        (LIVE, "Attaching 19 probes...\n", FAILED),
        ("blkdev_read_iter+205\n]: 0\n@live[\n    ", "", FAILED),
    ],
)
def test_what_the_script_for_bpftrace_says(old: str, new: str, status: str) -> None:
    (result,) = judge_bpftrace(LIVE.replace(old, new), "x")
    assert result.status == status
