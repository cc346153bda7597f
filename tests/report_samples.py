# SPDX-License-Identifier: GPL-2.0
"""Documents as gup_pins.py makes them, without a kernel: for the tests of its page."""

from __future__ import annotations

import random
from typing import Any

from sample_words import PIN

Words = dict[str, Any]

# Names that a user may give to a process or a file, and that contain markup.
HOSTILE = [
    "</script><script>document.title='taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "<!--<script>",
    "';document.title='taken';//",
    '"onmouseover="document.title=1',
    "${document.title=1}",
    "&lt;b&gt;",
    "\u202egnp.exe",
    "@DATA@",
    "__proto__",
]

TAIL = ["do_syscall_64+0x47/0x110", "entry_SYSCALL_64_after_hwframe+0x4b/0x53"]
STACKS = {
    "0x160001": [
        "pin_user_pages_fast+0x8f/0xa0",
        "iov_iter_extract_pages+0xe8/0x8c0",
        "bio_iov_iter_get_pages+0xa0/0x580",
        "blkdev_direct_IO+0x15d/0x550",
        "blkdev_read_iter+0xb5/0x130",
        "aio_read+0x11f/0x1c0",
        "io_submit_one.constprop.0+0x490/0x7f0",
        "__x64_sys_io_submit+0x7c/0x170",
        *TAIL,
    ],
    "0x2b40003": [
        "pin_user_pages_fast+0x8f/0xa0",
        "io_pin_pages+0x9c/0x120",
        "io_sqe_buffer_register+0x8a/0x4f0",
        "io_sqe_buffers_register+0x15a/0x2d0",
        "__do_sys_io_uring_register+0x3f2/0xe10",
        *TAIL,
    ],
    "0x300001": [
        "pin_user_pages+0x75/0xb0",
        "ib_umem_get+0x1b2/0x4a0 [ib_uverbs]",
        "rxe_mr_init_user+0x5d/0x2f0 [rdma_rxe]",
        "rxe_reg_user_mr+0xa1/0x130 [rdma_rxe]",
        "ib_uverbs_reg_mr+0x15e/0x2e0 [ib_uverbs]",
        "ib_uverbs_ioctl+0x9b/0x110 [ib_uverbs]",
        "__x64_sys_ioctl+0x94/0xc0",
        *TAIL,
    ],
}
EVENT = [
    "ext4_bio_write_folio+0x101/0x3d0",
    "mpage_submit_folio+0x5a/0x70",
    "ext4_do_writepages+0x239/0xc90",
    "__x64_sys_msync+0x1db/0x320",
    *TAIL,
]

BLOCK_PAGES = 1 << 15
BLOCKS = 64


def pin(pfn: int, **words: Any) -> Words:
    """A pin with default words, some of them replaced."""
    return PIN | {"pfn": hex(pfn), "path": ""} | words


def hazard(kind: str, age_ms: int, **words: Any) -> Words:
    """A hazard on a file's page that a direct read of a disk writes to."""
    of_pin = pin(0x7EE5, pages=1, pins=1, term="short", comm="backup", task="57/107")
    of_pin |= {"map": "file", "dev": "253:1", "ino": 12, "stack": "0x160001"}
    of_pin |= {"age_ms": age_ms + 500, "frames": STACKS["0x160001"]}
    del of_pin["path"]
    usual: Words = {
        "kind": kind,
        "age_ms": age_ms,
        "task": "57/57",
        "comm": "postgres",
        "pin": of_pin,
        "func": "ext4_bio_write_folio+0x101",
        "pins_on_folio": 1,
        "path": "/var/lib/data/base/16384",
        "count": 1,
        "last_ms": age_ms,
        "reported": 1,
        "indexes": "0x5-0x5",
        "stake": "data",
        "frames": EVENT,
    }
    return usual | words


# The end of a process with shared memory that a device writes to.
HARMLESS = {"stake": "end", "count": 300, "reported": 0, "last_ms": 60_000}


def finding(kind: str, pfn: int, **words: Any) -> Words:
    """A finding of check about a folio."""
    usual: Words = {
        "kind": kind,
        "about": "content",
        "pfn": hex(pfn),
        "order": 0,
        "flags": "locked|uptodate|lru|private|writeback",
        "map": "file",
        "dev": "253:1",
        "ino": 12,
        "index": "0x5",
        "path": "/var/lib/data/base/16384",
        "refcount": 1027,
        "recorded": 1,
        "pinned": 1,
        "exact": False,
        "stacks": ["0x160001"],
    }
    return usual | words


