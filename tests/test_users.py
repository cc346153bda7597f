# SPDX-License-Identifier: GPL-2.0
"""scripts/checklib/users.py: the programs and places of make check-users."""

from __future__ import annotations

import subprocess

import pytest

from checklib.programs import FILE_SYSTEMS, USERS, but_for_users
from checklib.results import FAILED, PASSED, SKIPPED, Result
from checklib.users import places, scenes
from vmlib import paths

PROGRAMS = paths.PROJECT / "tools/testing/selftests/gup_pin"


def test_each_program_is_built_and_runs_in_one_place() -> None:
    """Except scripts of rdma-core's programs, and scenes of programs that run elsewhere, too."""
    programs = [p for place in places() for p in place.programs if " " not in p]
    own = [p for p in programs if p.startswith("./")]
    assert sorted(own) == sorted(f"./{name}" for name in USERS)
    made = (PROGRAMS / "Makefile").read_text()
    assert all(f"TEST_GEN_PROGS += {name}\n" in made for name in USERS)


@pytest.mark.parametrize("name", ["gup_pin_innocent_file", "gup_pin_guilty_file"])
def test_scenes_are_on_all_file_systems_that_only_these_kernels_have(name: str) -> None:
    """By the names of their variants."""
    words = scenes(name).split()
    assert words[0] == f"./{name}"
    found = {word.partition("_")[0] for word in words[1:] if word != "-v"}
    assert found == set(FILE_SYSTEMS.split("|"))


def test_a_job_of_make_check_users_is_for_it_alone() -> None:
    """One line says so."""
    check = subprocess.run(
        [paths.SCRIPTS / "check", "users"], capture_output=True, text=True, check=False
    )
    assert check.returncode == 2
    error = "check: users needs --users (scripts/check --help says more)"
    assert check.stderr.splitlines()[-1] == error
    check = subprocess.run(
        [paths.SCRIPTS / "check", "--users", "kunit"], capture_output=True, text=True, check=False
    )
    assert check.returncode == 2
    error = "check: kunit is not one for --users (scripts/check --help says more)"
    assert check.stderr.splitlines()[-1] == error


def test_other_jobs_do_without_their_file_systems() -> None:
    """The other job runs the skipped ones; failures, and skips of others, count."""
    name = "6.12: gup_pin_innocent_file: file.{}_fsync.no_report"
    skipped = [Result(name.format(fs), SKIPPED, "") for fs in ("btrfs", "nfs", "ext4")]
    others = [Result(name.format("btrfs"), status, "") for status in (FAILED, PASSED)]
    assert but_for_users([*skipped, *others]) == [skipped[2], *others]
