# SPDX-License-Identifier: GPL-2.0
"""Counters of tracking that indicate an error."""

from __future__ import annotations

from collections.abc import Mapping

# These are 0 if nothing is wrong.
ALARMS = ("hazard_", "reports_suppressed", "false_positive", "unmatched", "untracked")


def alarms(stats: Mapping[str, int]) -> dict[str, int]:
    """Return the counters that indicate an error."""
    return {name: value for name, value in stats.items() if value and name.startswith(ALARMS)}
