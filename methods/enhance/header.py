"""What a file of restoration weights says of itself; read without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..header_values import own_header

ARCHITECTURE = "lqbench-restore-1"
"""Raised whenever the meaning of the weights changes."""


class RestorerHeader(BaseModel):
    """What must be known to build the network that the weights fit.

    Attributes:
        architecture: Version of the meaning of the weights.
        network: Name of the network; AOD-Net alone is trained here.
        trained: Facts of the training, such as dataset and seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str = ARCHITECTURE
    network: str
    trained: dict[str, Any] = Field(default_factory=dict)


def read_header(path: Path) -> RestorerHeader | None:
    """Read the header of a weight file; None for one that this project did not write, see ``own_header``."""
    return own_header(
        path,
        RestorerHeader,
        ARCHITECTURE,
        family="restoration",
        other="give a file that `lqbench train --method aod-then-detect` wrote, or a published checkpoint",
    )
