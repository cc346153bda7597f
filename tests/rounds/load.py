# SPDX-License-Identifier: GPL-2.0
"""Tasks that pin and unpin continuously, and can be paused."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path

PAGE = mmap.PAGESIZE
# For io_uring and process_vm_readv(), which Python lacks.
SETUP, REGISTER, VM_READ = 425, 427, 310
REGISTER_BUFFERS, UNREGISTER_BUFFERS = 0, 1
# struct io_uring_params, in bytes; all zero.
PARAMS = 120
# UDMABUF_CREATE, of struct udmabuf_create: memfd, flags, offset, size.
UDMABUF_CREATE = 0x40187542
# A task's sleep between two turns, in seconds.
PAUSE = 0.1
DEBUGFS = Path("/sys/kernel/debug/gup_pin")

libc = ctypes.CDLL(None, use_errno=True)


class Vector(ctypes.Structure):
    """struct iovec; memory is its target, which must live as long."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))
    memory: mmap.mmap


def system_call(*words: object) -> int:
    """The result of the system call. Raises OSError."""
    # The last argument is on the stack, where C's int would be half a word.
    longs = [ctypes.c_long(word) if isinstance(word, int) else word for word in words]
    result = int(libc.syscall(*longs))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {words[0]}")
    return result


def vector_of(memory: mmap.mmap) -> Vector:
    """The whole memory."""
    vector = Vector(ctypes.addressof(ctypes.c_char.from_buffer(memory)), len(memory))
    vector.memory = memory
    return vector


class Ring:
    """An io_uring that can hold pages of its own memory as a registered buffer."""

    def __init__(self, pages: int) -> None:
        memory = mmap.mmap(-1, pages * PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory[:] = b"x" * len(memory)
        self.vector = vector_of(memory)
        self.ring = system_call(SETUP, 1, ctypes.create_string_buffer(PARAMS))

    def pin(self) -> None:
        """Take the pins."""
        system_call(REGISTER, self.ring, REGISTER_BUFFERS, ctypes.byref(self.vector), 1)

    def unpin(self) -> None:
        """Unpin; complete on return."""
        system_call(REGISTER, self.ring, UNREGISTER_BUFFERS, None, 0)


def direct_io(disk: str, file: Path) -> Callable[[], None]:
    """Reads of a disk, and writes and reads of a file, all with O_DIRECT."""
    memory = mmap.mmap(-1, 16 * PAGE)
    disk_fd = os.open(disk, os.O_RDONLY | os.O_DIRECT)
    file_fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_DIRECT)

    def turn() -> None:
        for size in (PAGE, len(memory)):
            os.preadv(disk_fd, [memoryview(memory)[:size]], 0)
            os.pwritev(file_fd, [memoryview(memory)[:size]], 0)

    return turn


def buffered_io(file: Path) -> Callable[[], None]:
    """A file that is written back and truncated."""
    opened = os.open(file, os.O_RDWR | os.O_CREAT)

    def turn() -> None:
        os.pwrite(opened, bytes(8 * PAGE), 0)
        os.fsync(opened)
        os.ftruncate(opened, PAGE // 2)

    return turn


def ring_buffers() -> Callable[[], None]:
    """An io_uring's buffers, registered and unregistered."""
    ring = Ring(8)

    def turn() -> None:
        ring.pin()
        ring.unpin()

    return turn


def remote_read() -> Callable[[], None]:
    """Memory of another process, read by process_vm_readv()."""
    source, target = (mmap.mmap(-1, 4 * PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) for _ in "ab")
    source[:] = b"y" * len(source)
    there, here = vector_of(source), vector_of(target)

    def turn() -> None:
        words = (ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
        system_call(VM_READ, os.getpid(), *words)

    return turn


def udmabuf() -> Callable[[], None]:
    """A buffer of a memfd's folios, created and closed."""
    device = os.open("/dev/udmabuf", os.O_RDWR)
    memory = os.memfd_create("load", os.MFD_ALLOW_SEALING)
    os.ftruncate(memory, 4 * PAGE)
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    words = (ctypes.c_uint32 * 6)(memory, 0, 0, 0, 4 * PAGE, 0)

    def turn() -> None:
        os.close(fcntl.ioctl(device, UDMABUF_CREATE, bytearray(words)))

    return turn


def read_all() -> None:
    """Read all debugfs files, while the module is loaded."""
    for file in ("pins", "stacks", "hazards", "orphans", "refused", "stats", "verify"):
        try:
            (DEBUGFS / file).read_bytes()
        except OSError:
            # The module is being removed.
            time.sleep(PAUSE)


class Load:
    """Child processes, each of which takes its turn repeatedly.

    turns counts the turns of all of them. A child that fails ends, and rest() reports it.
    """

    def __init__(self, tasks: dict[str, Callable[[], Callable[[], None]]]) -> None:
        self.names = list(tasks)
        # Odd: all must rest. Then, for each child, the last number that it has seen.
        self.seen = memoryview(mmap.mmap(-1, 2 * PAGE)).cast("I")
        self.count = self.seen[PAGE // 4 :]
        self.children = [
            self._start(number, make) for number, make in enumerate(tasks.values(), 1)
        ]

    def _start(self, number: int, make: Callable[[], Callable[[], None]]) -> int:
        child = os.fork()
        if not child:
            try:
                self._run(number, make())
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        return child

    def _run(self, number: int, turn: Callable[[], None]) -> None:
        while True:
            now = self.seen[0]
            self.seen[number] = now
            if now % 2 == 0:
                turn()
                self.count[number] += 1
            time.sleep(PAUSE)

    @property
    def turns(self) -> int:
        """The number of turns."""
        return sum(self.count[number] for number in range(1, len(self.names) + 1))

    def rest(self) -> None:
        """Return when no turn is running; none begins until go(). Raises OSError."""
        self.seen[0] += 1
        for number, (name, child) in enumerate(zip(self.names, self.children, strict=True), 1):
            while self.seen[number] != self.seen[0]:
                if os.waitpid(child, os.WNOHANG)[0]:
                    raise OSError(f"{name} has ended")
                time.sleep(0.005)

    def go(self) -> None:
        """Let them continue."""
        self.seen[0] += 1
