"""ClassSR: patches of an image go to a cheap, a middling or a costly network, as a class module decides.

Kong, Zhao, Qiao, Dong, "ClassSR: A General Framework to Accelerate Super-Resolution Networks by Data Characteristic",
CVPR 2021. Layer sizes, widths and tensor names after the authors' release (github XPixelGroup/ClassSR), so that
its checkpoints with FSRCNN and SRResNet branches can be read.

The release cuts off what is left of an image, at the right and below, behind the last whole patch; here a last patch
lies flush with the border, so that every image is covered, and an image smaller than a patch is one patch. The release
rounds each patch to 8 bits before it averages overlaps; here nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..base import Recognised, SrNetwork
from ..classsr_losses import Classified
from ..cost import Pass
from .classsr_branches import BRANCHES, adapt_branch, build_branch, recognise_branches, small_normal

CLASSES = 3
"""Simple, medium, hard."""
BRANCH_NAMES = ("net1", "net2", "net3")
"""Of the branches in a checkpoint, cheapest first."""
PATCHES_AT_ONCE = 64
"""Patches that pass through a branch together when images are restored: bounds the memory of large images."""


class ClassModule(nn.Module):
    """The class module: 4 x 4 cells of a patch, five layers without neighbourhood, their mean, three scores."""

    def __init__(self) -> None:
        super().__init__()
        # The names are those of the released checkpoints.
        self.CondNet = nn.Sequential(
            nn.Conv2d(3, 128, 4, stride=4),
            nn.LeakyReLU(0.1),
            nn.Conv2d(128, 128, 1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(128, 128, 1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(128, 128, 1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(128, 32, 1),
        )
        self.lastOut = nn.Linear(32, CLASSES)
        small_normal(self.CondNet)

    def forward(self, patches: Tensor) -> Tensor:
        """Return scores (N, 3) of patches (N, 3, h, w) in [0, 1]; sides below four pixels are filled by the border."""
        height, width = patches.shape[-2:]
        if min(height, width) < 4:
            patches = F.pad(patches, (0, max(0, 4 - width), 0, max(0, 4 - height)), mode="replicate")
        return self.lastOut(self.CondNet(patches).mean(dim=(2, 3)))


class ClassSr(SrNetwork):
    """Three branches of one kind and growing width behind a class module.

    In training, each patch is the mix of all three branches by the softmax of its scores, so that the class module
    gets gradients. In evaluation each patch passes through the branch of its highest score alone. Overlapping parts
    of neighbouring patches are averaged in both. An image's result does not depend on the others of its batch.

    Args:
        scale: Enlargement.
        branch: What the branches are: a name of ``classsr_branches.BRANCHES``.
        widths: Channels of the three branches, ascending; empty for the published ones.
        patch: Side of a patch, low-resolution pixels.
        step: Distance of neighbouring patches, at most ``patch``.

    Raises:
        ValueError: An option cannot be.
    """

    def __init__(
        self, scale: int, *, branch: str = "fsrcnn", widths: Sequence[int] = (), patch: int = 32, step: int = 28
    ) -> None:
        _check(branch, widths, patch, step)
        chosen = [*(widths or BRANCHES[branch].widths)]
        super().__init__(scale, {"branch": branch, "widths": chosen, "patch": patch, "step": step})
        self.patch = patch
        self.step = step
        self.classifier = ClassModule()
        # The names are those of the released checkpoints.
        self.net1, self.net2, self.net3 = (build_branch(branch, scale, width) for width in chosen)

    @property
    def branches(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        """Return the branches, cheapest first."""
        return self.net1, self.net2, self.net3

    def forward(self, low: Tensor) -> Tensor:
        """Return (B, 3, scale * h, scale * w) of images (B, 3, h, w): mixed in training, routed in evaluation."""
        if self.training:
            return self.classified(low).images
        return torch.cat([self._routed(image) for image in low.split(1)])

    def classified(self, low: Tensor) -> Classified:
        """Return the mixed images with the probabilities of all patches, image by image, for ``classsr_losses``."""
        corners = self._corners(low)
        patches = self._cut(low, corners).flatten(0, 1)
        probabilities = self.classifier(patches).softmax(dim=1)
        weights = probabilities.unbind(dim=1)
        mixed = sum(
            weight[:, None, None, None] * branch(patches) for weight, branch in zip(weights, self.branches, strict=True)
        )
        assert isinstance(mixed, Tensor)
        return Classified(self._join(mixed.unflatten(0, (len(low), -1)), corners, low), probabilities)

    def passes(self, low: Tensor) -> list[Pass]:
        """Return what is computed for one image (1, 3, h, w) in evaluation: class module and chosen branches."""
        with torch.no_grad():
            patches = self._cut(low, self._corners(low))[0]
            counts = torch.bincount(self._classes(patches), minlength=CLASSES).tolist()
        channels, height, width = patches.shape[1:]
        modules = (self.classifier, *self.branches)
        times = (len(patches), *counts)
        return [Pass(module, (channels, height, width), n) for module, n in zip(modules, times, strict=True) if n]

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """Tell from a checkpoint's tensors whether they belong to this network; the released ones are all for x4."""
        if "classifier.lastOut.weight" not in tensors:
            return None
        found = recognise_branches([_under(tensors, name) for name in BRANCH_NAMES])
        if found is None:
            return None
        branch, widths = found
        return Recognised("classsr", (4,), {"branch": branch, "widths": widths})

    @classmethod
    def adapt(cls, tensors: Mapping[str, Tensor], scale: int) -> dict[str, Tensor]:
        """Return a recognised checkpoint's tensors under the names of ``state_dict``."""
        branches = [_under(tensors, name) for name in BRANCH_NAMES]
        found = recognise_branches(branches)
        assert found is not None
        ours = {name: value for name, value in tensors.items() if name.startswith("classifier.")}
        for prefix, branch in zip(BRANCH_NAMES, branches, strict=True):
            adapted = adapt_branch(found[0], branch, scale)
            ours |= {f"{prefix}.{name}": value for name, value in adapted.items()}
        return ours

    def _routed(self, image: Tensor) -> Tensor:
        """Return one image (1, 3, scale * h, scale * w), each patch from the branch of its class."""
        corners = self._corners(image)
        patches = self._cut(image, corners)[0]
        classes = self._classes(patches)
        order, outputs = [], []
        for index, branch in enumerate(self.branches):
            for part in torch.nonzero(classes == index)[:, 0].split(PATCHES_AT_ONCE):
                if len(part):
                    order.append(part)
                    outputs.append(branch(patches[part]))
        restored = torch.cat(outputs)[torch.cat(order).argsort()]
        return self._join(restored[None], corners, image)

    def _classes(self, patches: Tensor) -> Tensor:
        """Return the class (N,) of each patch."""
        return self.classifier(patches).argmax(dim=1)

    def _corners(self, low: Tensor) -> list[tuple[int, int]]:
        """Return the top left corners (y, x) of the patches, row by row."""
        rows, columns = (_starts(length, self.patch, self.step) for length in low.shape[-2:])
        return [(y, x) for y in rows for x in columns]

    def _cut(self, low: Tensor, corners: Sequence[tuple[int, int]]) -> Tensor:
        """Return the patches (B, n, 3, patch or less, patch or less) of images (B, 3, h, w)."""
        side = self.patch
        return torch.stack([low[..., y : y + side, x : x + side] for y, x in corners], dim=1)

    def _join(self, patches: Tensor, corners: Sequence[tuple[int, int]], low: Tensor) -> Tensor:
        """Return images (B, 3, scale * h, scale * w) from enlarged patches (B, n, 3, ...): means where they overlap."""
        height, width = (self.scale * length for length in low.shape[-2:])
        total = patches.new_zeros((*low.shape[:2], height, width))
        count = patches.new_zeros((height, width))
        for index, corner in enumerate(corners):
            y, x = (self.scale * start for start in corner)
            rows, columns = slice(y, y + patches.shape[-2]), slice(x, x + patches.shape[-1])
            total[..., rows, columns] += patches[:, index]
            count[rows, columns] += 1
        return total / count


def _starts(length: int, patch: int, step: int) -> list[int]:
    """Return where patches begin along a side, the last one flush with the end."""
    if length <= patch:
        return [0]
    return [*range(0, length - patch, step), length - patch]


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors of one sub-network by their names inside it."""
    start = f"{prefix}."
    return {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}


def _check(branch: str, widths: Sequence[int], patch: int, step: int) -> None:
    """Raise ValueError for options that cannot be."""
    if branch not in BRANCHES:
        raise ValueError(f"branch must be one of {', '.join(BRANCHES)}, not {branch!r}")
    if widths and (len(widths) != CLASSES or min(widths) < 1 or list(widths) != sorted(widths)):
        raise ValueError(f"widths must be three ascending numbers of channels, not {list(widths)}")
    if not 1 <= step <= patch:
        raise ValueError(f"step must lie between 1 and patch ({patch}), not {step}, or pixels between patches are lost")
