# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lets tests find the package from any working directory."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
