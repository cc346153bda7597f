# SPDX-License-Identifier: GPL-2.0
"""scripts/vm as users see it; each test but the first few boots a guest.

GUP_PIN_KVER selects the kernel (unset: the default one).
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vmlib import clock

PROJECT = Path(__file__).resolve().parent.parent
VM = PROJECT / "scripts" / "vm"
# The first word, so that a test may add or override options.
KERNEL = ["-k", os.environ["GUP_PIN_KVER"]] if os.environ.get("GUP_PIN_KVER") else []
SMALL = ["-m", "512M"]
ODD_BYTES = os.fsdecode(b"\xff\x01")
ODD_WORDS = ["a b", "it's", '"', "$HOME", "*", "line\nline", "", ODD_BYTES, "--", "-v"]


def vm(*words: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run scripts/vm to its end."""
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [VM, *KERNEL, *SMALL, *words], capture_output=True, check=False, timeout=900, **options
    )


def changed_vm(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program that changes scripts/vm, and then runs it."""
    return subprocess.run(
        ["/usr/bin/python3", "-c", program, *words],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def split(stderr: bytes) -> tuple[Path, bytes]:
    """The console's path from the first line of stderr, and the rest."""
    line, _, rest = stderr.partition(b"\n")
    match = re.fullmatch(rb"vm: console: (/.*)", line)
    assert match, stderr
    return Path(os.fsdecode(match[1])), rest


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that a guest sees as well: not on the host's /dev or /proc."""
    yield tmp_path


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["-k", "5.1", "--", "true"], "kernel 5.1 is not supported"),
        (["-f", "none", "--", "true"], "no kernel flavour none"),
        (["-m", "lots", "--", "true"], "not a memory size"),
        (["-c", "0", "--", "true"], "-c"),
        (["-t", "0", "--", "true"], "-t"),
        (["--icount", "-c", "2", "--", "true"], "--icount needs -c 1"),
        (["--out", "/nonexistent", "--", "true"], "is not a directory"),
        (["--dump", "/nonexistent/dump", "--", "true"], "cannot write"),
        (["--nonsense", "--", "true"], "--nonsense"),
        ([], "no COMMAND"),
        (["--"], "no COMMAND"),
    ],
)
def test_a_usage_error_is_one_line_and_status_2(words: list[str], error: str) -> None:
    done = vm(*words)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert done.stderr.startswith(b"vm: ")
    assert error.encode() in done.stderr


def test_status_and_both_outputs_come_back_apart() -> None:
    done = vm("--", "sh", "-c", "echo out; echo err >&2; echo again >/dev/stderr; exit 7")
    console, rest = split(done.stderr)
    assert (done.returncode, done.stdout, rest) == (7, b"out\n", b"err\nagain\n")
    assert b"Linux version " in console.read_bytes()


def test_death_by_a_signal_gives_128_and_its_number() -> None:
    done = vm("--", "sh", "-c", "kill -KILL $$")
    assert done.returncode == 128 + signal.SIGKILL
    assert done.stdout == b""
    assert split(done.stderr)[1] == b""


def test_arguments_arrive_byte_for_byte() -> None:
    done = vm("--", "printf", "%s\\0", *ODD_WORDS)
    assert done.stdout == b"".join(os.fsencode(word) + b"\0" for word in ODD_WORDS)


def test_output_of_all_bytes_is_not_touched(folder: Path) -> None:
    data = bytes(range(256)) + random.Random(1).randbytes(8_000_000)
    (folder / "data").write_bytes(data)
    done = vm("--", "sh", "-c", 'cat "$0" & cat "$0" >&2; wait', str(folder / "data"))
    for got in (done.stdout, split(done.stderr)[1]):
        assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()


