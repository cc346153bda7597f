# SPDX-License-Identifier: GPL-2.0
"""Loads and unloads the module under load, together with other tracers."""

from __future__ import annotations

import json

from vmlib import paths

from .built import Built
from .results import FAILED, PASSED, Result
from .run import Guest, path_from
from .stock import images, options_of

PROGRAM = paths.PROJECT / "tests/rounds_guest.py"
STEPS = (
    *("none", "graph", "function", "no-ftrace", "kprobe", "fprobe", "bpf-kprobe"),
    *("bpf-entry", "bpf-exit", "perf", "patch", "patch-optional"),
)
# Only in 6.12: ftrace of later kernels cannot be switched off.
UNTIL_6_12 = "no-ftrace"
# Rounds of each step.
ORDERS = 4


def judge(text: str, name: str, count: int) -> list[Result]:
    """Whether everything was done.

    count: the number of rounds.
    """
    try:
        done = json.loads(text)
    except ValueError:
        done = {}
    least = {"rounds": count, "not loaded": ORDERS // 2, "acquired": 10 * count}
    few = {what: done.get(what) for what, count in least.items() if done.get(what, -1) < count}
    return [Result(f"{name}: {count} of them", FAILED if few else PASSED, f"{few or ''}")]


def rounds(built: Built) -> list[Result]:
    """All steps in all of their orders, on the default stock kernel."""
    steps = [s for s in STEPS if s != UNTIL_6_12 or built.version == "6.12"]
    count = ORDERS * len(steps)
    image = images(built.version)[0]
    build = [str(paths.SCRIPTS / "module"), image.version, *options_of(image)]
    module, patch = path_from(*build), path_from(*build, "--patch")
    name = f"{image.release}: rounds"
    # In one thread: QEMU may show a CPU code that another has just replaced.
    options = ["--stock", image.version, *options_of(image), "--one-thread", "-t", "7200"]
    guest = Guest(options, [PROGRAM, module, patch, str(count), *steps])
    results = [*judge(guest.out, name, count), guest.splats(f"{name}: no splat")]
    if guest.status:
        results.append(Result(name, FAILED, guest.whole()))
    return results
