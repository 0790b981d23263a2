"""LCP inside a convolutional backbone: a wrapper around any residual network of four stages."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...datasets.errors import UserError
from .catch_up import CatchUpLearner
from .config import LcpConfig
from .crux import CruxLearner

STAGES = ("layer1", "layer2", "layer3", "layer4")
_PROBE = 64
"""Side of the image that finds out a backbone's widths, pixels."""


class LcpBackbone(nn.Module):
    """A backbone that looks at an image twice: at the whole of it, and at its crux.

    Stem and first stage are shallow, the second stage is medium, the last two are deep. Both views pass the same
    shallow and medium stages; to the medium features of the crux the catch-up learner adds what it learnt. A 1x1
    convolution joins the two, the deep stages go on from there. C2 and C3 are those of the whole image.

    It takes the place of a ``ResNet`` or ``ResNeXt`` of mmdet, of depths with basic blocks too, or of the body of a
    torchvision detector's backbone, and returns what that one returned.
    """

    def __init__(self, inner: nn.Module, config: LcpConfig) -> None:
        """Put the learners around a backbone.

        Args:
            inner: The backbone; it keeps its weights.
            config: Which learners.

        Raises:
            UserError: The backbone is of another kind, or its medium stage does not halve the resolution.
        """
        super().__init__()
        self.inner = inner
        self._stem = _stem(inner)
        shallow, medium = _widths(inner, self._stem)
        self.crux_learner = CruxLearner(config) if config.crux else None
        self.catch_up_learner = CatchUpLearner(shallow, medium, config.relus) if config.catch_up else None
        self.catch_up_fusion = nn.Conv2d(2 * medium, medium, 1)

    def forward(self, images: Tensor) -> Sequence[Tensor] | OrderedDict[str, Tensor]:
        """Return the feature maps of normalised images (B, 3, H, W), in the form that the backbone alone has."""
        stages = self.pyramid(images, self.crux(images))
        names = getattr(self.inner, "return_layers", None)
        if names is not None:  # torchvision's
            return OrderedDict(
                (names[stage], maps) for stage, maps in zip(STAGES, stages, strict=True) if stage in names
            )
        return tuple(stages[index] for index in getattr(self.inner, "out_indices", range(len(STAGES))))

    def crux(self, images: Tensor) -> Tensor:
        """Return what the second branch sees of normalised images (B, 3, H, W)."""
        return images if self.crux_learner is None else self.crux_learner(images)

    def pyramid(self, images: Tensor, crux: Tensor) -> list[Tensor]:
        """Return C2 to C5 of images and their cruxes."""
        plain = self.shallow(images)
        second = plain if crux is images else self.shallow(crux)
        medium = self._stage(1, plain)
        caught_up = self.medium(second, catch_up=True, found=medium if second is plain else None)
        fused = self.catch_up_fusion(torch.cat([medium, caught_up], dim=1))
        deep = self._stage(2, fused)
        return [plain, medium, deep, self._stage(3, deep)]

    def shallow(self, images: Tensor) -> Tensor:
        """Return C2 of images."""
        for name in self._stem:
            images = getattr(self.inner, name)(images)
        return self._stage(0, images)

    def medium(self, shallow: Tensor, *, catch_up: bool, found: Tensor | None = None) -> Tensor:
        """Return the medium features of shallow ones.

        Args:
            shallow: C2.
            catch_up: Whether to add what the catch-up learner says.
            found: The stage's own output, where it was computed before.
        """
        medium = self._stage(1, shallow) if found is None else found
        if self.catch_up_learner is None or not catch_up:
            return medium
        return medium + self.catch_up_learner(shallow)

    def frozen(self) -> list[nn.Module]:
        """Return what LCP never trains: stem, shallow and medium stage."""
        return [getattr(self.inner, name) for name in (*self._stem, *STAGES[:2])]

    def _stage(self, number: int, maps: Tensor) -> Tensor:
        return getattr(self.inner, STAGES[number])(maps)


def _stem(inner: nn.Module) -> tuple[str, ...]:
    """Return the names of the modules before the first stage, in order.

    Raises:
        UserError: The backbone has no stem and four stages of these names.
    """
    names = dict(inner.named_children())
    start = ("stem",) if "stem" in names else ("conv1", getattr(inner, "norm1_name", "bn1"), "relu")
    if any(name not in names for name in (*start, *STAGES)):
        raise UserError(
            f"LCP cannot be put into a {type(inner).__name__}: it needs a residual network with a stem and the stages "
            f"{', '.join(STAGES)}; choose a detector on ResNet or ResNeXt."
        )
    return (*start, "maxpool") if "maxpool" in names else start


@torch.no_grad()
def _widths(inner: nn.Module, stem: Sequence[str]) -> tuple[int, int]:
    """Return the channels of C2 and C3, found out by an image, so that any kind of block will do.

    Raises:
        UserError: C3 does not have half the resolution of C2.
    """
    training = {module: module.training for module in inner.modules()}
    inner.eval()
    maps = torch.zeros(1, 3, _PROBE, _PROBE, device=next(inner.parameters()).device)
    for name in (*stem, STAGES[0]):
        maps = getattr(inner, name)(maps)
    medium = getattr(inner, STAGES[1])(maps)
    for module, mode in training.items():
        module.training = mode
    if 2 * medium.shape[2] != maps.shape[2]:
        raise UserError(
            f"LCP cannot be put into this {type(inner).__name__}: the catch-up learner halves the resolution, the "
            f"backbone's second stage makes {medium.shape[2]} rows of {maps.shape[2]}."
        )
    return maps.shape[1], medium.shape[1]