def test_the_host_is_seen_and_left_alone(folder: Path) -> None:
    work = folder / "with a blank"
    work.mkdir()
    (work / "input").write_text("from the host\n")
    script = 'pwd; cat input; cat; echo new >output; echo >input; id -u; echo "$GUP_PIN_A,$SECRET,"'
    environment = {**os.environ, "GUP_PIN_A": "x y", "SECRET": "s"}
    done = vm("--", "sh", "-c", script, cwd=work, env=environment)
    assert done.stdout.decode() == f"{work}\nfrom the host\n0\nx y,,\n"
    assert [p.name for p in work.iterdir()] == ["input"]
    assert (work / "input").read_text() == "from the host\n"


def test_results_leave_by_out(folder: Path) -> None:
    out = folder / "out dir"
    out.mkdir()
    done = vm("--out", str(out), "--", "sh", "-c", 'echo kept >"$0/result"', str(out))
    assert done.returncode == 0, done.stderr
    assert (out / "result").read_text() == "kept\n"


# Writes ten lines to a file, and reads it all the time; ten times.
GROW = """
import os, sys, time
for _ in range(10):
    file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    if not (pid := os.fork()):
        for number in range(10):
            os.write(file, f"line {number}\\n".encode())
            time.sleep(0.002)
        os._exit(0)
    while not os.waitpid(pid, os.WNOHANG)[0]:
        open(sys.argv[1]).read()
    sys.stdout.write(open(sys.argv[1]).read())
"""


def test_a_file_in_out_may_be_read_while_it_grows(folder: Path) -> None:
    """No line is lost, neither in the guest nor outside: programs are waited for like this."""
    file = folder / "said"
    done = vm("--out", str(folder), "--", "python3", "-c", GROW, str(file))
    assert done.returncode == 0, done.stderr
    lines = b"".join(b"line %d\n" % number for number in range(10))
    assert done.stdout == lines * 10
    assert file.read_bytes() == lines


def test_children_left_behind_hold_nothing_up() -> None:
    begin = time.monotonic()
    done = vm("-t", "600", "--", "sh", "-c", "sleep 1000 & echo done")
    assert (done.returncode, done.stdout) == (0, b"done\n")
    assert time.monotonic() - begin < 600


def test_a_guest_that_hangs_is_given_up() -> None:
    # On a busy host it may not even have begun by then.
    for patience in (7, 30, 120):
        begin = time.monotonic()
        done = vm("-t", str(patience), "--", "sh", "-c", "echo begun; exec sleep 1000")
        if done.stdout:
            break
    took = time.monotonic() - begin
    console, rest = split(done.stderr)
    assert (done.returncode, done.stdout) == (125, b"begun\n")
    lines = rest.decode().splitlines()
    assert lines[0].startswith("vm: guest hung: ")
    assert str(console) in lines[0]
    assert 5 < len(lines) <= 21
    # Before the guest's command would have ended; beside other load, the start alone may be slow.
    assert patience <= took < 900


def test_a_guest_that_panics_is_noticed_at_once(folder: Path) -> None:
    crash = 'echo before; until [ -e "$0/go" ]; do sleep 0.1; done; echo c >/proc/sysrq-trigger'
    words = ["-t", "600", "--out", str(folder), "--", "sh", "-c", crash, str(folder)]
    with subprocess.Popen([VM, *KERNEL, *SMALL, *words], stdout=-1, stderr=-1) as process:
        assert process.stdout is not None
        # A guest that panics may lose what it has not written yet.
        before = process.stdout.readline()
        begin = time.monotonic()
        (folder / "go").touch()
        after, stderr = process.communicate(timeout=900)
    assert (process.returncode, before, after) == (125, b"before\n", b"")
    rest = split(stderr)[1]
    assert rest.startswith(b"vm: guest panicked: sysrq triggered crash")
    assert b"Kernel panic - not syncing" in rest.partition(b"\n")[2]
    assert time.monotonic() - begin < 300


# For a guest that waits for a disk that never appears.
NO_ROOT = "root=/dev/nothing rootwait rootfstype=ext4"


