"""What a weight file of AERIS says of itself; read without torch."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ...datasets.errors import UserError
from ..header_values import family_header
from .config import VARIANTS, ModelConfig

ARCHITECTURE = "lqbench-aeris-1"
"""Raised whenever the meaning of the weights changes."""


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
    return family_header(
        path,
        Header,
        ARCHITECTURE,
        foreign=f"an official checkpoint of AERIS must be converted first: "
        f"`lqbench convert aeris {path.name} --out FILE.safetensors`",
        other="give a file that `lqbench train --method aeris` or `lqbench convert aeris` wrote",
    )


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
