"""RRDBNet (ESRGAN, BSRGAN, Real-ESRGAN) and SRVGGNetCompact, with BasicSR's code (Apache-2.0, XPixelGroup/BasicSR)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from ..base import Recognised, at_least
from .residual import Wrapped
from .tensors import count, has_all, pad_to_multiple, whole_root


class Rrdb(Wrapped):
    """RRDBNet: residual blocks in residual blocks of densely connected convolutions.

    Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", ECCV Workshops 2018; Zhang et al.,
    "Designing a Practical Degradation Model for Deep Blind Image Super-Resolution", ICCV 2021 (BSRGAN); Wang et al.,
    "Real-ESRGAN", ICCV Workshops 2021, whose x2 network first folds 2x2 pixels into channels.
    """

    def __init__(self, scale: int, *, features: int = 64, blocks: int = 23, growth: int = 32) -> None:
        """Build the network.

        Args:
            scale: 2 or 4.
            features: Channels.
            blocks: Residual-in-residual blocks.
            growth: Channels that each dense convolution adds.
        """
        from basicsr.archs.rrdbnet_arch import RRDBNet

        at_least(1, features=features, blocks=blocks, growth=growth)
        super().__init__(scale, {"features": features, "blocks": blocks, "growth": growth})
        self.net = RRDBNet(3, 3, scale=scale, num_feat=features, num_block=blocks, num_grow_ch=growth)

    def forward(self, low: Tensor) -> Tensor:
        """See ``SrNetwork.forward``; odd sizes are mirrored to even ones for x2."""
        height, width = (self.scale * side for side in low.shape[2:])
        padded = pad_to_multiple(low, 2) if self.scale == 2 else low
        return self.net(padded)[:, :, :height, :width]

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """See ``SrNetwork.recognise``; the scale from the channels of the first convolution."""
        named = cls.renamed(tensors)
        dense = "body.0.rdb1.conv1.weight"
        if not has_all(named, "conv_first.weight", dense, "conv_up2.weight", "conv_hr.weight", "conv_last.weight"):
            return None
        features, inputs = named["conv_first.weight"].shape[:2]
        scale = {3: 4, 12: 2}.get(inputs)
        if scale is None or named["conv_last.weight"].shape[0] != 3:
            return None
        blocks = count(named, r"body\.(\d+)\.rdb1\.")
        return Recognised("rrdb", (scale,), {"features": features, "blocks": blocks, "growth": named[dense].shape[0]})

    @classmethod
    def renamed(cls, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See ``Wrapped.renamed``; knows ESRGAN's earlier two namings, the second of which is BSRGAN's too."""
        last = count(tensors, r"model\.1\.sub\.(\d+)\.") - 1
        rules = (
            (r"^model\.0\.", "conv_first."),
            (rf"^model\.1\.sub\.{last}\.(weight|bias)$", r"trunk_conv.\1"),
            (r"^model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.", r"RRDB_trunk.\1.RDB\2.conv\3."),
            (r"^model\.3\.", "upconv1."),
            (r"^model\.6\.", "upconv2."),
            (r"^model\.8\.", "HRconv."),
            (r"^model\.10\.", "conv_last."),
            (r"^RRDB_trunk\.(\d+)\.RDB(\d)\.", r"body.\1.rdb\2."),
            (r"^trunk_conv\.", "conv_body."),
            (r"^upconv(\d)\.", r"conv_up\1."),
            (r"^HRconv\.", "conv_hr."),
        )
        renamed = {}
        for name, value in tensors.items():
            for pattern, replacement in rules:
                name = re.sub(pattern, replacement, name)  # noqa: PLW2901
            renamed[name] = value
        return renamed


class Compact(Wrapped):
    """SRVGGNetCompact of Real-ESRGAN: plain convolutions, one pixel shuffle, added to the nearest enlargement."""

    def __init__(self, scale: int, *, features: int = 64, convolutions: int = 16) -> None:
        """Build the network.

        Args:
            scale: 2, 3 or 4.
            features: Channels.
            convolutions: Between the first and the last one.
        """
        from basicsr.archs.srvgg_arch import SRVGGNetCompact

        at_least(1, features=features, convolutions=convolutions)
        super().__init__(scale, {"features": features, "convolutions": convolutions})
        self.net = SRVGGNetCompact(3, 3, num_feat=features, num_conv=convolutions, upscale=scale, act_type="prelu")

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """See ``SrNetwork.recognise``; the scale from the channels of the last convolution."""
        last = count(tensors, r"body\.(\d+)\.weight") - 1
        slopes = tensors.get("body.1.weight")
        if slopes is None or slopes.ndim != 1 or not has_all(tensors, "body.0.weight", f"body.{last}.weight"):
            return None
        scale = whole_root(tensors[f"body.{last}.weight"].shape[0], 3)
        features = tensors["body.0.weight"].shape[0]
        options = {"features": features, "convolutions": (last - 2) // 2}
        return Recognised("real-esrgan-compact", (scale,), {**options}) if scale > 1 else None
