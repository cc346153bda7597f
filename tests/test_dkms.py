# SPDX-License-Identifier: GPL-2.0
"""The package gup-pin-dkms, in a Debian with its own kernel, and on that kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from debian_machine import ROOT, Machine, run
from vmlib import paths

PACKAGE = "gup-pin-dkms"
LOOK = """
modprobe gup_pin && grep "^hooks pin_user_pages_fast" /sys/kernel/debug/gup_pin/stats
uname -r
"""


@pytest.fixture
def machine() -> Iterator[Machine]:
    found = Machine()
    purge = ("dpkg", "--purge", PACKAGE)
    found.run(*purge)
    yield found
    found.run(*purge)


def modules(machine: Machine) -> list[Path]:
    """The gup_pin.ko files for its kernel."""
    return list((machine.root / "usr/lib/modules").glob("*/updates/dkms/gup_pin.ko*"))


@pytest.fixture
def package(machine: Machine, tmp_path: Path) -> str:
    """The package, built with the machine's tools; its path there."""
    run(
        paths.SCRIPTS / "in-root", ROOT,
        "make", "-C", paths.PROJECT / "module", "deb", f"B={tmp_path}", "DPKG_FLAGS=-d",
    )  # fmt: skip
    (made,) = (tmp_path / "deb").glob(f"{PACKAGE}_*.deb")
    (machine.root / "tmp" / made.name).write_bytes(made.read_bytes())
    return f"/tmp/{made.name}"


def test_the_package_gives_the_kernel_the_module_and_takes_it_away(
    machine: Machine, package: str
) -> None:
    assert modules(machine) == []
    machine.run("apt-get", "install", "--yes", package)
    assert len(modules(machine)) == 1
    release = machine.release
    assert f"{release}, x86_64: installed" in machine.run("dkms", "status", "gup-pin")
    signer = machine.run("modinfo", "-F", "signer", "-k", release, "gup_pin")
    assert signer.strip() == "DKMS module signing key"
    guest = machine.guest("sh", "-c", LOOK)
    assert (guest.returncode, guest.stdout.split("\n")) == (
        0, ["hooks pin_user_pages_fast direct", release, ""],
    ), guest.stderr  # fmt: skip
    machine.run("apt-get", "remove", "--yes", PACKAGE)
    assert modules(machine) == []
    guest = machine.guest("modprobe", "gup_pin")
    assert guest.returncode == 1, guest.stderr
    assert "Module gup_pin not found" in guest.stderr
