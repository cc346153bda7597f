#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Run in a guest by test_examples.py: the examples of the admin guide, word for word.

Prints one JSON object: for each example named after the program gup_pin, the output of its
commands, each after a line `# COMMAND`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import hold_pins
from unmount import unmount

PR_SET_NAME = 15
PR_SET_THP_DISABLE = 41
# Each has an open file.
CLIENTS = 400
# So many memory blocks are movable (movablecore=512M); memory is looked at in such parts.
BLOCKS = 4
PART = 32 << 20
DIR = Path("/sys/kernel/debug/gup_pin")
LIVE = "live_pins 0\n"
# The pages of a memory block.
PAGES = "S=$((0x$(cat /sys/devices/system/memory/block_size_bytes) / $(getconf PAGE_SIZE)))"

os.makedirs("/dev/shm/bin", exist_ok=True)
shutil.copy(sys.argv[1], "/dev/shm/bin/gup_pin")
os.environ["PATH"] = "/dev/shm/bin:" + os.environ["PATH"]
os.environ["TERM"] = "dumb"
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))


def shell(command: str) -> str:
    """The output, stdout and stderr."""
    done = subprocess.run(
        ["bash", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=900,
    )
    return f"# {command}\n{done.stdout}"


def shell_until(pattern: str, command: str) -> str:
    """Repeats the command until its output has that: on a busy machine it may be late."""
    for _ in range(30):
        if re.search(pattern, (text := shell(command)).partition("\n")[2], re.MULTILINE):
            break
    return text


def as_process(name: str, work: Callable[[], object]) -> int:
    """Run in a process of this name, until it is killed."""
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode(), 0, 0, 0)
    work()
    while True:
        signal.pause()