def left(of_pin: Words, stake: str) -> Words:
    """A folio that has left its file, with what was at stake."""
    words: Words = {"pins": [of_pin], "stacks": [of_pin["stack"]], "map": "shmem"}
    words |= {"dev": "0:0", "ino": 0, "path": ""}
    return finding("truncated", int(of_pin["pfn"], 16), stake=stake, **words)


def document(pins: list[Words], **parts: Any) -> Words:
    """A gup-pin/2 document with these pins."""
    memory = {
        "page_size": 4096,
        "block_pages": BLOCK_PAGES,
        "zones": [
            _zone("DMA32", 0, 8),
            _zone("Normal", 8, 40),
            _zone("Movable", 48, BLOCKS - 48),
        ],
        "blocks": [
            {"id": i, "first": hex(i * BLOCK_PAGES), "pages": BLOCK_PAGES, "online": i != 60}
            | {"pinned": 0, "long": 0}
            for i in range(BLOCKS)
        ],
    }
    usual: Words = {
        "schema": "gup-pin/2",
        "verb": "report",
        "kernel": "6.12.117",
        "live": False,
        "tracking": {"format": 3, "enabled": True, "since_boot": True},
        "pins": pins,
        "hazards": [],
        "findings": [],
        "stats": {"enabled": 1, "live_pins": sum(p["pins"] for p in pins), "untracked": 0},
        "memory": memory,
        "stacks": STACKS,
        "complete": True,
        "faults": [],
    }
    return usual | parts


def _zone(name: str, first: int, blocks: int) -> Words:
    pages = blocks * BLOCK_PAGES
    where = {"node": 0, "name": name, "first": hex(first * BLOCK_PAGES)}
    return where | {"pages": pages, "present": pages, "managed": pages}


def troubled() -> Words:
    """A kernel with many problems; the last pin's process has ended."""
    file = {"map": "file", "dev": "253:1", "ino": 12, "path": "/var/lib/data/base/16384"}
    read = {"term": "short", "stack": "0x160001", "comm": "backup", "task": "57/107", "owner": 57}
    rdma = {"stack": "0x300001", "comm": "ibv_rc", "task": "901/901", "owner": 901}
    pins = [
        pin(0x1A2B0),
        pin(0x1C000, order=9, pages=512, pins=10, age_ms=86_400_000),
        pin(0x7EE5, pages=1, pins=1, index="0x5", age_ms=840, **read, **file),
        pin(0x7EE9, pages=3, pins=3, age_ms=35_000, mode="r", match="inferred", **read),
        pin(0x180010, pages=64, pins=64, age_ms=7_200_000, api="pin_user_pages", **rdma),
        pin(0x40010, pages=2, pins=2, comm=r"a\x20b", task="33/33", owner=33, mode="r")
        | {"match": "alike"},
    ]
    return document(
        pins,
        hazards=[
            hazard("truncate", 3_600_000, func="truncate_cleanup_folio+0x4b"),
            hazard("writeback", 41_000),
            hazard("writeback", 338),
            hazard("overdue", 2_100, frames=[], func="0x0", stake="time"),
            hazard("truncate", 90_000, path="/dev/zero", **HARMLESS),
        ],
        findings=[
            finding("writeback", 0x7EE5, pins=[pins[2]]),
            finding("dirty", 0x7EE9, stacks=["0x160001", "0x2b40003"]),
            *(left(pins[1], stake) for stake in ("data", "end", "unknown")),
            finding("unrecorded", 0x5000, about="records", stacks=[], path="", ino=0, dev="0:0"),
        ],
        stats={"enabled": 1, "live_pins": 96, "untracked": 3, "hazard_writeback": 7},
        complete=False,
        faults=[{"what": "struct page", "why": "not in the dump", "count": 2, "first": "0x10"}],
    )


def refusal(**words: Any) -> Words:
    """Equal refusals of a long-term pin."""
    return {
        **{"count": 2, "err": "EFAULT", "mode": "w", "term": "long", "api": "pin_user_pages_fast"},
        **{"owner": 812, "task": "812/815", "comm": "fio", "oldest_ms": 5203, "newest_ms": 103},
        **{"stack": "0x5", "why": "file", "addr": "0x7f21c0001000", "pfn": "0x0"},
        **{"dev": "253:2", "ino": 12, "index": "0x1", "path": "/data"},
        **words,
        "frames": STACKS["0x2b40003"],
    }


