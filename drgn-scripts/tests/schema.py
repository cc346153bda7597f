# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is printed as JSON, against the schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parent.parent / "gup_pin" / "gup-pin-2.schema.json"


def validate(value: object, part: str | None = None) -> None:
    """Raise unless a value is such a document, or such a part of one, as a "pin"."""
    jsonschema: Any = pytest.importorskip(
        "jsonschema", reason="no python3-jsonschema: scripts/setup installs it"
    )
    schema = json.loads(FILE.read_text())
    if part is not None:
        schema = {"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]}
    jsonschema.Draft202012Validator(schema).validate(value)
