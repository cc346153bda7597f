# SPDX-License-Identifier: GPL-2.0
"""What rounds_guest.py is made of."""
