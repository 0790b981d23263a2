"""What every detector behind a method offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ...datasets.types import Detections

if TYPE_CHECKING:
    import torch


class Detector(ABC):
    """A trained detector with its own label space.

    Attributes:
        name: Name in the detector registry.
        class_names: Names of the classes it was trained on, in the order of its label indices; known after ``load``.
    """

    name: ClassVar[str]
    class_names: tuple[str, ...]

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
