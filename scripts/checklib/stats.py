# SPDX-License-Identifier: GPL-2.0
"""The figures of tracking: which of them tell of something wrong."""

from __future__ import annotations

from collections.abc import Mapping

# What must be 0 where nothing is wrong.
ALARMS = ("hazard_", "reports_suppressed", "false_positive", "unmatched", "untracked")


def alarms(stats: Mapping[str, int]) -> dict[str, int]:
    """The figures that say that something was wrong."""
    return {name: value for name, value in stats.items() if value and name.startswith(ALARMS)}
