# SPDX-License-Identifier: GPL-2.0
"""The words of a pin, in the order of `pins`, for tests that make up lines."""

from __future__ import annotations

PIN: dict[str, object] = {
    "pfn": "0x1a2b0",
    "pages": 16,
    "order": 0,
    "pins": 16,
    "mode": "w",
    "term": "long",
    "api": "pin_user_pages_fast",
    "owner": 812,
    "task": "812/815",
    "comm": "fio",
    "age_ms": 5203,
    "addr": "0x7f21c0000000",
    "map": "anon",
    "dev": "0:0",
    "ino": 0,
    "index": "0x0",
    "stack": "0x2b40003",
    "match": "exact",
}
