"""Restoration networks that spandrel knows (optional: ``pip install "lqbench[sr]"``), such as NAFNet and DnCNN."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from ...datasets.errors import UserError
from ..sr.networks.community import descriptor_of, padded_for

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor  # pyright: ignore[reportMissingImports]


class SpandrelRestorer(nn.Module):
    """The network that spandrel makes of a checkpoint, called as spandrel calls it.

    Spandrel knows what a network wants beside its images, such as a noise level, and how to read its output.
    """

    def __init__(self, descriptor: ImageModelDescriptor) -> None:
        super().__init__()
        self.net = descriptor.model
        self._call = descriptor
        self._requirements = descriptor.size_requirements

    def forward(self, image: Tensor) -> Tensor:
        """Restore an image (1, 3, h, w), mirrored to a size that the network takes; the result is in [0, 1]."""
        height, width = image.shape[2:]
        return self._call(padded_for(self._requirements, image))[:, :, :height, :width]


def from_tensors(tensors: Mapping[str, Tensor], path: Path) -> SpandrelRestorer | None:
    """Build the network that spandrel recognises.

    Args:
        tensors: By published names.
        path: The file, for messages.

    Returns:
        None where spandrel knows no such network.

    Raises:
        NotInstalledError: Spandrel is not installed.
        UserError: The network is none that restores RGB images in their own size.
    """
    descriptor = descriptor_of(tensors)
    if descriptor is None:
        return None
    from spandrel import ImageModelDescriptor  # pyright: ignore[reportMissingImports]

    fits = isinstance(descriptor, ImageModelDescriptor) and descriptor.scale == 1
    if not fits or descriptor.input_channels != 3 or descriptor.output_channels != 3:
        raise UserError(
            f"{path} holds a {descriptor.architecture.name} network, which does not restore RGB images in their own "
            f"size; give a restoration checkpoint, or run the method sr-then-detect with a network that enlarges."
        )
    return SpandrelRestorer(descriptor)
