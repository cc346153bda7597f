# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests find the package wherever pytest is run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
