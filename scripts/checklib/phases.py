# SPDX-License-Identifier: GPL-2.0
"""Phases of a run: their results and times."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence

from vmlib import paths

from . import jobs
from .built import Built, prepare
from .results import FAILED, Phase, Result
from .run import Failed, Stopwatch, path_from


def measured(what: str, run: Callable[[], list[Result]]) -> Phase:
    """Run a phase and time it; an exception becomes one more result."""
    watch = Stopwatch()
    try:
        results = run()
    except Failed as err:
        results = [Result(what, FAILED, str(err))]
    except Exception as err:  # pylint: disable=broad-except
        # A bug in one job must not hide the results of others.
        results = [Result(what, FAILED, f"{type(err).__name__}: {err}")]
    return Phase(what, results, *watch.seconds())


def build_kernel(version: str, flavour: str) -> Phase:
    """Build one kernel in a separate process."""

    def build() -> list[Result]:
        path_from(paths.SCRIPTS / "kernel", version, flavour)
        return []

    return measured(f"build {version}-{flavour}", build)


def build_programs(version: str, found: dict[str, Built]) -> Phase:
    """Build the programs of one version, whose kernel is ready; stores them in found."""

    def build() -> list[Result]:
        found[version] = prepare(version)
        return []

    return measured(f"build {version} programs", build)


def wait_for_roots(process: subprocess.Popen[bytes], names: Sequence[str]) -> Phase:
    """Wait for the process that creates Debian roots with these names."""

    def wait() -> list[Result]:
        if process.wait():
            raise Failed(f"scripts/debian-root: exit status {process.returncode} (see above)")
        return []

    return measured(f"wait for {' and '.join(names)}", wait)


def run_job(name: str, built: Built) -> Phase:
    """Run one job in a separate process, so that its CPU time is known."""
    what = f"{built.version} {name}"
    print(f"-- {what}\n", end="", flush=True)
    return measured(what, lambda: jobs.ALL[name](built))
