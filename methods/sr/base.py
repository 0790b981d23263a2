"""What every super-resolution network takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from .header import Option, SrHeader

__all__ = ["Option", "Recognised", "SrHeader", "SrNetwork", "at_least"]


@dataclass(frozen=True)
class Recognised:
    """What the tensors of a checkpoint say about the network that they belong to.

    Attributes:
        network: Name in the catalog; the most general one where several names share one network.
        scales: Enlargements for which the tensors can be used; several where their shapes leave that open.
        options: Arguments of the constructor besides the scale.
    """

    network: str
    scales: tuple[int, ...]
    options: dict[str, Option] = field(default_factory=dict)


class SrNetwork(nn.Module):
    """A network that enlarges images.

    Conventions of one network (luma only, enlargement before the network, mean shift, ranges, padding to windows) live
    inside it, so that each takes and gives the same. Constructors take the scale and keyword options, each with a
    default, and raise ValueError for values that make no network.

    Attributes:
        scale: Enlargement of height and width.
        options: Arguments of the constructor besides the scale, as a file's header keeps them.
    """

    def __init__(self, scale: int, options: Mapping[str, Option]) -> None:
        super().__init__()
        self.scale = scale
        self.options: dict[str, Option] = dict(options)

    def forward(self, low: Tensor) -> Tensor:
        """Enlarge images.

        Args:
            low: (B, 3, h, w) RGB in [0, 1], any h and w of at least 1.

        Returns:
            (B, 3, scale * h, scale * w) RGB, not clamped; differentiable with respect to ``low`` and the weights.
        """
        raise NotImplementedError

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """Tell from a checkpoint's tensors whether they belong to this network.

        Args:
            tensors: By published names, without "module.".

        Returns:
            None if this network could not hold them.
        """
        raise NotImplementedError

    @classmethod
    def adapt(cls, tensors: Mapping[str, Tensor], scale: int) -> dict[str, Tensor]:
        """Return a recognised checkpoint's tensors under the names of ``state_dict`` for a scale."""
        del scale
        return dict(tensors)


def at_least(smallest: int, **values: int) -> None:
    """Check arguments of a constructor.

    Raises:
        ValueError: One is smaller; names it.
    """
    for name, value in values.items():
        if value < smallest:
            raise ValueError(f"{name} must be at least {smallest}, not {value}")