def test_a_guest_that_never_starts() -> None:
    done = vm("--append", "init=/nonexistent", "--", "true")
    assert done.returncode == 125
    assert split(done.stderr)[1].startswith(b"vm: guest panicked: Requested init /nonexistent")
    done = vm("-t", "0.3", "--append", NO_ROOT, "--", "true")
    assert done.returncode == 125
    assert split(done.stderr)[1].startswith(b"vm: guest never started")


# Such a guest times out soon, but not while it still boots: a busy host may make it silent then.
SILENT = """
import runpy, sys
sys.path.insert(0, "scripts")
from vmlib.session import Session
from vmlib import session
session.SILENT_SECONDS, session.NMI_SECONDS = 5, 300
silent = Session._silent
Session._silent = lambda self: "Waiting for root device" in self._console() and silent(self)
sys.argv[0] = "vm"
runpy.run_path("scripts/vm", run_name="__main__")
"""


def test_a_guest_that_hangs_in_its_boot_says_where_and_has_a_second_go() -> None:
    done = changed_vm(SILENT, "--append", NO_ROOT, "--", "true")
    assert done.returncode == 125
    hung = "vm: guest hung before COMMAND began: silent for 5 s"
    assert done.stderr.count(hung) == 2
    assert done.stderr.count("vm: once more\n") == 1
    assert done.stderr.count("Kernel panic - not syncing: NMI: Not continuing") == 2


# As if the panic of such a guest came from a breakpoint that QEMU should not have run.
STALE = """
import runpy, sys
sys.path.insert(0, "scripts")
from vmlib import console
console.stale_breakpoint = lambda text: "Requested init" in text
sys.argv[0] = "vm"
runpy.run_path("scripts/vm", run_name="__main__")
"""


def test_a_guest_that_qemu_fails_in_its_boot_has_a_second_go() -> None:
    done = changed_vm(STALE, "--append", "init=/nonexistent", "--", "true")
    assert done.returncode == 125
    lost = "vm: QEMU ran a breakpoint that was no longer there: guest panicked: Requested init"
    assert done.stderr.count(lost) == 2
    assert done.stderr.count("vm: once more\n") == 1


@pytest.mark.parametrize(("part", "wrong"), [(1 / 25, "fast"), (4, "slow")])
def test_a_guest_whose_clock_is_wrong_is_refused(part: float, wrong: str) -> None:
    """As if the kernel had measured its counter on a busy host."""
    khz = round(clock.host_khz() * part)
    done = vm("--append", f"tsc_early_khz={khz}", "--", "sleep", "1")
    assert done.returncode == 125
    line = split(done.stderr)[1].splitlines()[0].decode()
    assert line.startswith(f"vm: guest refused: its clock ran too {wrong}: ")


def test_all_cpus_have_the_delay_of_the_clock() -> None:
    """A measured one is wrong on a busy host, and mdelay() with it."""
    done = vm("-c", "3", "--", "cat", "/proc/cmdline", "/proc/cpuinfo")
    said = done.stdout.decode()
    khz = int(said.partition("tsc_early_khz=")[2].split()[0])
    rates = [float(rate) for rate in re.findall(r"bogomips\s*: ([0-9.]+)", said)]
    assert len(rates) == 3
    assert all(abs(rate - khz / 500) < 0.01 * khz / 500 for rate in rates), rates


def test_a_guest_has_terminals_for_programs() -> None:
    program = (
        "import os, pty; pid, fd = pty.fork();"
        "os.execlp('tty', 'tty') if not pid else print(os.read(fd, 100).decode().strip())"
    )
    done = vm("--", "/usr/bin/python3", "-c", program)
    assert done.stdout == b"/dev/pts/0\n", done.stderr


def test_help_says_that_pins_are_tracked() -> None:
    help_ = subprocess.run([VM, "--help"], capture_output=True, text=True, check=True).stdout
    assert "tracked since boot, unless --append says gup_pin=off" in help_
    done = vm("--", "cat", "/sys/kernel/debug/gup_pin/enable")
    assert done.stdout == b"1\n"
    done = vm("--append", "gup_pin=off", "--", "cat", "/sys/kernel/debug/gup_pin/enable")
    assert done.stdout == b"0\n"


