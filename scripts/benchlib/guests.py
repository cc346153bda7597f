# SPDX-License-Identifier: GPL-2.0
"""Run the guests of a bench, and parse their output."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from checklib.run import PYTHON, Failed, Guest, path_from
from vmlib import paths

from .cases import Errand

SCRIPT = paths.PROJECT / "tests" / "bench_guest.py"

# Output of the guests: by errand, then by case.
Answers = dict[str, dict[str, dict[str, Any]]]


def build(version: str, todo: list[Errand]) -> None:
    """Build the kernels if necessary. Raises Failed."""
    for flavour in sorted({errand.flavour for errand in todo}, reverse=True):
        path_from(paths.SCRIPTS / "kernel", version, flavour)


def read(errand: Errand, text: str) -> dict[str, dict[str, Any]]:
    """The lines of a guest that has completed its errand. Raises Failed."""
    answers = {}
    for line in text.splitlines():
        try:
            answer = json.loads(line)
            answers[answer.pop("case")] = answer
        except (ValueError, KeyError, AttributeError) as err:
            raise Failed(f"{errand.name}: the guest said {line!r}") from err
    missing = [case for case in ("kernel", *errand.cases) if case not in answers]
    if missing:
        raise Failed(f"{errand.name}: nothing said of {' '.join(missing)}")
    tracking = answers["kernel"]["tracking"]
    if tracking != errand.tracking:
        raise Failed(f"{errand.name}: tracking is {tracking} instead of {errand.tracking}")
    watched = answers.get("fault", {}).get("page_owner", False)
    if watched != (errand.append == "page_owner=on"):
        raise Failed(f"{errand.name}: page_owner {'looks on' if watched else 'is not there'}")
    return answers


def run(version: str, errand: Errand) -> dict[str, dict[str, Any]]:
    """Boot one guest and let it do its errand. Raises Failed."""
    options = ["-k", version, "-f", errand.flavour, "--icount", "-m", errand.memory]
    # Fixed seed: otherwise dictionaries, and so instruction counts, differ from run to run.
    late = ["--late"] if errand.tracking == "late" else []
    command = ["env", "PYTHONHASHSEED=0", PYTHON, str(SCRIPT), *late, *errand.cases]
    guest = Guest([*options, "--append", errand.words], command)
    if guest.status:
        raise Failed(f"{errand.name}: {guest.whole()}")
    splats = guest.splats(errand.name)
    if splats.detail:
        raise Failed(f"{errand.name}: the kernel complains\n{splats.detail}")
    return read(errand, guest.out)


def run_all(version: str, todo: list[Errand], at_once: int) -> Answers:
    """Run all guests, some in parallel: their clock does not see the load of the machine."""
    with ThreadPoolExecutor(at_once) as pool:
        futures = {errand.name: pool.submit(run, version, errand) for errand in todo}
        try:
            return {name: future.result() for name, future in futures.items()}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
