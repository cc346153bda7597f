# SPDX-License-Identifier: GPL-2.0
"""Run the project's other scripts, and read what they produce."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

from vmlib import console, paths

from . import ktap
from .results import FAILED, PASSED, SKIPPED, Result

# Debian's python, which has the pytest that setup installs; PATH may have another one.
PYTHON = "/usr/bin/python3"


class Failed(Exception):
    """A step that the tests depend on failed."""


class Stopwatch:
    """Stopwatch, started when it is created."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), self._cpu_seconds()

    @staticmethod
    def _cpu_seconds() -> float:
        """CPU time of this process and of its children that have ended."""
        used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(u.ru_utime + u.ru_stime for u in used)

    def seconds(self) -> tuple[float, float]:
        """Elapsed time and CPU time."""
        return time.monotonic() - self._wall, self._cpu_seconds() - self._cpu


def _descendants(process: int | str) -> list[int]:
    """The children of a process, and theirs."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found + [pid for child in found for pid in _descendants(child)]


def _stands_still(pid: int) -> bool:
    """Whether a process is stopped, or has ended: it was still in fork(), perhaps."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in "TtXZ"


def stop_children() -> None:
    """Kill all that this process started, unless Ctrl-C has already done so.

    All are found before the first one ends: at the end of a worker its pool kills the
    others, whose children are then no longer ours. And all stand still, so that none starts
    another one.
    """
    found: list[int] = []
    # One that waits for a disk does not stop.
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        new = [pid for pid in _descendants("self") if pid not in found]
        for pid in new:
            with suppress(OSError):
                os.kill(pid, signal.SIGSTOP)
        if not new and all(map(_stands_still, found)):
            break
        found += new
    for number in (signal.SIGTERM, signal.SIGCONT):
        for pid in found:
            with suppress(OSError):
                os.kill(pid, number)


def tool(*words: str | Path, seconds: float = 5400) -> str:
    """Run a program to its end; return its output, including stderr. Raises Failed."""
    try:
        done = subprocess.run(
            [str(w) for w in words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        raise Failed(f"{words[0]}: not done after {seconds:.0f} s") from err
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-60:])
        raise Failed(f"{' '.join(map(str, words[:4]))}: exit status {done.returncode}\n{tail}")
    return done.stdout


def path_from(*words: str | Path) -> Path:
    """Return the output of a script as a path; its progress is shown on our stderr."""
    done = subprocess.run(
        [str(w) for w in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{' '.join(map(str, words))}: exit status {done.returncode}")
    return Path(done.stdout.strip())


class Guest:
    """One run of scripts/vm.

    out: the command's stdout; err: its stderr; console: the kernel log.
    """

    def __init__(self, options: Sequence[str], command: Sequence[str | Path]) -> None:
        words = [str(paths.SCRIPTS / "vm"), *options, "--", *map(str, command)]
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            check=False,
        )
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr
        # If there were several boots, only the last one counts.
        logs = re.findall(r"^vm: console: (.*)$", done.stderr, re.MULTILINE)
        self.console = Path(logs[-1]).read_text(errors="replace") if logs else ""

    def whole(self) -> str:
        """Everything known about the run, for the report of a failure."""
        return f"exit status {self.status}\n{self.out[-6000:]}\n{self.err[-3000:]}"

    def splats(self, name: str, allowed: str = "") -> Result:
        """A separate test: the kernel log has no complaints."""
        lines = self.console.splitlines()
        for number, line in enumerate(lines):
            if console.SPLAT.search(line) and not (allowed and re.search(allowed, line)):
                return Result(name, FAILED, "\n".join(lines[number : number + 60]))
        if not lines:
            return Result(name, FAILED, "no console log")
        return Result(name, PASSED)


def tap_program(guest: Guest, text: str, name: str, status: int) -> list[Result]:
    """Results of one program, from its TAP output and its exit status."""
    results = ktap.parse(text, name)
    failed = any(r.status == FAILED for r in results)
    if not results:
        return [Result(name, FAILED, f"no TAP, exit status {status}\n{text[-3000:]}{guest.err}")]
    if status not in (0, 4) and not failed:
        results.append(Result(name, FAILED, f"exit status {status}\n{text[-3000:]}"))
    return results


def tap_programs(guest: Guest, names: Sequence[str], what: str) -> list[Result]:
    """Results of programs that ran one after another in a guest.

    The guest prints `== NAME` before each, and `== status NUMBER` after it. If the guest
    ends early, the running program fails, with all that is known, and so does each that has
    not started.
    """
    results: list[Result] = []
    rest = guest.out
    for number, name in enumerate(names):
        _, _, rest = rest.partition(f"== {name}")
        text, ended, rest = rest.partition("\n== status ")
        if not ended:
            results.append(Result(f"{what}: {name}", FAILED, f"{text}\n{guest.whole()}"))
            after = f"not begun when {name} ended it all\n"
            return results + [Result(f"{what}: {n}", FAILED, after) for n in names[number + 1 :]]
        status = int(rest.split("\n", 1)[0])
        results += tap_program(guest, text, f"{what}: {name}", status)
    return results


def pytest(version: str | None, *files: str) -> list[Result]:
    """Run tests on the host; one result for each."""
    env = dict(os.environ)
    if version:
        env["GUP_PIN_KVER"] = version
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder, "results.xml")
        done = subprocess.run(
            [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={xml}", *files],
            cwd=paths.PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
            check=False,
        )
        if not xml.exists():
            return [Result(" ".join(files), FAILED, done.stdout[-4000:])]
        results = junit(xml, f"{version}: " if version else "")
    if done.returncode and not any(r.status == FAILED for r in results):
        results.append(Result(" ".join(files), FAILED, done.stdout[-4000:]))
    return results


def junit(xml: Path, prefix: str) -> list[Result]:
    """Parse the report of pytest."""
    results = []
    for case in ElementTree.parse(xml).getroot().iter("testcase"):
        name = f"{prefix}{case.get('classname')}.{case.get('name')}"
        result = Result(name, PASSED)
        for child in case:
            if child.tag in ("failure", "error"):
                result = Result(name, FAILED, f"{child.get('message')}\n{child.text}")
            elif child.tag == "skipped":
                result = Result(name, SKIPPED, child.get("message") or "no reason given")
        results.append(result)
    return results
