"""What every detector behind a method offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from ...datasets.errors import UserError
from ...datasets.types import Detections

if TYPE_CHECKING:
    import torch
    from torch import nn


class DetectorConfig(BaseModel):
    """The file that describes a detector's network, for detectors that are not one network but many.

    All but the path becomes part of a cell's key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(exclude=True)
    name: str
    """The file's name without suffix; stands beside the detector's name in tables."""
    sha256: str
    """Hash of the content with everything that the file inherits."""
    packages: dict[str, str]
    """Versions of the packages that turn the file into a network."""
    ops: str
    """Whose operators the network runs on: "compiled" or "stand-in" (see ``methods.mmcv_ops``)."""


@dataclass(frozen=True, slots=True)
class TaskTargets:
    """What a detector should find in one image.

    Attributes:
        boxes: float32 (N, 4), x1 y1 x2 y2 in the image's own pixels.
        labels: int64 (N,), indices into the detector's ``class_names``.
        known: bool (classes,), the classes that are labelled in this image; None means all. Objects of the others may
            be there without a box, so no loss punishes the detector for finding them.
    """

    boxes: torch.Tensor
    labels: torch.Tensor
    known: torch.Tensor | None = None


class Detector(ABC):
    """A trained detector with its own label space.

    Attributes:
        name: Name in the detector registry.
        class_names: Names of the classes it was trained on, in the order of its label indices; known after ``load``.
    """

    name: ClassVar[str]
    class_names: tuple[str, ...]

    @classmethod
    def create(cls, config: DetectorConfig | None) -> Detector:
        """Construct the detector; ``config`` is None but for the detectors that are described by one."""
        return cls()

    @abstractmethod
    def load(self, device: str, weights: Path | None) -> None:
        """Build the network and load its checkpoint; None means the bundled one.

        Raises:
            UserError: No bundled weights exist, the file is missing, unreadable or of another architecture.
        """

    @abstractmethod
    def predict(self, images: Sequence[torch.Tensor], *, enlarge: bool = True) -> list[Detections]:
        """Detect objects in RGB float tensors (3, H, W) with values in [0, 1], of possibly different sizes.

        Args:
            images: The images; left unchanged.
            enlarge: Whether the detector's own resizing may enlarge an image beyond its pixels. The ``lr`` method
                passes False, so that a small image is padded, not up-sampled.

        Returns:
            Boxes in each input image's own pixels, clipped to it, with labels indexing ``class_names``.
        """

    @classmethod
    def differentiable(cls) -> bool:
        """Return whether a network in front of the detector can learn through it: ``task_loss`` and ``features``."""
        return False

    def task_loss(self, images: torch.Tensor, targets: Sequence[TaskTargets]) -> dict[str, torch.Tensor]:
        """Return the loss with which the detector itself is trained, differentiable with respect to the images.

        Nothing of the detector changes: its parameters are frozen unless the caller un-froze them (see
        ``trainable_module``), and no statistics are updated.

        Args:
            images: float (B, 3, H, W), RGB in [0, 1], all of one size.
            targets: One for each image. Boxes thinner than a pixel are left out.

        Returns:
            Scalar losses by name, each normalised and weighted as in the detector's own training; their sum is the
            task loss.

        Raises:
            UserError: The detector cannot be trained through, or its loss cannot do without some classes' labels.
        """
        self._not_differentiable()

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the feature maps that the detector's heads see, the finest first, differentiable.

        Args:
            images: float (B, 3, H, W), RGB in [0, 1].

        Returns:
            Maps (B, C, h, w) of the images as the detector resizes them for ``predict``.

        Raises:
            UserError: The detector cannot be trained through.
        """
        self._not_differentiable()

    def trainable_module(self) -> nn.Module:
        """Return the network, for settings in which the detector itself learns; its parameters come frozen.

        Raises:
            UserError: The detector cannot be trained through.
        """
        self._not_differentiable()

    def save(self, path: Path) -> None:
        """Write the network's weights as they are now, in a form that ``load`` reads, whole or not at all.

        Raises:
            UserError: There is no such form for this detector.
        """
        raise UserError(f"the weights of the detector {self.name!r} cannot be written; train another one.")

    def _not_differentiable(self) -> NoReturn:
        raise UserError(f"the detector {self.name!r} cannot be trained through; choose one that is differentiable.")
