"""The adapter contract. A class with a card, ``setup`` and ``detect`` is a complete method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

from ..datasets.types import Batch, Detections, Sample
from .card import MethodCard
from .detectors.base import DetectorConfig

if TYPE_CHECKING:
    import torch

    from .sr.cost import Cost
    from .training.request import FitRequest
    from .weights import WeightFile


class MethodSettings(BaseModel):
    """Base of a method's settings: plain values only, since they are part of the cell's key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detector: str = ""
    """Name of the detector behind the method; empty where the method brings its own."""
    detector_config: DetectorConfig | None = None
    """What describes that detector, where it is one that a config file describes."""


class Method(ABC):
    """One way to detect objects in degraded images.

    The runner constructs a method once, calls ``setup`` once, then ``detect`` for batches of one or more datasets,
    and ``teardown`` at the end. A method never sees ground truth, and sees clean images only if its card says so.
    """

    card: ClassVar[MethodCard]
    settings_type: ClassVar[type[MethodSettings]] = MethodSettings

    def __init__(self, settings: MethodSettings) -> None:
        self.settings = settings

    @abstractmethod
    def setup(self, device: str, weights: Path | None) -> None:
        """Load the model onto a torch device ("cpu", "cuda:0").

        Args:
            device: Where to compute.
            weights: The detector's checkpoint; None for bundled weights.

        Raises:
            UserError: The weights are missing, broken or of another architecture.
        """

    @abstractmethod
    def detect(self, batch: Batch) -> list[Detections]:
        """Return one ``Detections`` per sample: degraded-image pixels, scores in [0, 1], dataset class indices.

        The result for a sample may not depend on what else is in the batch, and the samples are left unchanged.
        """

    def restore(self, batch: Batch) -> list[torch.Tensor]:
        """Return the restored images, uint8 (3, H, W) in the clean images' sizes, if ``card.restores``."""
        raise NotImplementedError(f"{self.card.name} does not restore images")

    def focus(self, sample: Sample) -> torch.Tensor | None:
        """Return the soft mask under which the method looks at an image; None for methods without one.

        Asked after ``setup``, to be shown to people: float (h, w) in [0, 1], in the degraded image's own pixels.
        """
        return None

    def cost(self, sample: Sample) -> Cost | None:
        """Return what restoring one image takes, apart from detecting in it; None where there is nothing to tell.

        Asked after ``setup``, once for each image; ``methods.sr.cost.CostMeter`` counts without restoring.
        """
        return None

    def teardown(self) -> None:  # noqa: B027  most methods hold nothing that must be freed
        """Free what ``setup`` took. Called once, also after a failure."""

    @classmethod
    def parts(cls, settings: MethodSettings) -> tuple[type | str, ...]:
        """Return classes that the settings name and whose source files the detections depend on as well.

        Each is a class, or where it is imported from (``package.module:attribute``), so that planning imports nothing.
        """
        return ()

    @classmethod
    def weight_requirements(cls, settings: MethodSettings) -> tuple[WeightFile, ...]:
        """Return the ``WeightFile`` entries that a user must bring for these settings; empty where bundled."""
        return ()

    @classmethod
    def fit(cls, request: FitRequest) -> Path:
        """Train what the method brings and return the weight file written; ``lqbench train`` calls it.

        Only methods with a training recipe of their own override it.
        """
        raise NotImplementedError(f"{cls.card.name} has nothing to train")

    @classmethod
    def trainable(cls) -> bool:
        """Tell whether the method overrides ``fit``."""
        return cls.fit.__func__ is not Method.fit.__func__

    scenes_weights: ClassVar[str] = ""
    """How to come by weights for photographs, of methods whose bundled weights know the embedded scenes alone."""

    @classmethod
    def own_weights(cls, settings: MethodSettings, dataset: str) -> Path | None:
        """Return the weights that come with the project for a dataset's track, and are given to ``setup``.

        Only methods with a model of their own that was trained for each dataset apart override it; None leaves it to
        ``setup`` to find weights.
        """
        return None

    @classmethod
    def weight_complaint(cls, settings: MethodSettings, weights: Path | None) -> str:
        """Say in one sentence why ``setup`` would refuse these weights; "" where nothing speaks against them.

        Asked before anything is computed, of methods that bring their own model; it looks, and loads nothing.

        Args:
            settings: The method's settings.
            weights: The checkpoint given by the user; None where none was given.
        """
        return ""
