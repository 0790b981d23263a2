"""What a file of super-resolution weights says of itself; read without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ...datasets.errors import UserError
from ..header_values import KEY, checked_header, header_values

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

    def to_metadata(self) -> dict[str, str]:
        """Return the metadata of the safetensors file."""
        return {KEY: json.dumps(self.model_dump(mode="json"), sort_keys=True)}


def read_header(path: Path) -> SrHeader | None:
    """Read the header of a weight file.

    Returns:
        The header; None for a file that this project did not write, such as a published checkpoint.

    Raises:
        UserError: The header is of another family of this project, or names something unknown.
    """
    values = header_values(path)
    if not values:
        return None
    if values.get("architecture") != ARCHITECTURE:
        raise UserError(
            f"{path} holds weights of another family ({values.get('architecture')!r}) than super-resolution's "
            f"({ARCHITECTURE}); give a file that `lqbench train` wrote for an SR network, or a published checkpoint."
        )
    return checked_header(SrHeader, values, path)
