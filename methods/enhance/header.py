"""What a file of restoration weights says of itself; read without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ...datasets.errors import UserError
from ..header_values import KEY, checked_header, header_values

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

    def to_metadata(self) -> dict[str, str]:
        """Return the metadata of the safetensors file."""
        return {KEY: json.dumps(self.model_dump(mode="json"), sort_keys=True)}


def read_header(path: Path) -> RestorerHeader | None:
    """Read the header of a weight file.

    Returns:
        The header; None for a file that this project did not write, such as a published checkpoint.

    Raises:
        UserError: The header is of another family of this project, or a field is wrong.
    """
    values = header_values(path)
    if not values:
        return None
    if values.get("architecture") != ARCHITECTURE:
        raise UserError(
            f"{path} holds weights of another family ({values.get('architecture')!r}) than restoration's "
            f"({ARCHITECTURE}); give a file that `lqbench train --method aod-then-detect` wrote, or a published "
            f"checkpoint."
        )
    return checked_header(RestorerHeader, values, path)
