"""What every detector behind a method offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from ...datasets.types import Detections

if TYPE_CHECKING:
    import torch


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
