# SPDX-License-Identifier: GPL-2.0
"""The guest's clock, which is its time stamp counter: its rate, and whether it is right.

Without -icount QEMU exposes the host's counter to the guest. The kernel calibrates it
against the emulated PIT and HPET during boot, which fails on a busy host: in one guest time
ran 27 times too fast. So the rate is passed on the kernel's command line, and the uptime
that the guest reports is compared with the host's clock.

The kernel's delay loop is a number of ticks of that counter. The second CPU's is measured,
too: on a busy host it was from a thousandth to four times what it should be, so that a
mdelay(1) took a microsecond. It is passed, too.
"""

from __future__ import annotations

import ctypes
import mmap
import time

# With -icount shift=0 an instruction takes a nanosecond, and the counter counts them.
ICOUNT_KHZ = 1_000_000

# All kernels here have CONFIG_HZ=250: config/test.config, and Debian's.
_HZ = 250

# rdtsc; shl rdx, 32; or rax, rdx; ret
_RDTSC = bytes.fromhex("0f31 48c1e220 4809d0 c3")
# Two clocks are read together; this is the error caused by the time between the reads.
_TOGETHER_NS = 20_000
_SPAN_SECONDS = 0.02

# Tolerance for a guest's clock: part of the elapsed time, and seconds.
SLACK = 0.1
SLACK_SECONDS = 2.0


def delay_loops(khz: int) -> int:
    """The kernel's loops_per_jiffy with a counter of that rate in kHz."""
    return khz * 1000 // _HZ


def host_khz() -> int:
    """Rate of this machine's time stamp counter, measured over 20 ms."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(_RDTSC)
    place = ctypes.c_char.from_buffer(code)
    rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(place))

    def both() -> tuple[int, int]:
        while True:
            before = time.monotonic_ns()
            ticks = rdtsc()
            if (after := time.monotonic_ns()) - before < _TOGETHER_NS:
                return ticks, (before + after) // 2

    first_ticks, first_ns = both()
    time.sleep(_SPAN_SECONDS)
    last_ticks, last_ns = both()
    return (last_ticks - first_ticks) * 1_000_000 // (last_ns - first_ns)


def fault(guest: float, host: float) -> str | None:
    """What is wrong with a guest's clock that advanced by these seconds while ours did."""
    if guest > host * (1 + SLACK) + SLACK_SECONDS:
        return f"clock ran too fast: {guest:.1f} s in {host:.1f} s"
    if guest < host * (1 - SLACK) - SLACK_SECONDS:
        return f"clock ran too slow: {guest:.1f} s in {host:.1f} s"
    return None
