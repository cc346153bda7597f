# SPDX-License-Identifier: GPL-2.0
"""Commands that are not root's, for tests that are."""

# Before a command: it is not root's, but may still read what is. No user namespace, which
# cannot be made in a chroot.
NOT_ROOT = (
    *("setpriv", "--reuid=1000", "--clear-groups"),
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
)