def test_guests_run_side_by_side() -> None:
    words = [str(n) for n in range(3)]
    running = [
        subprocess.Popen([VM, *KERNEL, *SMALL, "--", "echo", word], stdout=-1, stderr=-1)
        for word in words
    ]
    ended = [process.communicate(timeout=900) for process in running]
    assert [out.decode() for out, _ in ended] == [f"{word}\n" for word in words]
    assert len({split(err)[0] for _, err in ended}) == len(words)


def test_a_dump_shows_the_guest_with_its_children_alive(folder: Path) -> None:
    version = os.environ.get("GUP_PIN_KVER") or "6.12"
    script = folder / "tasks.py"
    script.write_text(
        "from drgn.helpers.linux.pid import for_each_task\n"
        "print([t.comm.string_().decode() for t in for_each_task(prog)])\n"
    )
    # Until it executes another program than its shell.
    child = "sleep 1234 & until grep -q sleep /proc/$!/comm; do :; done"
    done = vm("--dump", "dump", "--", "sh", "-c", child, cwd=folder)
    assert done.returncode == 0, done.stderr
    cache = Path(os.environ.get("GUP_PIN_CACHE") or Path.home() / ".cache" / "gup-pin")
    vmlinux = str(cache / "build" / f"{version}-test" / "vmlinux")
    drgn = [str(PROJECT / "scripts" / "drgn"), "-k", version, "-c", "dump"]
    drgn += ["-s", vmlinux, "tasks.py"]
    shown = subprocess.run(drgn, cwd=folder, capture_output=True, check=True, timeout=900).stdout
    assert b"'sleep'" in shown
    assert b"'kthreadd'" in shown


def test_instructions_are_the_same_each_time() -> None:
    program = (
        "import time; a = time.perf_counter_ns()\n"
        "for i in range(200000): pass\n"
        "print(time.perf_counter_ns() - a)"
    )
    words = ["--icount", "--", "env", "PYTHONHASHSEED=0", "/usr/bin/python3", "-c", program]
    counts = [int(vm(*words).stdout) for _ in range(2)]
    assert min(counts) > 200_000
    assert max(counts) - min(counts) < 0.02 * min(counts)


def children(pid: int) -> list[int]:
    """The live child processes of a process."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def emulators(pid: int) -> list[int]:
    """Those that have become QEMU, which a loader runs, and will end with it."""
    return [n for n in children(pid) if Path(f"/proc/{n}/comm").read_text().startswith("ld-")]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_no_qemu_outlives_scripts_vm(number: signal.Signals, status: int) -> None:
    process = subprocess.Popen(
        [VM, *KERNEL, *SMALL, "--", "sleep", "1000"], stdout=-1, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    process.stderr.readline()
    deadline = time.monotonic() + 300
    while not (qemu := emulators(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert qemu
    # Readable once it has ended, even if its new parent has not yet waited for it.
    ended = os.pidfd_open(qemu[0])
    try:
        process.send_signal(number)
        assert process.wait(300) == status
        assert select.select([ended], [], [], 300)[0]
    finally:
        os.close(ended)


def test_a_reader_that_is_late_does_not_make_the_clock_wrong() -> None:
    """The guest has ended long before all of its output is read, which fits into no pipe."""
    words = ["--", "head", "-c", "200000", "/dev/zero"]
    with subprocess.Popen([VM, *KERNEL, *SMALL, *words], stdout=-1, stderr=-1) as process:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 900)[0]
        time.sleep(10)
        out, stderr = process.communicate(timeout=900)
    assert (process.returncode, out) == (0, bytes(200_000)), stderr


def test_nobody_left_to_read_the_output() -> None:
    process = subprocess.Popen(
        [VM, *KERNEL, *SMALL, "--", "yes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.read(2) == b"y\n"
    process.stdout.close()
    assert process.wait(300) == 128 + signal.SIGPIPE
