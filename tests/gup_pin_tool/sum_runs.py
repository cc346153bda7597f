# SPDX-License-Identifier: GPL-2.0
"""sum_runs.py KEY,...: some pins, as lines of pins, and as gup_pins.py sums them by these words.

Reads the frames of each stack from stdin: {handle: [frame, ...]}. Each has a pin, and the first
one more. Needs drgn-scripts and its tests in PYTHONPATH.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace

from gup_pin.by import choose_groups, group_by, group_words, parse_keys
from gup_pin.format import Formatter
from gup_pin.runs import Run

from samples import NAMES, NOW, ORIGIN, item

frames = {int(handle, 16): lines for handle, lines in json.load(sys.stdin).items()}
origins = [replace(ORIGIN, stack=handle) for handle in frames]
origins.append(replace(origins[0], comm=b"db"))
runs = [Run(item(2 * n, origin=origin), 1, 1) for n, origin in enumerate(origins)]
formatter = Formatter(NAMES, NOW)
keys = parse_keys(sys.argv[1])
groups = choose_groups(group_by(runs, keys, formatter, frames.__getitem__), keys, None, None)
words = [group_words(group, keys, NOW) for group in groups]
json.dump({"pins": [formatter.line(run) for run in runs], "groups": words}, sys.stdout)
