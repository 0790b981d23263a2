"""What a file of super-resolution weights says of itself; read without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ...datasets.errors import UserError
from ..header_values import own_header
from .catalog import sr_entry

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


def check_asked(path: Path, header: SrHeader, network: str, scale: int | None) -> None:
    """Refuse a file that holds something else than was asked for.

    Args:
        path: The file, for the message.
        header: What it holds.
        network: Name in the catalog; "" for any.
        scale: Enlargement; None for any.

    Raises:
        UserError: It holds another network, or weights for another scale.
    """
    if scale is not None and scale != header.scale:
        raise UserError(
            f"{path} holds {header.network} weights for x{header.scale}, not for x{scale}; give weights for x{scale}."
        )
    if not network:
        return
    asked, given = sr_entry(network), sr_entry(header.network)
    same = asked.target == given.target
    fixed = {**given.fixed, **header.options}
    wrong = [f"{name} = {fixed.get(name)}" for name, value in asked.fixed.items() if fixed.get(name) != value]
    differing = wrong if same else []
    if not same or differing:
        detail = f" ({', '.join(differing)})" if differing else ""
        raise UserError(
            f"{path} holds weights of {header.network!r}{detail}, not of {network!r}; give those of {network!r}, or "
            f"ask for {header.network!r}."
        )
