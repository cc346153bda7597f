# SPDX-License-Identifier: GPL-2.0
"""Other users of the functions that the module hooks: a step for each."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

TRACEFS = Path("/sys/kernel/tracing")
ENABLED = Path("/proc/sys/kernel/ftrace_enabled")
# Functions that the load calls all the time.
PROBED = ("pin_user_pages_fast", "unpin_user_folio", "bio_endio", "__bio_release_pages")
# In seconds, far more than normally needed.
PATIENCE = 600.0


class Failed(Exception):
    """A check has failed."""


def wait_for(what: str, done: Callable[[], bool]) -> None:
    """Return when a condition holds. Raises Failed."""
    begin = time.monotonic()
    while not done():
        if time.monotonic() > begin + PATIENCE:
            raise Failed(f"waited for {what}")
        time.sleep(0.02)


class Step:
    """No other user; base of the other steps.

    held: how functions are hooked that this step hooked first; no_module: why the module
    is not loaded then, as an errno of its init function; refused: whether this step is
    refused while the module is loaded.

    functions: the hooked functions; patch: gup_pin_patch.ko.
    """

    held: ClassVar[Mapping[str, str]] = {}
    no_module = 0
    refused = False

    def __init__(self, functions: Sequence[str], patch: str) -> None:
        self.functions, self.patch = functions, patch

    def on(self) -> bool:
        """Start it; False if it is refused. Raises Failed."""
        return True

    def off(self) -> None:
        """Stop it. Raises Failed if it has seen no call."""


class Tracer(Step):
    """A tracer of tracefs."""

    tracer = "nop"

    def on(self) -> bool:
        # About 30 functions, searched among all, once.
        if not set(self.functions) <= set((TRACEFS / "set_ftrace_filter").read_text().split()):
            (TRACEFS / "set_ftrace_filter").write_text("\n".join(self.functions))
        (TRACEFS / "current_tracer").write_text(self.tracer)
        return True

    def off(self) -> None:
        wait_for(f"a call that {self.tracer} sees", self._seen)
        (TRACEFS / "current_tracer").write_text("nop")

    def _seen(self) -> bool:
        texts = [file.read_text() for file in TRACEFS.glob("per_cpu/cpu*/stats")]
        return any(not re.search(r"^entries: 0$", text, re.MULTILINE) for text in texts)


class Graph(Tracer):
    """The function graph tracer."""

    tracer = "function_graph"


class Function(Tracer):
    """The function tracer."""

    tracer = "function"


class NoFtrace(Step):
    """ftrace is switched off, so it would call no hook."""

    no_module = errno.EBUSY
    refused = True

    def on(self) -> bool:
        try:
            ENABLED.write_text("0")
        except OSError as error:
            if error.errno == errno.EBUSY:
                return False
            raise
        return True

    def off(self) -> None:
        ENABLED.write_text("1")


def define(line: str) -> None:
    """Add or remove an event."""
    # Not truncated, which would remove all; and the file has no end to seek to.
    events = os.open(TRACEFS / "dynamic_events", os.O_WRONLY)
    try:
        os.write(events, f"{line}\n".encode())
    finally:
        os.close(events)


class Events(Step):
    """Events of tracefs at the entry and the exit of functions."""

    kinds: Sequence[str] = ()

    def on(self) -> bool:
        for name in PROBED:
            for number, kind in enumerate(self.kinds):
                line = kind.format(name=name, event=f"gup_rounds/{name}_{number}")
                define(line)
        (TRACEFS / "events/gup_rounds/enable").write_text("1")
        return True

    def off(self) -> None:
        wait_for("an event", self._seen)
        (TRACEFS / "events/gup_rounds/enable").write_text("0")
        (TRACEFS / "trace").write_text("")
        for name in PROBED:
            for number in range(len(self.kinds)):
                define(f"-:gup_rounds/{name}_{number}")

    def _seen(self) -> bool:
        trace = (TRACEFS / "trace").read_text()
        return all(f" {PROBED[0]}_{n}: " in trace for n in range(len(self.kinds)))


class Kprobe(Events):
    """kprobes and kretprobes."""

    kinds = ("p:{event} {name}", "r:{event} {name}")


class Fprobe(Events):
    """fprobes of entry and exit."""

    kinds = ("f:{event} {name}", "f:{event} {name}%return")


class Program(Step):
    """A program that runs in the background, and counts calls.

    command: what to run; ready: its output when it is attached; calls: how it prints the
    number of calls.
    """

    command: Sequence[str] = ()
    ready = r"^ready$"
    calls = r"^@calls: (\d+)$"

    def on(self) -> bool:
        self.program = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.program.stdout is not None
        said = ""
        for line in self.program.stdout:
            said += line
            if re.search(self.ready, line):
                return True
        self.program.wait()
        if not self.refused:
            raise Failed(f"{self.command[0]} ended: {said}")
        return False

    def off(self) -> None:
        time.sleep(0.3)
        self.program.send_signal(signal.SIGINT)
        said, _ = self.program.communicate(timeout=PATIENCE)
        if not any(int(count) for count in re.findall(self.calls, said, re.MULTILINE)):
            raise Failed(f"{self.command[0]} saw no call: {said}")


def bpftrace(probes: str) -> Sequence[str]:
    """Count hits of these probes."""
    script = f'{probes} {{ @calls = count(); }} interval:ms:100 {{ printf("ready\\n"); }}'
    return ("bpftrace", "-B", "line", "-e", script)


class BpfKprobe(Program):
    """bpftrace's kprobe and kretprobe."""

    command = bpftrace("kprobe:unpin_user_folio, kretprobe:pin_user_pages_fast")


class BpfEntry(Program):
    """bpftrace's kfunc, a BPF program that is called directly at the entry (fentry)."""

    command = bpftrace("kfunc:pin_user_pages_fast")
    held: ClassVar[Mapping[str, str]] = {"pin_user_pages_fast": "ipmodify"}
    refused = True


class BpfExit(Program):
    """The same at the exit (fexit)."""

    command = bpftrace("kretfunc:bio_endio")
    held: ClassVar[Mapping[str, str]] = {"bio_endio": "ipmodify"}
    refused = True


class Perf(Program):
    """perf on a kprobe: the same event as by `perf probe`, which is slow."""

    command = ("perf", "stat", "-a", "-I", "100", "-e", "gup_rounds:perf")
    ready = calls = r"(\d+) +gup_rounds:perf"

    def on(self) -> bool:
        define(f"p:gup_rounds/perf {PROBED[0]}")
        return super().on()

    def off(self) -> None:
        super().off()
        define("-:gup_rounds/perf")
