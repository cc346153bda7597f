# SPDX-License-Identifier: GPL-2.0
"""A newcomer's steps on a machine that has never seen this project.

In a minimal Debian, whose sources are a copy without git: README's first command to its
end; the second one until the kernel compiles, Ctrl-C, and again after packages were
purged. Then it boots the kernel that was built here, with the QEMU installed there.
The tests depend on each other: after the first failure the rest fails.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from fresh_machine import CACHE, Machine
from vmlib import paths

COMPILING = re.compile(r"kernel: .*: [1-9]\d* objects compiled")
STOPPED = "stopped; what is done is kept, and the next start goes on from there"
# In the guest: hold pins, and read them. The program continues after it has returned.
LOOK = """
"$0" >/tmp/said 2>&1 || { cat /tmp/said; exit 1; }
cat /sys/kernel/debug/gup_pin/pins
"""
# States of a package that was installed before: unknown, with its configuration left,
# and known to dpkg only by name, because it was once selected.
PURGE = """
export DEBIAN_FRONTEND=noninteractive
apt-get purge -y bison flex libelf-dev >&2
apt-get remove -y --allow-remove-essential e2fsprogs >&2
apt-cache dumpavail | dpkg --merge-avail >&2
echo flex install | dpkg --set-selections
dpkg-query -W -f '${Package} ${db:Status-Status}\\n' flex e2fsprogs
"""


@pytest.fixture(scope="module", name="machine", params=["bookworm", "trixie"])
def fixture_machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A new machine."""
    machine = Machine(request.param)
    machine.install()
    yield machine
    machine.remove()


def stops_while_compiling(machine: Machine, installed: str) -> str:
    """./demo installs everything, compiles, and stops at Ctrl-C; its output."""
    status, said = machine.until(COMPILING, "./demo")
    assert status == 130, said
    lines = said.splitlines()
    assert lines[0].startswith("demo: builds linux 6.12 with CONFIG_DEBUG_GUP_PIN"), said
    assert re.match(r"demo: the first time it takes about \d+ min on two cores, and ", lines[1])
    assert re.search(rf"^setup: installing .*{installed}", said, re.MULTILINE), said
    assert STOPPED in said
    assert "Traceback" not in said
    return said


def test_the_first_command(machine: Machine) -> None:
    """It needs only a shell: neither make, git nor python3."""
    lacks = "for p in make git python3 gcc perl; do command -v $p; done; true"
    assert machine.must("sh", "-c", lacks) in ("", "/usr/bin/perl\n")
    done = machine.run("./try")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0].startswith("try: builds gup_pin.ko for Debian's own kernel 6.12, boots"), lines
    assert re.match(r"try: the first time it takes about \d+ min on two cores, and ", lines[1])
    assert re.search(r"^pfn=0x.* mode=w term=long .* comm=try-buffer ", done.stdout, re.MULTILINE)
    assert re.search(r"^BUG: GUP_PIN: writeback of write-pinned folio ", done.stdout, re.MULTILINE)
    assert re.search(r"^pin: mode=w .* comm=try-read ", done.stdout, re.MULTILINE)


def test_the_second_command(machine: Machine) -> None:
    """After it, the machine compiles a kernel."""
    said = stops_while_compiling(machine, r"\bbison .*\bflex\b")
    assert "linux-source-6.12_" in said


def test_all_packages_are_there(machine: Machine) -> None:
    """Including those of check and lint, and only from a Debian mirror."""
    table = (paths.SCRIPTS / "config/packages").read_text().splitlines()
    names = [line.split()[1] for line in table if line and not line.startswith("#")]
    assert "chromium-driver" in names
    machine.must("apt-get", "install", "-s", "--no-install-recommends", *names)


def test_nothing_that_was_stopped_is_left(machine: Machine) -> None:
    """No partial download or installation is taken for a complete one."""
    left = machine.must("find", f"/{CACHE}/src", "-maxdepth", "1", "-name", ".*", "-mindepth", "1")
    assert left == ""


def test_its_own_tools_boot_the_kernel(machine: Machine) -> None:
    """QEMU was installed, and programs are built: pins appear in a guest of this root."""
    machine.must("scripts/debian-root", "trixie")
    assert re.match(r"drgn \d", machine.must("scripts/drgn", "--version"))
    programs = machine.must("scripts/selftests", "6.12").strip()
    build = machine.root / CACHE / "build/6.12-test"
    shutil.copy(paths.build_dir("6.12", "test") / "vmlinux.boot", build / "vmlinux")
    pins = machine.must(
        "scripts/vm", "--", "sh", "-c", LOOK, f"{programs}/gup_pin_hold"
    )
    (build / "vmlinux").unlink()
    assert pins.startswith("# gup_pin pins 1\n")
    holders = set(re.findall(r"^pfn=0x.* mode=w .* comm=(\S+) .* match=exact ", pins, re.MULTILINE))
    assert {"hold-io_uring", "hold-direct-io", "hold-thp-part", "hold-udmabuf"} <= holders


def test_packages_that_were_purged(machine: Machine) -> None:
    """The next start installs them again, and the compiler has less to do."""
    states = machine.must("sh", "-ec", PURGE).splitlines()
    assert sorted(states) == ["e2fsprogs config-files", "flex not-installed"]
    said = stops_while_compiling(machine, "bison e2fsprogs flex libelf-dev$")
    assert "downloading" not in said
    assert "unpacking" not in said
