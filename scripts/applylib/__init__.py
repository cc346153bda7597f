# SPDX-License-Identifier: GPL-2.0
"""Put the feature into a kernel tree, or say why it does not go in."""
