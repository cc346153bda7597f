# SPDX-License-Identifier: GPL-2.0
"""Parts of scripts/vm: one QEMU guest, one command, one result."""
