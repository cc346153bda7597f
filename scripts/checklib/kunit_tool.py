# SPDX-License-Identifier: GPL-2.0
"""The kernel's own tools/testing/kunit/kunit.py: as a second reader, and as people use it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence

from vmlib import paths

from . import ktap
from .built import Built
from .results import FAILED, PASSED, SKIPPED, Result
from .run import PYTHON, path_from

COMPLETE = re.compile(r"Testing complete\. Ran \d+ tests?: (.*)$", re.MULTILINE)
COUNT = re.compile(r"(\w+): (\d+)")
# kunit.py's words for our statuses, and its words for failures.
ALIKE = {PASSED: "passed", SKIPPED: "skipped"}
BAD = ("failed", "crashed", "errors")
ARCHITECTURE = ("--arch", "x86_64")
CONFIGURATION = ("--kunitconfig", "mm/gup_pin")


def _script(built: Built) -> list[str]:
    return [PYTHON, str(built.tree / "tools/testing/kunit/kunit.py")]


def compared(said: str, results: Sequence[Result], name: str) -> Result:
    """Whether kunit.py has counted as we have; said: what it printed.

    If a test did not end, both have a failure, but it counts each that did not begin, too.
    """
    counts = Counter(result.status for result in results)
    match = COMPLETE.search(said)
    theirs = Counter({what: int(n) for what, n in COUNT.findall(match[1])} if match else {})
    good = bool(match) and all(counts[status] == theirs[what] for status, what in ALIKE.items())
    good = good and bool(counts[FAILED]) == any(theirs[what] for what in BAD)
    detail = "" if good else f"{dict(counts)}\n{said[-4000:]}"
    return Result(name, PASSED if good else FAILED, detail)


def as_kunit_counts(built: Built, log: str, results: Sequence[Result], name: str) -> Result:
    """Whether kunit.py finds as many tests in a log, with the same results."""
    with tempfile.NamedTemporaryFile("w", suffix=".log") as file:
        file.write(log)
        file.flush()
        done = subprocess.run(
            [*_script(built), "parse", file.name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    return compared(done.stdout + done.stderr, results, f"{name}: as kunit.py counts")


def _configures(built: Built, name: str, *words: str) -> tuple[bool, str]:
    """Whether Kconfig grants all of mm/gup_pin/.kunitconfig; and what kunit.py says."""
    folder = paths.cache() / "build" / f"{built.version}-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    done = subprocess.run(
        [*_script(built), "config", *words, *CONFIGURATION, "--build_dir", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return not done.returncode, done.stdout


def kunit_py(built: Built) -> list[Result]:
    """Parts of `kunit.py run --arch x86_64 --kunitconfig mm/gup_pin`.

    Its configuration is made, but the kernel that it runs is our test kernel: to build one
    more takes ten minutes, and shows nothing that the others do not.
    """
    name = f"{built.version}: kunit.py"
    good, said = _configures(built, "kunit", *ARCHITECTURE)
    results = [Result(f"{name}: configures", PASSED if good else FAILED, "" if good else said)]
    good, said = _configures(built, "kunit-um")
    refused = not good and "CONFIG_DEBUG_GUP_PIN=y" in said and '"--arch=x86_64"' in said
    results.append(Result(f"{name}: not for um", PASSED if refused else FAILED, said))
    build = path_from(paths.SCRIPTS / "kernel", built.version, "test", "bzImage")
    words = ["exec", *ARCHITECTURE, *CONFIGURATION, "--build_dir", str(build), "--timeout", "900"]
    words += ["--kernel_args", "gup_pin=on", "--qemu_args", "-smp 2", "--raw_output=all"]
    done = subprocess.run(
        [str(paths.SCRIPTS / "in-root"), "trixie", *_script(built), *words, "gup_pin*"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    log = ktap.strip_console(done.stdout)
    found = ktap.parse(log, f"{name}: exec", starts=True)
    if not found or (done.returncode and not any(r.status == FAILED for r in found)):
        found.append(Result(f"{name}: exec", FAILED, done.stdout[-4000:] + done.stderr[-4000:]))
    return [*results, *found, as_kunit_counts(built, log, found, f"{name}: exec")]
