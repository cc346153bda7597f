# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks JSON output against the schema."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "gup_pin" / "gup-pin-2.schema.json"


def validate(value: object, part: str | None = None) -> None:
    """Raise unless a value is such a document, or such a part of it as a "pin"."""
    # Imported here and untyped: mypy runs without that package.
    jsonschema: Any = importlib.import_module("jsonschema")
    schema = json.loads(FILE.read_text())
    if part is not None:
        schema = {"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]}
    jsonschema.Draft202012Validator(schema).validate(value)