def copied() -> Words:
    """The content of debugfs' files; the second pin is an orphan."""
    pins = [pin(0x1A2B0), pin(0x1C000, order=9, pages=512, pins=10)]
    whole = document(pins, kernel=None, live=True, source="copies")
    whole |= {"hazards": [hazard("writeback", 9)], "refused": [refusal()]}
    whole |= {"tracking": {"enabled": True}}
    return {key: part for key, part in whole.items() if key not in ("findings", "memory")}


def unread() -> Words:
    """From a damaged dump: null for everything that could not be read."""
    of_folio = dict.fromkeys(("order", "addr", "map", "dev", "ino", "index", "path"))
    pins = [
        pin(0x1A2B0, **dict.fromkeys(("pages", "age_ms")), **of_folio),
        pin(0x1C000, age_ms=None, map="file", dev=None, ino=None, path=None),
        pin(0x40010, pages=2, pins=2, age_ms=5203),
    ]
    undated = hazard("writeback", 0) | {"age_ms": None, "last_ms": None}
    undated["pin"] |= {"age_ms": None}
    unasked = refusal(**dict.fromkeys(("why", "oldest_ms", "newest_ms")))
    lost = {"why": "not in the dump", "count": 2, "first": "0x10"}
    return document(
        pins,
        kernel=None,
        hazards=[undated],
        refused=[unasked],
        findings=[finding("writeback", 0x1C000, **dict.fromkeys(("dev", "ino", "path")))],
        stats={"enabled": 1, "live_pins": None, "untracked": None},
        complete=False,
        faults=[{"what": "struct page", **lost}],
    )


def hostile() -> Words:
    """Every text that users choose, or could choose, is a hostile one."""
    stacks = {hex(0x10 + i): [f"{text}+0x1/0x2", text] for i, text in enumerate(HOSTILE)}
    pins = [
        pin(0x1000 + 64 * i, comm=text, path=text, map="file", ino=2**64 - 1 - i, dev="8:1")
        | {"stack": hex(0x10 + i), "api": text}
        for i, text in enumerate(HOSTILE)
    ]
    hazards = [
        hazard("writeback", 100 + i, comm=text, path=text, func=text, frames=[text])
        for i, text in enumerate(HOSTILE)
    ]
    for one, text in zip(hazards, HOSTILE, strict=True):
        one["pin"] |= {"comm": text, "frames": [text]}
    findings = [
        finding("writeback", 0x1000 + 64 * i, path=text, flags=text, stacks=[hex(0x10 + i)])
        for i, text in enumerate(HOSTILE)
    ]
    faults = [{"what": t, "why": t, "count": 1, "first": "0x0"} for t in HOSTILE]
    return document(
        pins, kernel=HOSTILE[0], hazards=hazards, findings=findings, stacks=stacks, faults=faults
    )


def many(number: int, seed: int = 6) -> Words:
    """That many runs, of some hundred call paths and some thousand tasks and files."""
    rng = random.Random(seed)
    stacks = dict(STACKS)
    for i in range(200):
        depth = rng.randint(6, 24)
        path = [f"layer{rng.randint(0, 3) + 4 * level}_call+0x1/0x2" for level in range(depth)]
        stacks[hex(0x1000 + i)] = ["pin_user_pages_fast+0x8f/0xa0", *path, *TAIL]
    handles = list(stacks)
    pins = []
    for i in range(number):
        task = rng.randint(100, 2_000)
        term = "long" if rng.random() < 0.3 else "short"
        words: Words = {
            "pages": rng.choice((1, 1, 2, 16)),
            "mode": rng.choice("rw"),
            "term": term,
            "owner": task,
            "task": f"{task}/{task}",
            "comm": f"job-{task % 300}",
            "age_ms": int(10 ** rng.uniform(0, 7 if term == "long" else 4)),
            "addr": hex(0x7F0000000000 + (i << 16)),
            "stack": handles[(7 * task + i % 3) % len(handles)],
        }
        if i % 4 == 0:
            words |= {"map": "file", "dev": "253:1", "ino": 1000 + task, "index": hex(i)}
            words["path"] = f"/srv/data/part-{task}"
        pins.append(pin(i * 20, **words, pins=words["pages"]))
    hazards = [hazard("writeback", 10 * (i + 1) ** 2, func=f"f{i}+0x1") for i in range(64)]
    return document(pins, hazards=hazards, stacks=stacks)
