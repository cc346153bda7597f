# SPDX-License-Identifier: GPL-2.0
"""Loading and unloading the module under load, beside other tracers."""

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
# All steps in all of their four orders.
ROUNDS = 4 * len(STEPS)


def judge(text: str, name: str) -> list[Result]:
    """Was everything done that was to be?"""
    try:
        done = json.loads(text)
    except ValueError:
        done = {}
    least = {"rounds": ROUNDS, "not loaded": 4, "acquired": 10 * ROUNDS}
    few = {what: done.get(what) for what, count in least.items() if done.get(what, -1) < count}
    return [Result(f"{name}: {ROUNDS} rounds", FAILED if few else PASSED, f"{few or ''}")]


def rounds(built: Built) -> list[Result]:
    """On the default stock kernel."""
    image = images(built.version)[0]
    build = [str(paths.SCRIPTS / "module"), image.version, *options_of(image)]
    module, patch = path_from(*build), path_from(*build, "--patch")
    name = f"{image.release}: rounds"
    # In one thread: QEMU may show a CPU what another has just replaced in the kernel's text.
    options = ["--stock", image.version, *options_of(image), "--one-thread", "-t", "3600"]
    guest = Guest(options, [PROGRAM, module, patch, str(ROUNDS), *STEPS])
    results = [*judge(guest.out, name), guest.splats(f"{name}: no splat")]
    if guest.status:
        results.append(Result(name, FAILED, guest.whole()))
    return results
