# SPDX-License-Identifier: LGPL-2.1-or-later
"""Copies of the files in /sys/kernel/debug/gup_pin, read without drgn."""

from __future__ import annotations

from .folder import Copies, NoCopies, read_copies

__all__ = ("Copies", "NoCopies", "read_copies")
