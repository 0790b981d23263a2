"""The degradation inside the detector: t(x) = (x blurred) down-sampled + noise, on a batch of clean training images.

After AERIS (Cui et al., ECCV 2022; repository cuiziteng/ECCV_AERIS at 42ab63c, ``deg_train.py`` and ``kernel.py``).
Differences from the released code:

- Noise never reaches the clean image. There, an image that was not blurred was the clean image itself, and noise was
  added to it in place, so that a third of the restoration targets of the mode "nb" were noisy.
- Every number is drawn from (seed, step, rank), so that a resumed run draws what an uninterrupted one would. There,
  all processes began with the same seed and so drew the same degradations.
- Clean images of any size are taken; there, 512 x 512 is written into the code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch.nn import functional as F

from ...datasets.degradations.aeris import (
    AerisSettings,
    BlurType,
    KernelSize,
    Positive,
    Range,
    Sigma,
    Variance,
)
from ...datasets.degradations.functional import add_gaussian_noise, downsample, gaussian_kernels
from ...datasets.degradations.taps import Interpolation
from ...datasets.seeds import stable_seed

T = TypeVar("T")
SIXTEENTHS = 16
"""The unit of ``TransformConfig.sixteenths``."""
NOISE_LIMITS = {"all": 25.0, "nb": 50.0, "resolution": 0.0}
"""Largest sigma of the noise in each mode, grey levels of 255."""
SMALLEST_TAP = 1e-12
"""Smaller taps of a kernel are left out; together they move no pixel by more than 1e-9."""
_TEST_SET = AerisSettings.model_validate({})
"""COCO-d's ranges; training draws blur, interpolation and angle from the same ones."""


