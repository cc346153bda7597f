# SPDX-License-Identifier: GPL-2.0
"""One guest from power-on to power-off: its streams, its status, its end."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from . import clock, console, qemu, virtiofs
from .emulator import Emulator
from .qmp import Monitor
from .rundir import RunDir

CHUNK = 1 << 18
# Timeout of a dump, whatever -t says: the guest is stopped during it.
DUMP_SECONDS = 300.0
# Timeout until COMMAND starts, if -t allows more: KUnit runs before it, in kernels that may be
# slow.
BOOT_SECONDS = 900.0
# How long the console may be silent until then, in a kernel that is not slow: some KUnit cases
# take a minute on a busy host.
SILENT_SECONDS = 240.0
# Timeout for a guest to show where it hangs.
NMI_SECONDS = 5.0


class GuestError(Exception):
    """The guest returned no exit status, or no dump."""


class GuestLost(GuestError):
    """The guest hung, or QEMU failed it, before COMMAND started: nothing of ours has run."""


class Stream:
    """One output of COMMAND: everything up to the token of the run.

    The guest writes the token into the same pipe after COMMAND has ended: output of COMMAND
    comes before it, and output of its background children after it.
    """

    def __init__(self, token: bytes, sink: Callable[[bytes], None]) -> None:
        self.token = token
        self.sink = sink
        self.ended = False
        self._held = b""

    def feed(self, data: bytes) -> None:
        """Pass on data that cannot be (the start of) the token."""
        if self.ended:
            return
        data = self._held + data
        end = data.find(self.token)
        if end >= 0:
            self.ended = True
            self._held = b""
            self.sink(data[:end])
            return
        kept = self._partial(data)
        self._held = data[len(data) - kept :]
        self.sink(data[: len(data) - kept])

    def flush(self) -> None:
        """The guest has ended: the data held back was not the token."""
        self.sink(self._held)
        self._held = b""

    def _partial(self, data: bytes) -> int:
        """Length of the longest suffix of data that starts the token."""
        for length in range(min(len(self.token) - 1, len(data)), 0, -1):
            if data.endswith(self.token[:length]):
                return length
        return 0


def writer(descriptor: int) -> Callable[[bytes], None]:
    """A sink that writes everything it is given."""

    def write(data: bytes) -> None:
        while data:
            data = data[os.write(descriptor, data) :]

    return write


class Session:
    """Runs QEMU and services its sockets until there is a result."""

    def __init__(self, options: qemu.Options, run: RunDir, emulator: Emulator) -> None:
        self.options = options
        self.run = run
        self.emulator = emulator
        self.started = False
        self.status: int | None = None
        self._stopped = False
        # Time of the guest at the last comparison, and when it was sent: the earliest and
        # the latest time of the host. A late reader of our output keeps us from the guest's.
        self._guest_time = 0.0
        self._host_time = 0.0, 0.0
        # When the last select() ended; and since when what it found may have been ready.
        self._selected = self._before = 0.0
        self._clock_fault: str | None = None
        self._control = b""
        self._selector = selectors.DefaultSelector()
        self._ends: list[socket.socket] = []
        token = run.token.encode()
        self.streams = {
            "out": Stream(token, writer(1)),
            "err": Stream(token, writer(2)),
        }
        self._servers: list[virtiofs.Server] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._monitor: Monitor | None = None

    def start(self, kernel: Path, arguments: str, initramfs: Path | None = None) -> None:
        """Start QEMU, with one socket per stream."""
        ours, wires = self._wires()
        console_ = self.run.console
        words = qemu.command_line(self.options, kernel, console_, arguments, wires, initramfs)
        command = [*self.emulator.command, *words]
        (self.run.path / "qemu").write_text("\n".join(command) + "\n")
        with (self.run.path / "qemu.log").open("wb") as log:
            # setpriv: QEMU must not outlive this process, even if it is killed
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "SIGKILL", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.emulator.environment,
                pass_fds=[end.fileno() for end in self._ends],
                start_new_session=True,
            )
        for end in self._ends:
            end.close()
        now = self._selected = self._before = time.monotonic()
        self._host_time = now, now
        self._monitor = Monitor(ours["monitor"])
        self._monitor.send("qmp_capabilities")
        handlers: dict[str, Callable[[bytes], None]] = {
            "monitor": self._monitor.feed,
            "control": self._feed_control,
            "console": writer(2),
            **{name: stream.feed for name, stream in self.streams.items()},
        }
        for name, sock in ours.items():
            self._selector.register(sock, selectors.EVENT_READ, handlers[name])

    def _wires(self) -> tuple[dict[str, socket.socket], qemu.Wires]:
        ours: dict[str, socket.socket] = {}
        theirs: dict[str, int] = {}
        names = ["monitor", *qemu.PORTS] + (["console"] if self.options.verbose else [])
        for name in names:
            ours[name], end = socket.socketpair()
            self._ends.append(end)
            theirs[name] = end.fileno()
        ports = {name: theirs[name] for name in qemu.PORTS}
        return ours, qemu.Wires(theirs["monitor"], ports, theirs.get("console"), self._shares())

    def _shares(self) -> dict[str, int]:
        """Start the file servers, for a guest without 9P."""
        if self.options.stock is None or not self.options.stock.cloud:
            return {}
        folders = {"root": Path("/")} | ({"out": self.options.out} if self.options.out else {})
        found = {}
        for tag, folder in folders.items():
            log = self.run.path / "virtiofsd.log"
            server = virtiofs.Server(self.emulator, folder, tag == "out", log)
            self._servers.append(server)
            self._ends.append(server.end)
            found[tag] = server.end.fileno()
        return found

    def _feed_control(self, data: bytes) -> None:
        *lines, self._control = (self._control + data).split(b"\n")
        for line in lines:
            word, *values = line.split()
            if word == b"started":
                # The guest's clock started later than ours, so only a clock that is ahead is
                # wrong.
                self._compare_clocks(float(values[0]), booting=True)
                self.started = True
            elif word == b"status":
                self._compare_clocks(float(values[1]), booting=False)
                self.status = int(values[0])

    def _compare_clocks(self, guest: float, booting: bool) -> None:
        """Record a wrong clock; guest: its uptime in seconds."""
        earliest, latest = self._before, time.monotonic()
        passed = guest - self._guest_time
        least = 0 if booting else earliest - self._host_time[1]
        most = latest - self._host_time[0]
        self._guest_time, self._host_time = guest, (earliest, latest)
        if not self.options.icount and not self._clock_fault:
            self._clock_fault = clock.fault(passed, min(max(passed, least), most))

    def _pump(self, timeout: float) -> None:
        """Wait for data and pass it on."""
        ready = self._selector.select(0)
        waited = not ready
        if waited:
            ready = self._selector.select(max(timeout, 0))
        now = time.monotonic()
        self._before, self._selected = now if waited else self._selected, now
        for key, _ in ready:
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            try:
                data = sock.recv(CHUNK)
            except ConnectionError:
                data = b""
            if data:
                key.data(data)
            else:
                self._selector.unregister(sock)
                if self._monitor is not None and sock is self._monitor.sock:
                    self._stopped = True
        if self._monitor is not None and "SHUTDOWN" in self._monitor.events:
            self._stopped = True

    def _complete(self) -> bool:
        return self.status is not None and all(s.ended for s in self.streams.values())

    def wait(self) -> int:
        """Return the exit status of COMMAND; raises GuestError."""
        began = time.monotonic()
        while not self._complete() and not self._stopped and not self._clock_fault:
            left = began + self._patience() - time.monotonic()
            if left <= 0:
                break
            if self._silent():
                self._interrupt()
                silent = f"silent for {SILENT_SECONDS:g} s"
                raise GuestLost(f"guest hung before COMMAND began: {silent}")
            self._pump(min(left, 5.0))
        if self._complete() and not self._clock_fault:
            assert self.status is not None
            return self.status
        if self._stopped:
            # QEMU reported the end first; the last output of the guest is still in the sockets
            self._pump(0)
        for stream in self.streams.values():
            stream.flush()
        if self._stopped and console.stale_breakpoint(self._console()):
            error = GuestError if self.started else GuestLost
            raise error(f"QEMU ran a breakpoint that was no longer there: {self._reason()}")
        raise GuestError(self._reason())

    def _patience(self) -> float:
        """Total timeout in seconds."""
        timeout = self.options.timeout
        return timeout if self.started else min(timeout, BOOT_SECONDS)

    def _silent(self) -> bool:
        """Whether it hangs during boot: 2 of about 1,000 guests of 7.3 did, when mounting /."""
        if self.started or self.options.flavour != "test" or self.options.icount:
            return False
        try:
            said = self.run.console.stat().st_mtime
        except FileNotFoundError:
            return False
        return time.time() - said > SILENT_SECONDS

    def _interrupt(self) -> None:
        """Make the guest panic, so that its last messages show where it hangs."""
        if self._monitor is None:
            return
        with suppress(OSError):
            self._monitor.send("inject-nmi")
        deadline = time.monotonic() + NMI_SECONDS
        while not self._stopped and time.monotonic() < deadline:
            self._pump(1.0)

    def _reason(self) -> str:
        """Short reason why there is no status."""
        if self._clock_fault:
            return f"guest refused: its {self._clock_fault}"
        if self._stopped:
            panic = console.panic(self._console())
            if panic is not None:
                return "guest panicked: " + panic
            log = (self.run.path / "qemu.log").read_text(errors="replace").strip()
            if not self._console() and log:
                return "QEMU failed: " + log.splitlines()[-1]
            when = "before COMMAND ended" if self.started else "before COMMAND began"
            return f"guest stopped {when}"
        seconds = f"{self._patience():g} s"
        if self.started:
            return f"guest hung: COMMAND had not ended after {seconds}"
        return f"guest never started: COMMAND had not begun after {seconds}"

    def _console(self) -> str:
        try:
            return self.run.console.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def last_words(self) -> str:
        """The end of the console log, for the user."""
        return console.last_words(self._console())

    def dump(self, file: Path, paging: bool) -> None:
        """Stop the guest and write its memory as an ELF core.

        With paging, it is written by the virtual addresses of the guest.
        """
        monitor = self._monitor
        if monitor is None or monitor.sock.fileno() < 0:
            raise GuestError("dump failed: QEMU is gone")
        monitor.answers.clear()
        try:
            monitor.send("stop")
            monitor.send("dump-guest-memory", paging=paging, protocol=f"file:{file}")
        except OSError as error:
            raise GuestError(f"dump failed: {error}") from error
        deadline = time.monotonic() + DUMP_SECONDS
        gone = monitor.sock not in self._selector.get_map()
        while len(monitor.answers) < 2 and not gone:
            if time.monotonic() > deadline:
                raise GuestError(f"dump failed: not done after {DUMP_SECONDS:g} s")
            self._pump(1.0)
            gone = monitor.sock not in self._selector.get_map()
        for answer in monitor.answers:
            if "error" in answer:
                raise GuestError(f"dump failed: {answer['error']['desc']}")
        if gone:
            raise GuestError("dump failed: QEMU is gone")

    def stop(self) -> None:
        """Power off; a clean shutdown is not needed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for server in self._servers:
            server.stop()


def complain(message: str) -> None:
    """Print one line for the user."""
    print(f"vm: {message}", file=sys.stderr, flush=True)
