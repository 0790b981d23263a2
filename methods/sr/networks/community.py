"""Any community checkpoint that spandrel knows (optional: ``pip install "lqbench[sr]"``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ....datasets.errors import UserError
from ..base import Recognised
from .residual import Wrapped
from .tensors import pad_to

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor, SizeRequirements  # pyright: ignore[reportMissingImports]

INSTALL = 'pip install "lqbench[sr]"'


class NotInstalledError(Exception):
    """Spandrel is not there."""


class SpandrelNetwork(Wrapped):
    """The network that spandrel makes of a checkpoint.

    Spandrel's own call runs without gradients and clamps; here the network itself runs.
    """

    def __init__(self, descriptor: ImageModelDescriptor) -> None:
        super().__init__(descriptor.scale, {"architecture": str(descriptor.architecture.id)})
        self.requirements = descriptor.size_requirements
        self.net = descriptor.model

    def forward(self, low: Tensor) -> Tensor:
        """See ``SrNetwork.forward``; images are mirrored to the sizes that the network takes."""
        height, width = low.shape[2:]
        return self.net(padded_for(self.requirements, low))[:, :, : self.scale * height, : self.scale * width]

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """Return None: only spandrel itself can tell, see ``from_tensors``."""
        del tensors
        return None


def padded_for(requirements: SizeRequirements, images: Tensor) -> Tensor:
    """Mirror images (B, 3, h, w) at their right and lower edges to a size that a network takes."""
    height, width = images.shape[2:]
    more_width, more_height = requirements.get_padding(width, height)
    return pad_to(images, height + more_height, width + more_width)


def descriptor_of(tensors: Mapping[str, Tensor]) -> Any:
    """Return spandrel's description of the network that a checkpoint's tensors belong to; None where it knows none.

    Raises:
        NotInstalledError: Spandrel is not installed.
    """
    try:
        from spandrel import ModelLoader, UnsupportedModelError  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise NotInstalledError from error
    try:
        return ModelLoader(device="cpu").load_from_state_dict(dict(tensors))
    except UnsupportedModelError:
        return None


def from_tensors(tensors: Mapping[str, Tensor], what: str) -> SpandrelNetwork | None:
    """Build the network that spandrel recognises.

    Args:
        tensors: By published names.
        what: The file, for messages.

    Returns:
        None where spandrel knows no such network.

    Raises:
        NotInstalledError: Spandrel is not installed.
        UserError: The network is none that enlarges RGB images.
    """
    descriptor = descriptor_of(tensors)
    if descriptor is None:
        return None
    from spandrel import ImageModelDescriptor  # pyright: ignore[reportMissingImports]

    fits = isinstance(descriptor, ImageModelDescriptor)
    if not fits or descriptor.input_channels != 3 or descriptor.output_channels != 3 or descriptor.scale < 2:
        name = descriptor.architecture.name
        raise UserError(f"{what} holds a {name} network, which does not enlarge RGB images; give an SR checkpoint.")
    return SpandrelNetwork(descriptor)