def end(*pids: int) -> None:
    """End all such processes; their pins are released."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    while LIVE not in (DIR / "stats").read_text():
        time.sleep(0.05)


def leak() -> None:
    """Registers a buffer for each of its clients, and never unregisters one."""
    size = 16 * hold_pins.PAGE
    for _ in range(CLIENTS):
        hold_pins.pin((hold_pins.memory(size), size))
        time.sleep(0.1)


def steady() -> None:
    """Holds a constant number of pins."""
    size = 256 * hold_pins.PAGE
    hold_pins.pin((hold_pins.memory(size), size))


def example_leak() -> str:
    """A leak, found with diff."""
    os.chdir("/dev/shm")
    pids = [as_process("database", steady), as_process("mediad", leak)]
    wait_for("comm=database", DIR / "pins")
    wait_for("comm=mediad", DIR / "pins")
    text = shell(f"cp -rT {DIR} before; sleep 3; gup_pin diff before")
    text += shell("gup_pin diff before --by comm,owner")
    end(*pids)
    return text


def read_slowly(address: int) -> None:
    """An O_DIRECT read from a disk that does not answer, into the page there."""
    disk = os.open("/dev/mapper/slow", os.O_RDONLY | os.O_DIRECT)
    view = (ctypes.c_char * hold_pins.PAGE).from_address(address)
    os.preadv(disk, [view], 0)


def read_into_file(path: str) -> None:
    """Such a read into a mapping of a file."""
    fd = os.open(path, os.O_RDWR)
    start = hold_pins.memory(16 * hold_pins.PAGE, mmap.MAP_SHARED, fd)
    read_slowly(start + 5 * hold_pins.PAGE)


def page_in_block(number: int) -> int:
    """The address of a page in that memory block, of new memory. Raises MemoryError."""
    block = int(Path("/sys/devices/system/memory/block_size_bytes").read_text(), 16)
    size = BLOCKS * block
    libc = hold_pins.libc
    libc.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    rights = mmap.PROT_READ | mmap.PROT_WRITE
    start = libc.mmap(None, size, rights, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    for part in range(start, start + size, PART):
        ctypes.memset(part, 0x5A, PART)
        for index, frame in enumerate(hold_pins.frames(part, PART // hold_pins.PAGE)):
            if frame * hold_pins.PAGE // block == number:
                page = part + index * hold_pins.PAGE
                end = page + hold_pins.PAGE
                libc.madvise(start, page - start, mmap.MADV_DONTNEED)
                libc.madvise(end, start + size - end, mmap.MADV_DONTNEED)
                return page
    raise MemoryError(f"no page in memory block {number}")


def wait_for(words: str, path: Path) -> None:
    """Wait until a file has these words."""
    for _ in range(6000):
        if words in path.read_text():
            return
        time.sleep(0.05)
    raise TimeoutError(words)


# A file system.
FILES = """
mkfs.ext4 -q -b 4096 {disk} && mkdir -p /dev/shm/srv && mount {options} {disk} /dev/shm/srv
dd if=/dev/zero of=/dev/shm/srv/table bs=64k count=1 status=none
"""
# A disk that does not answer.
SLOW = """
dmsetup create slow --table "0 8192 linear /dev/ram0 0" && dmsetup mknodes slow
sync; dmsetup suspend --nolockfs --noflush slow
"""


def start_backup(disk: str, options: str, words: str) -> int:
    """A process that reads slowly into a mapping of a file there; waits for these words.

    Raises TimeoutError with the output of the setup.
    """
    setup = shell(FILES.format(disk=disk, options=options) + SLOW)
    os.chdir("/dev/shm")
    pid = as_process("backup", lambda: read_into_file("srv/table"))
    try:
        wait_for(words, DIR / "pins")
    except TimeoutError as error:
        raise TimeoutError(setup) from error
    return pid


def example_truncate() -> str:
    """A file that cannot be truncated."""
    reader = start_backup("/dev/pmem0", "-o dax", "map=dax")
    shell("dmesg --clear")
    truncate = "timeout 3 truncate --size 0 srv/table; echo $?"
    text = shell(truncate)
    for _ in range(30):
        # A second may have passed before it has begun.
        if "truncation waits" in shell("dmesg"):
            break
        text = shell(truncate)
    text += shell("gup_pin file srv/table")
    text += shell("gup_pin file srv/table --by owner,comm,stack")
    text += shell("stat -c 'ino=%i dev=%Hd:%Ld' srv/table")
    text += shell(
        f"exec 3<>{DIR}/pins; stat -c 'ino=%i dev=%Hd:%Ld' srv/table >&3; cat <&3"
    )
    text += shell("dmesg --notime")
    shell("dmsetup resume slow")
    end(reader)
    text += shell("truncate --size 0 srv/table; echo $?")
    unmount(Path("srv"))
    shell("dmsetup remove slow")
    return text


def player() -> None:
    """Holds 64 pages, is refused those of a file, and keeps pins of a child that ended."""
    size = 64 * hold_pins.PAGE
    hold_pins.pin((hold_pins.memory(size), size))
    fd = os.open("srv/table", os.O_RDWR)
    try:
        page = hold_pins.memory(4 * hold_pins.PAGE, mmap.MAP_SHARED, fd)
        hold_pins.register_once(hold_pins.open_ring(), (page, size // 16))
    except OSError as refused:
        assert refused.errno == errno.EFAULT
    ring = hold_pins.open_ring()
    importer = os.fork()
    if not importer:
        hold_pins.libc.prctl(PR_SET_NAME, b"importer", 0, 0, 0)
        hold_pins.register(ring, (hold_pins.memory(size // 16), size // 16))
        os._exit(0)
    os.waitpid(importer, 0)


def example_start() -> str:
    """Start here: a command for each question."""
    backup = start_backup("/dev/ram1", "", "comm=backup")
    pids = [backup, as_process("player", player)]
    wait_for("comm=importer", DIR / "orphans")
    shell("python3 -c 'import os; os.fdatasync(os.open(\"srv/table\", os.O_RDWR))'")
    text = shell("gup_pin file srv/table")
    text += shell("gup_pin task $(pgrep -x player)")
    text += shell("gup_pin orphans")
    text += shell("gup_pin hazards")
    text += shell("gup_pin refused")
    shell("dmsetup resume slow")
    end(*pids)
    unmount(Path("srv"))
    shell("dmsetup remove slow")
    return text


def example_block() -> str:
    """A memory block that does not go offline, and one without pins."""
    shell(SLOW)
    reader = as_process("reader", lambda: read_slowly(page_in_block(13)))
    wait_for("comm=reader", DIR / "pins")
    offline = "echo offline >/sys/devices/system/memory/memory13/state"
    text = shell(f"timeout 3 sh -c '{offline}'; echo $?")
    for number in (13, 12):
        text += shell(f"N={number}; {PAGES}; gup_pin list pfn=$((N * S))-$((N * S + S - 1))")
    shell("dmsetup resume slow")
    end(reader)
    shell("dmsetup remove slow")
    return text


def example_driver() -> str:
    """A driver that leaks, made for this."""
    os.chdir(os.environ["GUP_PIN_PINNER"])
    text = shell("insmod gup_pin_one.ko; cp -rT /sys/kernel/debug/gup_pin before")
    text += shell("dd if=/dev/zero of=/dev/gup_pin_one bs=4k count=100 status=none")
    text += shell("gup_pin diff before --by module")
    return text + shell("gup_pin diff before")


def busy() -> None:
    """Pins and unpins some hundred times a second."""
    size = 4 * hold_pins.PAGE
    start = hold_pins.memory(size)
    while True:
        ring = hold_pins.pin((start, size))
        time.sleep(0.01)
        hold_pins.unpin(ring)


def example_trace() -> str:
    """The tracepoints."""
    pid = as_process("worker", busy)
    wait_for("comm=worker", DIR / "pins")
    text = shell_until(
        r"worker/.* gup_pin:gup_pin_(acquire|release)\(.*comm: \"worker\".* addr: 0x",
        "perf trace -a -e gup_pin:gup_pin_acquire,gup_pin:gup_pin_release -- sleep 0.2 2>&1"
        " | head -n 4",
    )
    text += shell_until(
        "^ *[0-9.]+% +worker +pfn=",
        "perf record -q -a -e gup_pin:gup_pin_acquire -o /dev/shm/data -- sleep 1;"
        " perf report -i /dev/shm/data --stdio -q --sort comm,trace 2>/dev/null | head -n 2",
    )
    end(pid)
    return text


# The commands, by text that their output must have.
ONE_LINERS = {
    r"@us\[worker, 1\]":
        "t:gup_pin:gup_pin_release "
        "{ @us[args->comm, args->longterm] = hist(args->age_ns / 1000); }",
    r"@pins\[worker, 1\]":
        "t:gup_pin:gup_pin_acquire { @pins[args->comm, args->longterm] = sum(args->pins); }",
}


def example_bpftrace() -> str:
    """bpftrace, for three seconds."""
    pid = as_process("worker", busy)
    wait_for("comm=worker", DIR / "pins")
    text = "".join(
        shell_until(found, f"bpftrace -c '/bin/sleep 3' -e '{program}'")
        for found, program in ONE_LINERS.items()
    )
    end(pid)
    return text


EXAMPLES = {
    "start": example_start,
    "block": example_block,
    "driver": example_driver,
    "leak": example_leak,
    "truncate": example_truncate,
    "trace": example_trace,
    "bpftrace": example_bpftrace,
}


def main() -> None:
    """Run the named examples."""
    # Mounted as on a normal system.
    if not Path("/sys/kernel/tracing/events").exists():
        shell("mount -t tracefs none /sys/kernel/tracing")
    print(json.dumps({name: EXAMPLES[name]() for name in sys.argv[2:]}))


main()
