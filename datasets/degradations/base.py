"""The contract of a degradation and the check of its settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import UserError

if TYPE_CHECKING:
    import torch

Size = tuple[int, int]
"""(height, width) in pixels."""


class DegradationSettings(BaseModel):
    """Base of a degradation's settings: plain values with documented defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    positional: ClassVar[tuple[str, ...]] = ()
    """Settings that the mini language takes without their name, in this order."""
    short_names: ClassVar[Mapping[str, str]] = {}
    """Short name in the mini language to the setting that it stands for."""


SettingsT = TypeVar("SettingsT", bound=DegradationSettings)


class Degradation(ABC, Generic[SettingsT]):
    """One way to make a low-quality image. Pure: no state besides the settings, and inputs are left unchanged.

    An annotated image becomes a clean image (``prepare``); the clean image becomes the degraded image (``apply``)
    under parameters that ``draw`` derives from the image's seed alone.
    """

    settings_type: ClassVar[type[DegradationSettings]] = DegradationSettings

    def __init__(self, settings: SettingsT) -> None:
        self.settings = settings

    @property
    def needs_depth(self) -> bool:
        """Whether ``apply`` must be told how far each pixel's surface is; it depends on the settings only."""
        return False

    def prepare(self, image: NDArray[np.uint8]) -> torch.Tensor:
        """Turn an annotated image, uint8 (H, W, 3) RGB, into the clean image, a new uint8 (3, H', W') tensor."""
        import cv2
        import torch

        planes = np.empty((3, *image.shape[:2]), np.uint8)
        # OpenCV fills the planes in place where their shape suits it; numpy's transposition takes six times as long.
        for plane, filled in zip(planes, cv2.split(np.ascontiguousarray(image), list(planes)), strict=True):
            if not np.may_share_memory(plane, filled):
                plane[:] = filled
        return torch.from_numpy(planes)

    def clean_size(self, annotated_size: Size) -> Size:
        """Return the size of the clean image that ``prepare`` makes."""
        return annotated_size

    @abstractmethod
    def draw(self, seed: int, clean_size: Size) -> dict[str, Any]:
        """Draw one image's parameters from its seed; JSON-able, and complete enough for ``size`` and ``apply``."""

    @abstractmethod
    def size(self, clean_size: Size, parameters: Mapping[str, Any]) -> Size:
        """Return the size of the degraded image; both sides are at least 1."""

    def scale(self, clean_size: Size, parameters: Mapping[str, Any]) -> tuple[float, float]:
        """Return (sx, sy), degraded pixels per clean pixel: what boxes are multiplied with."""
        (clean_height, clean_width), (height, width) = clean_size, self.size(clean_size, parameters)
        return width / clean_width, height / clean_height

    @abstractmethod
    def apply(
        self,
        clean: torch.Tensor,
        parameters: Mapping[str, Any],
        seed: int,
        *,
        depth_m: NDArray[np.float32] | None = None,
    ) -> torch.Tensor:
        """Degrade a clean image.

        Args:
            clean: uint8 (3, H, W) RGB tensor on the CPU; not modified.
            parameters: What ``draw`` returned for this image, possibly after a round trip through JSON.
            seed: The image's seed; noise is drawn from it.
            depth_m: float32 (H, W), metres from the camera along each pixel's ray, infinite where nothing is hit (the
                sky); not modified. Only read where ``needs_depth``.

        Returns:
            A new uint8 (3, h, w) tensor of the size that ``size`` tells.

        Raises:
            UserError: The degradation needs depth and there is none.
        """


def parse_settings(name: str, settings_type: type[DegradationSettings], given: Mapping[str, Any]) -> Any:
    """Check settings against their class.

    Raises:
        UserError: A setting is unknown or has a wrong value; the first such setting is named.
    """
    try:
        return settings_type.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        subject = f"setting {where!r}" if where else "the settings"
        known = ", ".join(settings_type.model_fields) or "none"
        raise UserError(
            f"{subject} of the degradation {name!r} cannot be used: {first['msg']} (known settings: {known})."
        ) from error
