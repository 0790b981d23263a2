"""Reading the JSON in the header of a weight file; imports no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..datasets.errors import UserError

T = TypeVar("T", bound=BaseModel)


def json_object(text: str) -> dict[str, Any]:
    """Parse a JSON object; empty for anything else."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return values if isinstance(values, dict) else {}


def checked_header(model: type[T], values: Mapping[str, Any], path: Path) -> T:
    """Return a header's values as a model.

    Raises:
        UserError: A field is missing, unknown or wrong; names the first one.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path}: its header's field {field!r} is wrong: {first['msg']}.") from error
