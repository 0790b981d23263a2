"""Reading the JSON in the header of a weight file; imports no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..datasets.errors import UserError

T = TypeVar("T", bound=BaseModel)

KEY = "lqbench"
"""The one metadata key: safetensors keeps several in no fixed order, which would change the file's bytes."""


def family_header(path: Path, model: type[T], architecture: str, *, foreign: str, other: str) -> T:
    """Read the header of a weight file that must be of one family of this project.

    Args:
        path: The file.
        model: What its header holds.
        architecture: The family and the version of its weights' meaning.
        foreign: What to do with a file that is no safetensors.
        other: What to do with a file of another family.

    Raises:
        UserError: The file is missing, no safetensors, of another family, or names something unknown.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UserError(f"{path}: there is no such weight file; check the path.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise UserError(f"{path} is not a safetensors file; {foreign}.") from error
    values = json_object(metadata.get(KEY, ""))
    if values.get("architecture") != architecture:
        raise UserError(f"{path} holds weights of another family than {architecture}; {other}.")
    return checked_header(model, values, path)


def own_header(path: Path, model: type[T], architecture: str, *, family: str, other: str) -> T | None:
    """Read the header of a weight file that may be a published checkpoint as well.

    Args:
        path: The file.
        model: What a header of ours holds.
        architecture: The family and the version of its weights' meaning.
        family: What to call the family.
        other: What to do with a file of another family.

    Returns:
        The header; None for a file that this project did not write.

    Raises:
        UserError: The header is of another family of this project, or names something unknown.
    """
    values = _values(path)
    if not values:
        return None
    if values.get("architecture") != architecture:
        raise UserError(
            f"{path} holds weights of another family ({values.get('architecture')!r}) than {family}'s "
            f"({architecture}); {other}."
        )
    return checked_header(model, values, path)


def sorted_metadata(header: BaseModel) -> dict[str, str]:
    """Return the metadata of a safetensors file with a header, its fields in order of their names."""
    return {KEY: json.dumps(header.model_dump(mode="json"), sort_keys=True)}


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


def _values(path: Path) -> dict[str, Any]:
    """Return the values in a weight file's header; none where it is no safetensors or not of this project."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return json_object((file.metadata() or {}).get(KEY, ""))
    except (SafetensorError, OSError):
        return {}
