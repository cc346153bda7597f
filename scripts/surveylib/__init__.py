# SPDX-License-Identifier: GPL-2.0
"""Try scripts/apply on the kernel sources that Debian has."""