class TransformConfig(BaseModel):
    """Ranges of the draws; choices are equally likely, ranges uniform. Variances are in clean pixels squared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["all", "nb", "resolution"] = "all"
    """"all": blur, down-sampling, noise. "nb": noise and blur at full size. "resolution": down-sampling alone."""
    sixteenths: tuple[Annotated[int, Field(ge=1, le=SIXTEENTHS)], ...] = Field(
        default=tuple(range(4, 17)), min_length=1
    )
    """Sides of the degraded images, in sixteenths of the clean side; drawn once for a batch."""
    multiple: int = Field(default=32, gt=0)
    """Degraded sides are rounded to multiples of this, the network's coarsest stride."""
    blur_types: tuple[BlurType, ...] = Field(default=_TEST_SET.blur_types, min_length=1)
    kernel_sizes: tuple[KernelSize, ...] = Field(default=_TEST_SET.kernel_sizes, min_length=1)
    iso_variance: Variance = _TEST_SET.iso_variance
    aniso_variance1: Variance = _TEST_SET.aniso_variance1
    aniso_variance2_min: Positive = _TEST_SET.aniso_variance2_min
    """The second variance is uniform from here to the first."""
    aniso_theta: Range = _TEST_SET.aniso_theta
    """Radians."""
    interpolations: tuple[Interpolation, ...] = Field(default=_TEST_SET.interpolations, min_length=1)
    noise_sigma_255: Sigma | None = None
    """Standard deviation in grey levels of 255; None for the mode's own, 0 to 25, in mode "nb" 0 to 50."""
    clip: bool = False
    """Whether to clip the result to [0, 1]; the released code does not, though every test image is."""

    @property
    def noise(self) -> tuple[float, float]:
        """The range of the noise's sigma, grey levels of 255."""
        return (0.0, NOISE_LIMITS[self.mode]) if self.noise_sigma_255 is None else self.noise_sigma_255

    def sizes(self, clean: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the degraded sizes (h, w) to draw from, one for each entry of ``sixteenths``.

        For 512 x 512 these are the 13 sizes of the paper's code, 128 to 512 in steps of 32.
        """
        if self.mode == "nb":
            return [clean]
        return [
            (_to_multiple(clean[0] * part, self.multiple), _to_multiple(clean[1] * part, self.multiple))
            for part in self.sixteenths
        ]


def _to_multiple(length_in_sixteenths: int, multiple: int) -> int:
    """Round a length to the nearest multiple, halves up, at least one."""
    unit = SIXTEENTHS * multiple
    return max(1, (2 * length_in_sixteenths + unit) // (2 * unit)) * multiple


@dataclass(frozen=True, slots=True)
class Draws:
    """What was drawn for a batch of B images.

    Attributes:
        size: (h, w) of the degraded images, pixels.
        blurred: int64 (n,), the images that are blurred.
        kernels: float (n, K, K), their kernels.
        interpolations: How each of the B images is resized.
        sigma_255: float (B,), standard deviation of each image's noise, grey levels of 255.
    """

    size: tuple[int, int]
    blurred: torch.Tensor
    kernels: torch.Tensor
    interpolations: tuple[Interpolation, ...]
    sigma_255: torch.Tensor


class Degraded(NamedTuple):
    """A degraded batch.

    Attributes:
        images: float (B, 3, h, w), not clipped unless the config says so.
        boxes: float (N, 4), the boxes in degraded pixels, not rounded.
    """

    images: torch.Tensor
    boxes: torch.Tensor


class InModelDegradation:
    """Degrades training batches; the same (seed, step, rank) gives the same draws.

    The size is drawn from (seed, step) alone: processes that train together then wait for none that drew a large one.
    All else differs from image to image and from rank to rank. Parameters are drawn on the CPU and so are the same on
    every device; the noise itself comes from the device's own generator.
    """

    def __init__(self, config: TransformConfig, seed: int) -> None:
        self.config, self.seed = config, seed

    def __call__(self, images: torch.Tensor, boxes: torch.Tensor, step: int, rank: int = 0) -> Degraded:
        """Degrade a batch.

        Args:
            images: float (B, 3, H, W) in [0, 1], the clean images; not modified.
            boxes: float (N, 4), x1 y1 x2 y2 of the objects of all images, clean pixels.
            step: Number of the training step.
            rank: Number of the process.

        Returns:
            The degraded images and the boxes, divided by each axis' true ratio of sizes.
        """
        clean_size = (images.shape[2], images.shape[3])
        draws = self.draw(len(images), clean_size, step, rank)
        noise = self._stream(images.device, "noise", step, rank)
        with torch.autocast(images.device.type, enabled=False):
            result = add_gaussian_noise(blur_and_resize(images, draws), draws.sigma_255, noise)
        ratios = [draws.size[1] / clean_size[1], draws.size[0] / clean_size[0]]
        return Degraded(result.clamp(0, 1) if self.config.clip else result, boxes * boxes.new_tensor(ratios * 2))

    def draw(self, count: int, clean_size: tuple[int, int], step: int, rank: int = 0) -> Draws:
        """Draw the parameters for a batch; every image takes the same numbers from the stream, used or not."""
        config = self.config
        cpu = torch.device("cpu")
        size = _pick(config.sizes(clean_size), torch.rand(1, generator=self._stream(cpu, "size", step)))[0]
        stream = self._stream(cpu, "parameters", step, rank)
        uniform = torch.rand(8, count, generator=stream, dtype=torch.float64)
        blur_types: tuple[BlurType, ...] = ("none",) if config.mode == "resolution" else config.blur_types
        kinds = _pick(blur_types, uniform[0])
        low, high = config.noise
        return Draws(
            size,
            torch.tensor([index for index, kind in enumerate(kinds) if kind != "none"], dtype=torch.int64),
            self._kernels(kinds, uniform[1:6]),
            tuple(_pick(config.interpolations, uniform[6])),
            (low + (high - low) * uniform[7]).float(),
        )

    def _kernels(self, kinds: Sequence[BlurType], uniform: torch.Tensor) -> torch.Tensor:
        """Turn five numbers from [0, 1) for each image, (5, B), into the kernels of those that are blurred."""
        config = self.config
        blurred = torch.tensor([kind != "none" for kind in kinds])
        if not blurred.any():
            return torch.zeros(0, 1, 1)
        uniform = uniform[:, blurred]
        iso = torch.tensor([kind == "iso" for kind in kinds])[blurred]
        first = _between(config.aniso_variance1, uniform[2])
        second = config.aniso_variance2_min + (first - config.aniso_variance2_min) * uniform[3]
        round_one = _between(config.iso_variance, uniform[1])
        sizes = torch.tensor(_pick(config.kernel_sizes, uniform[0]))
        kernels = gaussian_kernels(
            sizes,
            torch.where(iso, round_one, first),
            torch.where(iso, round_one, second),
            _between(config.aniso_theta, uniform[4]),
        )
        # Products with the far tails are denormal numbers, which made the convolution three times as slow on a CPU.
        return kernels.where(kernels > SMALLEST_TAP, 0.0).float()

    def _stream(self, device: torch.device, purpose: str, *key: int) -> torch.Generator:
        return torch.Generator(device).manual_seed(stable_seed(self.seed, "in-model degradation", purpose, *key))


def blur_and_resize(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Blur and down-sample a batch, without noise.

    Args:
        images: float (B, 3, H, W); not modified.
        draws: The parameters.

    Returns:
        float (B, 3, h, w); ``images`` itself where nothing is blurred or resized.
    """
    blurred = images
    if len(draws.blurred):
        chosen = draws.blurred.to(images.device)
        blurred = images.index_copy(0, chosen, blur(images[chosen], draws.kernels.to(images)))
    if draws.size == (images.shape[2], images.shape[3]):
        return blurred  # every interpolation to the same size returns its input
    result = images.new_empty(*images.shape[:2], *draws.size)
    for mode in dict.fromkeys(draws.interpolations):
        members = [index for index, one in enumerate(draws.interpolations) if one == mode]
        chosen = torch.tensor(members, device=images.device)
        result[chosen] = downsample(blurred[chosen], size=draws.size, mode=mode)
    return result


def blur(images: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """Correlate each image with its own kernel, borders reflected.

    One grouped convolution over all channels of all images: a third of the time of
    ``datasets.degradations.functional.gaussian_blur`` on a CPU for crops of 256 pixels and kernels up to 21.

    Args:
        images: float (B, C, H, W), sides longer than half a kernel.
        kernels: float (B, k, k), k odd.

    Returns:
        float (B, C, H, W).
    """
    channels = images.shape[1]
    padded = F.pad(images, (kernels.shape[1] // 2,) * 4, mode="reflect")
    weight = kernels.repeat_interleave(channels, dim=0)[:, None]
    flat = padded.reshape(1, len(weight), *padded.shape[2:])
    return F.conv2d(flat, weight, groups=len(weight)).reshape(images.shape)


def _pick(options: Sequence[T], uniform: torch.Tensor) -> list[T]:
    """Choose one option for each number from [0, 1), all equally likely."""
    return [options[math.floor(value * len(options))] for value in uniform.tolist()]


def _between(bounds: tuple[float, float], uniform: torch.Tensor) -> torch.Tensor:
    """Map numbers from [0, 1) into a range."""
    return bounds[0] + (bounds[1] - bounds[0]) * uniform
