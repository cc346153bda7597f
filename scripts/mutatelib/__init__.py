# SPDX-License-Identifier: GPL-2.0
"""Mutations of the feature's sources, each of which a test must detect."""
