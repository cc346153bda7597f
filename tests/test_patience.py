# SPDX-License-Identifier: GPL-2.0
"""tests/patience.py: calls that can fail for a moment."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import pytest

import patience
from patience import patiently


def failing(*errors: int) -> tuple[list[int], Callable[[], str]]:
    """A call that fails with these errors in turn, then succeeds; and the errors that are left."""
    left = list(errors)

    def call() -> str:
        if left:
            error = left.pop(0)
            raise OSError(error, os.strerror(error))
        return "done"

    return left, call


def test_what_passes_is_tried_again() -> None:
    """Until it succeeds, or fails otherwise."""
    left, call = failing(errno.ENOMEM, errno.EFAULT, errno.ENOMEM)
    assert patiently(call, errno.ENOMEM, errno.EFAULT) == "done" and not left
    left, call = failing(errno.ENOMEM, errno.EINVAL, errno.ENOMEM)
    with pytest.raises(OSError, match="Invalid argument"):
        patiently(call, errno.ENOMEM)
    assert left == [errno.ENOMEM]


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the last error."""
    monkeypatch.setattr(patience, "SECONDS", 0)
    left, call = failing(errno.EBUSY, errno.EBUSY)
    with pytest.raises(OSError, match="busy"):
        patiently(call, errno.EBUSY)
    assert left == [errno.EBUSY]
