# SPDX-License-Identifier: GPL-2.0
"""The parts of scripts/vm that need no guest."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from vmlib import clock, console, qemu, rundir
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


def test_a_panic_is_found() -> None:
    begun = "[    0.000000] Linux version 6.12\n"
    assert console.panic(begun + "[    0.1] Kernel panic - not syncing: No init\n") == "No init"
    assert console.panic(begun) is None


@pytest.mark.parametrize(("before", "stale"), [("0f", True), ("cc", False)])
def test_a_breakpoint_that_was_removed_is_a_fault_of_qemu(before: str, stale: bool) -> None:
    oops = (
        "[    0.9] Oops: int3: 0000 [#1] PREEMPT SMP\n"
        "[    0.9] CPU: 0 UID: 0 PID: 1 Comm: swapper/0 Not tainted 6.12.118 #1\n"
        f"[    0.9] Code: 00 e9 13 0f 84 fa 01 00 00 {before} <1f> 44 00 00 49 89 d7\n"
    )
    assert console.stale_breakpoint(oops) is stale
    assert not console.stale_breakpoint(oops.replace("int3", "general protection fault"))


@pytest.mark.parametrize(
    ("guest", "host", "wrong"),
    [
        (3.0, 3.0, None),
        (3.0, 4.9, None),
        (100.0, 109.0, None),
        (50.0, 2.6, "clock ran too fast: 50.0 s in 2.6 s"),
        (600.0, 500.0, "clock ran too fast: 600.0 s in 500.0 s"),
        (1.1, 4.0, "clock ran too slow: 1.1 s in 4.0 s"),
        (400.0, 500.0, "clock ran too slow: 400.0 s in 500.0 s"),
    ],
)
def test_clocks_are_compared(guest: float, host: float, wrong: str | None) -> None:
    assert clock.fault(guest, host) == wrong


def test_the_rate_of_the_counter_is_measured_well() -> None:
    rates = [clock.host_khz() for _ in range(3)]
    assert min(rates) > 500_000
    # The kernel itself corrects an error below one percent.
    assert max(rates) - min(rates) < 0.005 * min(rates)


def options(icount: bool = False, one_thread: bool = False) -> qemu.Options:
    """For a guest that does nothing."""
    return qemu.Options(
        command=["true"], version="6.12", flavour="test", memory="1G", cpus=1, icount=icount,
        one_thread=one_thread, append="quiet", timeout=1, verbose=False, dump=None, paging=False,
        out=None,
    )  # fmt: skip


@pytest.mark.parametrize("icount", [False, True])
def test_the_guest_is_told_the_rate_of_its_clock(icount: bool) -> None:
    words = qemu.kernel_arguments(Path("/x"), options(icount=icount)).split()
    rates = [int(word.partition("=")[2]) for word in words if word.startswith("tsc_early_khz=")]
    assert len(rates) == 1
    assert (rates[0] == 1_000_000) == icount
    assert words[-1] == "quiet"


@pytest.mark.parametrize(("one_thread", "word"), [(False, "multi"), (True, "single")])
def test_cpus_run_in_one_thread_if_asked(one_thread: bool, word: str) -> None:
    wires = qemu.Wires(monitor=3, ports={}, console=None)
    words = qemu.command_line(
        options(one_thread=one_thread), Path("/x"), Path("/y"), "quiet", wires
    )
    assert f"tcg,thread={word}" in words


def test_more_devices_come_before_all_others() -> None:
    """An IOMMU would not know earlier ones."""
    wires = qemu.Wires(monitor=3, ports={}, console=None)
    asked = replace(options(), devices=("intel-iommu", "edu"))
    words = qemu.command_line(asked, Path("/x"), Path("/y"), "quiet", wires)
    devices = [words[i + 1] for i, word in enumerate(words) if word == "-device"]
    assert devices[:2] == ["intel-iommu", "edu"]
    assert len(devices) > 2


def test_a_disk_comes_before_the_device_that_stores_in_it() -> None:
    """QEMU looks for it when it makes the device."""
    wires = qemu.Wires(monitor=3, ports={}, console=None)
    asked = replace(options(), devices=("nvme,drive=d",), blockdevs=("null-co,node-name=d",))
    words = qemu.command_line(asked, Path("/x"), Path("/y"), "quiet", wires)
    assert words.index("null-co,node-name=d") == words.index("-blockdev") + 1
    assert words.index("null-co,node-name=d") < words.index("nvme,drive=d")
