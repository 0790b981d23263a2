"""What a weight file of AERIS says of itself; read without torch."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ...datasets.errors import UserError
from ..header_values import checked_header, json_object
from .config import VARIANTS, ModelConfig

ARCHITECTURE = "lqbench-aeris-1"
"""Raised whenever the meaning of the weights changes."""
KEY = "lqbench"
"""The one metadata key: safetensors keeps several in no fixed order, which would change the file's bytes."""


class Header(BaseModel):
    """What must be known to build the network that the weights fit, and to map its classes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str = ARCHITECTURE
    method: str
    """The method that they were trained as: two methods may share one network."""
    classes: tuple[str, ...] = Field(min_length=1)
    """Names by label index."""
    model: ModelConfig

    @field_validator("method")
    @classmethod
    def _known(cls, method: str) -> str:
        if method not in VARIANTS:
            raise ValueError(f"unknown method {method!r}; known are {', '.join(VARIANTS)}")
        return method


def read_header(path: Path) -> Header:
    """Read the header of a weight file.

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
        raise UserError(
            f"{path} is not a safetensors file; an official checkpoint of AERIS must be converted first: "
            f"`lqbench convert aeris {path.name} --out FILE.safetensors`."
        ) from error
    return _parsed(path, metadata)


def _parsed(path: Path, metadata: dict[str, str]) -> Header:
    values = json_object(metadata.get(KEY, ""))
    if values.get("architecture") != ARCHITECTURE:
        raise UserError(
            f"{path} holds weights of another family than AERIS's ({ARCHITECTURE}); give a file that "
            f"`lqbench train --method aeris` or `lqbench convert aeris` wrote."
        )
    return checked_header(Header, values, path)


def check_method(path: Path, header: Header, method: str) -> None:
    """Refuse weights that were trained as another method.

    Raises:
        UserError: Names both methods.
    """
    if header.method != method:
        raise UserError(
            f"{path} holds weights of the method {header.method!r}, not of {method!r}; give those of {method!r}, "
            f"or run --method {header.method}."
        )
