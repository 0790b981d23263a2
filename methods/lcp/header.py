"""What a weight file of LCP or its baseline says of itself; read without torch."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ..header_values import family_header
from .config import VARIANTS, NetworkConfig

ARCHITECTURE = "lqbench-lcp-1"
"""Raised whenever the meaning of the weights changes."""


class Header(BaseModel):
    """What must be known to build the network that the weights fit, and to map its classes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str = ARCHITECTURE
    method: str
    """The method that they were trained as."""
    classes: tuple[str, ...] = Field(min_length=1)
    """Names by label index."""
    network: NetworkConfig

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
        foreign=f"an official checkpoint of LCP must be converted first: "
        f"`lqbench convert lcp {path.name} --out FILE.safetensors`",
        other="give a file that `lqbench train --method lcp`, `--method cascade-rcnn` or `lqbench convert lcp` wrote",
    )
