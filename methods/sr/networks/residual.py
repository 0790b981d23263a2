"""EDSR, RCAN and MSRResNet: residual networks whose code is BasicSR's (Apache-2.0, XPixelGroup/BasicSR)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..base import Recognised, SrNetwork, at_least
from .tensors import count, has_all, shuffled_scale


class Wrapped(SrNetwork):
    """A network of somebody else's code, which is its child ``net`` and takes and gives RGB in [0, 1] as we do."""

    def forward(self, low: Tensor) -> Tensor:
        """See ``SrNetwork.forward``."""
        return self.get_submodule("net")(low)

    @classmethod
    def adapt(cls, tensors: Mapping[str, Tensor], scale: int) -> dict[str, Tensor]:
        """See ``SrNetwork.adapt``."""
        del scale
        return {f"net.{name}": value for name, value in cls.renamed(tensors).items()}

    @classmethod
    def renamed(cls, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors of any published naming by BasicSR's names."""
        return dict(tensors)


class Edsr(Wrapped):
    """EDSR. Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPR Workshops 2017.

    The baseline has 16 blocks of 64 channels; the large one 32 of 256, whose residuals are multiplied by 0.1.
    """

    def __init__(self, scale: int, *, features: int = 64, blocks: int = 16, residual: float = 1.0) -> None:
        """Build the network.

        Args:
            scale: 2, 3, 4 or 8.
            features: Channels.
            blocks: Residual blocks.
            residual: Factor of each block's residual.
        """
        from basicsr.archs.edsr_arch import EDSR

        at_least(1, features=features, blocks=blocks)
        super().__init__(scale, {"features": features, "blocks": blocks, "residual": float(residual)})
        sizes: dict[str, Any] = {"num_feat": features, "num_block": blocks, "res_scale": residual}
        self.net = EDSR(3, 3, upscale=scale, **sizes)

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """See ``SrNetwork.recognise``; 256 channels mean the large network with its factor of 0.1."""
        named = cls.renamed(tensors)
        if not has_all(
            named, "conv_first.weight", "body.0.conv1.weight", "conv_after_body.weight", "upsample.0.weight"
        ):
            return None
        features, scale = named["conv_first.weight"].shape[0], shuffled_scale(named, "upsample")
        blocks = count(named, r"body\.(\d+)\.conv1\.weight")
        options = {"features": features, "blocks": blocks, "residual": 0.1 if features == 256 else 1.0}
        return Recognised("edsr", (scale,), {**options}) if scale > 1 else None

    @classmethod
    def renamed(cls, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See ``Wrapped.renamed``; knows the authors' names too."""
        return from_authors(tensors, [(r"^body\.(\d+)\.body\.0\.", r"body.\1.conv1."), (r"\.body\.2\.", ".conv2.")])


class Rcan(Wrapped):
    """RCAN.

    Zhang et al., "Image Super-Resolution Using Very Deep Residual Channel Attention Networks", ECCV 2018.
    """

    def __init__(
        self, scale: int, *, features: int = 64, groups: int = 10, blocks: int = 20, squeeze: int = 16
    ) -> None:
        """Build the network.

        Args:
            scale: 2, 3, 4 or 8.
            features: Channels.
            groups: Residual groups.
            blocks: Residual blocks of a group.
            squeeze: By how much the attention reduces the channels.
        """
        from basicsr.archs.rcan_arch import RCAN

        at_least(1, features=features, groups=groups, blocks=blocks, squeeze=squeeze)
        at_least(squeeze, features=features)
        super().__init__(scale, {"features": features, "groups": groups, "blocks": blocks, "squeeze": squeeze})
        sizes = {"num_feat": features, "num_group": groups, "num_block": blocks, "squeeze_factor": squeeze}
        self.net = RCAN(3, 3, upscale=scale, **sizes)

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """See ``SrNetwork.recognise``."""
        named = cls.renamed(tensors)
        attention = "body.0.residual_group.0.rcab.3.attention.1.weight"
        if not has_all(named, "conv_first.weight", attention, "conv_after_body.weight", "upsample.0.weight"):
            return None
        features, scale = named["conv_first.weight"].shape[0], shuffled_scale(named, "upsample")
        groups = count(named, r"body\.(\d+)\.residual_group\.")
        blocks = count(named, r"body\.0\.residual_group\.(\d+)\.")
        squeeze = features // named[attention].shape[0]
        options = {"features": features, "groups": groups, "blocks": blocks, "squeeze": squeeze}
        return Recognised("rcan", (scale,), {**options}) if scale > 1 else None

    @classmethod
    def renamed(cls, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See ``Wrapped.renamed``; knows the authors' names too."""
        rules = [
            (r"^body\.(\d+)\.body\.(\d+)\.body\.", r"body.\1.residual_group.\2.rcab."),
            (r"\.rcab\.3\.conv_du\.0\.", ".rcab.3.attention.1."),
            (r"\.rcab\.3\.conv_du\.2\.", ".rcab.3.attention.3."),
            (r"^body\.(\d+)\.body\.\d+\.(weight|bias)$", r"body.\1.conv.\2"),
        ]
        return from_authors(tensors, rules)


class MsrResNet(Wrapped):
    """MSRResNet: BasicSR's SRResNet without batch normalisation, which adds to the bilinear enlargement."""

    def __init__(self, scale: int, *, features: int = 64, blocks: int = 16) -> None:
        """Build the network.

        Args:
            scale: 2, 3 or 4.
            features: Channels.
            blocks: Residual blocks.
        """
        from basicsr.archs.srresnet_arch import MSRResNet

        at_least(1, features=features, blocks=blocks)
        super().__init__(scale, {"features": features, "blocks": blocks})
        self.net = MSRResNet(3, 3, num_feat=features, num_block=blocks, upscale=scale)

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """See ``SrNetwork.recognise``."""
        if not has_all(tensors, "conv_first.weight", "body.0.conv1.weight", "upconv1.weight", "conv_hr.weight"):
            return None
        features = tensors["conv_first.weight"].shape[0]
        scale = 3 if tensors["upconv1.weight"].shape[0] == 9 * features else 2 * (1 + ("upconv2.weight" in tensors))
        blocks = count(tensors, r"body\.(\d+)\.conv1\.weight")
        return Recognised("msrresnet", (scale,), {"features": features, "blocks": blocks})


def from_authors(tensors: Mapping[str, Tensor], rules: list[tuple[str, str]]) -> dict[str, Tensor]:
    """Rename tensors of EDSR-PyTorch and what grew from it as BasicSR does; others stay as they are.

    Args:
        tensors: By name.
        rules: Patterns and replacements for the trunk.
    """
    if "head.0.weight" not in tensors:
        return dict(tensors)
    last = count(tensors, r"body\.(\d+)\.") - 1
    ends = [
        (rf"^body\.{last}\.(weight|bias)$", r"conv_after_body.\1"),
        (r"^head\.0\.", "conv_first."),
        (r"^tail\.0\.", "upsample."),
        (r"^tail\.1\.", "conv_last."),
    ]
    renamed = {}
    for name, value in tensors.items():
        for pattern, replacement in (*ends, *rules):
            name = re.sub(pattern, replacement, name)  # noqa: PLW2901
        if not re.match(r"(sub|add)_mean\.", name):  # fixed, and the same in BasicSR
            renamed[name] = value
    return renamed
