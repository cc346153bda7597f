# SPDX-License-Identifier: GPL-2.0
"""Runs commands as another user, for tests that run as root."""

# Put before a command: not root, but may still read existing files. No user namespace, which
# cannot be created in a chroot.
NOT_ROOT = (
    *("setpriv", "--reuid=1000", "--clear-groups"),
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
)
