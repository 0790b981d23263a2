"""What stands in the header of the detector's weight files; read without importing torch."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .config import NetworkConfig

BUNDLED = Path(__file__).with_name("mini.safetensors")
ARCHITECTURE = "lqbench-mini-1"
"""Raised whenever the meaning of the weights changes."""
HEADER_KEY = "lqbench"
"""The one metadata key: safetensors keeps several in no fixed order, which would change the file's bytes."""


class Header(BaseModel):
    """What must be known to build the network that the weights fit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str
    classes: tuple[str, ...]
    network: NetworkConfig
