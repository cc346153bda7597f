# SPDX-License-Identifier: GPL-2.0
"""The parts of a run: what each gives, and the time it takes."""

from __future__ import annotations

from collections.abc import Callable

from . import jobs
from .built import Built
from .results import FAILED, Phase, Result
from .run import Failed, Stopwatch


def measured(what: str, run: Callable[[], list[Result]]) -> Phase:
    """What something gives, and the time it takes; a failure is one more result."""
    watch = Stopwatch()
    try:
        results = run()
    except Failed as err:
        results = [Result(what, FAILED, str(err))]
    except Exception as err:  # pylint: disable=broad-except
        # A mistake in a job must not hide what the others find.
        results = [Result(what, FAILED, f"{type(err).__name__}: {err}")]
    return Phase(what, results, *watch.seconds())


def run_job(name: str, built: Built) -> Phase:
    """Run one job, in a process of its own: so that its CPU time is known."""
    what = f"{built.version} {name}"
    print(f"-- {what}\n", end="", flush=True)
    return measured(what, lambda: jobs.ALL[name](built))
