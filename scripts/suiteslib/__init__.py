# SPDX-License-Identifier: GPL-2.0
"""What scripts/suites is made of."""
