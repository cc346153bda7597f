# SPDX-License-Identifier: GPL-2.0
"""What scripts/series consists of: the project as a series of patches."""
