# SPDX-License-Identifier: GPL-2.0
"""The parts of scripts/vm that need no guest."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from vmlib import console, qemu, rundir
from vmlib.qmp import Monitor
from vmlib.session import Stream

TOKEN = b"0123456789abcdef"


def streamed(chunks: list[bytes]) -> tuple[bytes, bool]:
    got = bytearray()
    stream = Stream(TOKEN, got.extend)
    for chunk in chunks:
        stream.feed(chunk)
    return bytes(got), stream.ended


@pytest.mark.parametrize("size", [1, 2, 3, 7, 15, 16, 17, 1000])
def test_a_stream_ends_at_its_token_however_it_is_cut(size: int) -> None:
    data = b"x01\n" + TOKEN[:9] + b"y" + TOKEN[:15] + TOKEN + b"from a child"
    chunks = [data[i : i + size] for i in range(0, len(data), size)]
    assert streamed(chunks) == (b"x01\n" + TOKEN[:9] + b"y" + TOKEN[:15], True)


def test_a_stream_is_handed_on_at_once() -> None:
    assert streamed([b"a prompt: "]) == (b"a prompt: ", False)


def test_what_only_looked_like_a_token_comes_out_in_the_end() -> None:
    got = bytearray()
    stream = Stream(TOKEN, got.extend)
    stream.feed(b"end" + TOKEN[:5])
    assert bytes(got) == b"end"
    stream.flush()
    assert bytes(got) == b"end" + TOKEN[:5]


def test_the_command_script_keeps_every_byte(tmp_path: Path) -> None:
    words = ["a b", "it's", 'say "x"', "$HOME `id` \\", "line\nline", "", os.fsdecode(b"\xff\xfe")]
    script = tmp_path / "command"
    script.write_bytes(
        rundir.command_script(
            ["printf", "%s\\0", *words], {"PATH": os.environ["PATH"], "GUP_PIN_X": "a 'b'"}, "/"
        )
    )
    errors = tmp_path / "errors"
    run = ["sh", "-c", f"sh {script} 3>{errors}"]
    got = subprocess.run(run, capture_output=True, check=True).stdout
    assert got == b"".join(os.fsencode(word) + b"\0" for word in words)


def test_the_command_gets_directory_and_environment(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "GUP_PIN_X": "a 'b' $c"}
    script = rundir.command_script(
        ["sh", "-c", 'pwd; echo "$GUP_PIN_X,$unwanted,"; echo error >&2'],
        environment,
        str(tmp_path),
        ["unwanted"],
    )
    done = subprocess.run(
        ["sh", "-c", "exec 3>&2 2>/dev/null; sh"],
        input=script,
        capture_output=True,
        check=True,
        env={**os.environ, "unwanted": "boot parameter"},
    )
    assert done.stdout.decode() == f"{tmp_path}\na 'b' $c,,\n"
    assert done.stderr == b"error\n"


def test_only_some_of_the_environment_is_passed() -> None:
    environment = {"PATH": "/bin", "HOME": "/h", "GUP_PIN_KVER": "6.12", "SECRET": "x", "LANG": "C"}
    wanted = {"PATH": "/bin", "HOME": "/h", "GUP_PIN_KVER": "6.12", "LANG": "C"}
    assert rundir.passed_environment(environment) == wanted


def test_fstab_takes_paths_with_blanks() -> None:
    line = rundir.fstab(Path("/a b\\c")).splitlines()[-1]
    assert line.startswith("out /mnt/root/a\\040b\\134c 9p ")


def test_old_runs_go_but_not_those_of_the_living(tmp_path: Path) -> None:
    names = [f"20260101-00000{i}.0-999999{i}" for i in range(6)]
    names.append(f"20250101-000000.0-{os.getpid()}")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "console").write_text("x")
    rundir.prune(tmp_path, keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*names[4:6], names[6]])


def test_names_that_the_kernel_hands_to_init() -> None:
    words = 'ro console=ttyS0 "init=/a b/c" vm_run=/x kunit.enable=0 quiet'
    names = qemu.boot_variables(words)
    assert "vm_run" in names
    assert "kunit.enable" not in names
    assert "quiet" not in names


def test_monitor_takes_answers_and_events_apart() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        monitor = Monitor(ours)
        monitor.send("dump-guest-memory", paging=False)
        assert theirs.recv(100) == (
            b'{"execute": "dump-guest-memory", "arguments": {"paging": false}}\n'
        )
        monitor.feed(b'{"QMP": {}}\r\n{"event": "SHUT')
        monitor.feed(b'DOWN"}\r\n{"return": {}}\r\n{"error": {"desc": "no"}}\r\n')
        assert monitor.events == ["SHUTDOWN"]
        assert monitor.answers == [{"return": {}}, {"error": {"desc": "no"}}]


# As 6.12 said it when it had been patching code: CPU 0 sleeps, its timer is long due.
DEAF = """\
[    1.953751] clocksource: tsc: mask: 0xffffffffffffffff max_cycles: 0x256be558c20
[   22.011072] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
[   22.011072] rcu: \t0-...!: (0 ticks this GP) idle=0228/0/0x0 softirq=93/93 fqs=0
[   22.011072] Sending NMI from CPU 1 to CPUs 0:
[    1.954142] NMI backtrace for cpu 0
[    1.954142] RIP: 0010:pv_native_safe_halt+0xb/0x10
[    1.954142] Code: 7b 83 93 ff 5c 65 c6 05 24 cd 90 7e 00
[    1.954142] RSP: 0018:ffffffff81e03ea8 EFLAGS: 00000202
[    1.954142] Call Trace:
[    1.954142]  default_idle+0x5/0x10
[   22.011072] rcu: rcu_preempt kthread timer wakeup didn't happen for 5252 jiffies!
"""


def test_a_cpu_that_sleeps_through_its_timer_is_qemus_fault() -> None:
    assert console.emulator_fault(DEAF, stopped=False) == "lost its interrupts"
    assert console.emulator_fault(DEAF.replace("00000202", "00000a46"), False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pv_native_safe_halt", "gup_pin_record"),
        # Interrupts are off: whoever did that is to blame.
        ("00000202", "00000046"),
        ("timer wakeup didn't happen", "starved"),
        ("[   22.011072] rcu: INFO", "[   21.9] BUG: unable to handle page fault\nrcu: INFO"),
    ],
)
def test_what_a_kernel_may_have_done_is_not(old: str, new: str) -> None:
    assert console.emulator_fault(DEAF.replace(old, new), stopped=False) is None


def test_a_stop_is_qemus_fault_only_without_a_word() -> None:
    begun = "[    0.000000] Linux version 6.12\n"
    assert console.emulator_fault(begun, stopped=False) is None
    assert console.emulator_fault(begun, stopped=True) == "stopped without a word"
    assert console.emulator_fault("", stopped=True) is None
    panicked = begun + "[    0.1] Kernel panic - not syncing: No init\n"
    assert console.emulator_fault(panicked, stopped=True) is None
    assert console.panic(panicked) == "No init"
    assert console.panic(begun) is None
