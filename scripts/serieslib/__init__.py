# SPDX-License-Identifier: GPL-2.0
"""The parts of scripts/series: the project as a series of patches."""
