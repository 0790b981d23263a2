"""What a file of super-resolution weights says of itself; read without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..header_values import own_header

ARCHITECTURE = "lqbench-sr-1"
"""Raised whenever the meaning of the weights changes."""

Option = int | float | bool | str | list[int]


class SrHeader(BaseModel):
    """What must be known to build the network that the weights fit.

    Attributes:
        architecture: Version of the meaning of the weights.
        network: Name in the catalog.
        scale: Enlargement.
        options: Arguments of the network's constructor besides the scale.
        trained: Facts of the training for the card, such as data, loss, iterations; empty for published weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str = ARCHITECTURE
    network: str
    scale: int = Field(ge=1)
    options: dict[str, Option] = Field(default_factory=dict)
    trained: dict[str, Any] = Field(default_factory=dict)


def read_header(path: Path) -> SrHeader | None:
    """Read the header of a weight file; None for one that this project did not write, see ``own_header``."""
    return own_header(
        path,
        SrHeader,
        ARCHITECTURE,
        family="super-resolution",
        other="give a file that `lqbench train` wrote for an SR network, or a published checkpoint",
    )
