"""SwinIR, with BasicSR's code (Apache-2.0, XPixelGroup/BasicSR)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence

from torch import Tensor

from ..base import Recognised, at_least
from .residual import Wrapped
from .tensors import count, has_all, pad_to_multiple, shuffled_scale, whole_root

UPSAMPLERS = ("pixelshuffle", "pixelshuffledirect", "nearest+conv")
"""Of the classical, the lightweight and the real-world networks."""
_BIAS = "layers.{}.residual_group.blocks.0.attn.relative_position_bias_table"


class SwinIr(Wrapped):
    """SwinIR. Liang et al., "SwinIR: Image Restoration Using Swin Transformer", ICCV Workshops 2021.

    The defaults are those of the classical network SwinIR-M.
    """

    def __init__(
        self,
        scale: int,
        *,
        features: int = 180,
        depths: Sequence[int] = (6, 6, 6, 6, 6, 6),
        heads: Sequence[int] = (6, 6, 6, 6, 6, 6),
        window: int = 8,
        widening: int = 2,
        upsampler: str = "pixelshuffle",
        connection: str = "1conv",
        image: int = 64,
    ) -> None:
        """Build the network.

        Args:
            scale: 2, 3, 4 or 8; 4 with "nearest+conv".
            features: Channels.
            depths: Blocks of each layer.
            heads: Attention heads of each layer.
            window: Side of the windows in pixels; images are mirrored to a multiple of it.
            widening: Of the hidden layer in the blocks' perceptrons.
            upsampler: One of ``UPSAMPLERS``.
            connection: "1conv" or "3conv", the convolutions at the end of each layer.
            image: Side for which masks are kept ready, more than the window; has no effect on the result.
        """
        from basicsr.archs.swinir_arch import SwinIR

        _check(scale, features, depths, heads, window, widening, upsampler, connection, image)
        options = {"features": features, "depths": list(depths), "heads": list(heads), "window": window}
        options |= {"widening": widening, "upsampler": upsampler, "connection": connection, "image": image}
        super().__init__(scale, options)
        self.window = window
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.meshgrid")  # BasicSR's; means nothing to users
            self.net = SwinIR(
                img_size=image,
                embed_dim=features,
                depths=list(depths),
                num_heads=list(heads),
                window_size=window,
                mlp_ratio=widening,
                upscale=scale,
                upsampler=upsampler,
                resi_connection=connection,
            )

    def forward(self, low: Tensor) -> Tensor:
        """See ``SrNetwork.forward``."""
        height, width = (self.scale * side for side in low.shape[2:])
        return self.net(pad_to_multiple(low, self.window))[:, :, :height, :width]

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """See ``SrNetwork.recognise``."""
        table = tensors.get(_BIAS.format(0))
        if table is None or not has_all(tensors, "conv_first.weight"):
            return None
        features, inputs = tensors["conv_first.weight"].shape[:2]
        upsampler, scale = _end(tensors)
        if inputs != 3 or scale < 2:
            return None
        layers = range(count(tensors, r"layers\.(\d+)\."))
        window = (math.isqrt(table.shape[0]) + 1) // 2
        mask = tensors.get("layers.0.residual_group.blocks.1.attn_mask")
        options = {
            "features": features,
            "depths": [count(tensors, rf"layers\.{layer}\.residual_group\.blocks\.(\d+)\.") for layer in layers],
            "heads": [tensors[_BIAS.format(layer)].shape[1] for layer in layers],
            "window": window,
            "widening": tensors["layers.0.residual_group.blocks.0.mlp.fc1.weight"].shape[0] // features,
            "upsampler": upsampler,
            "connection": "1conv" if "conv_after_body.weight" in tensors else "3conv",
            "image": 64 if mask is None else math.isqrt(mask.shape[0]) * window,
        }
        return Recognised("swinir", (scale,), options)


def _end(tensors: Mapping[str, Tensor]) -> tuple[str, int]:
    """Return how a network enlarges, and by how much; 0 where it does not."""
    if "conv_up1.weight" in tensors:
        return "nearest+conv", 4
    if "conv_before_upsample.0.weight" in tensors:
        return "pixelshuffle", shuffled_scale(tensors, "upsample")
    if "upsample.0.weight" in tensors:
        return "pixelshuffledirect", whole_root(tensors["upsample.0.weight"].shape[0], 3)
    return "", 0


def _check(
    scale: int,
    features: int,
    depths: Sequence[int],
    heads: Sequence[int],
    window: int,
    widening: int,
    upsampler: str,
    connection: str,
    image: int,
) -> None:
    """Refuse what makes no network, where BasicSR would fail with an obscure message or not at all."""
    at_least(1, features=features, widening=widening)
    at_least(2, window=window)
    at_least(window + 1, image=image)
    if len(depths) != len(heads) or not depths or min(*depths, *heads) < 1:
        raise ValueError(f"depths and heads must be as many positive numbers, not {list(depths)} and {list(heads)}")
    if any(features % number for number in heads):
        raise ValueError(f"features must be a multiple of all heads, which {features} is not of {list(heads)}")
    if upsampler not in UPSAMPLERS or connection not in ("1conv", "3conv"):
        known = ", ".join(UPSAMPLERS)
        raise ValueError(
            f"upsampler must be one of {known} and connection 1conv or 3conv, not {upsampler}, {connection}"
        )
    if upsampler == "nearest+conv" and scale != 4:
        raise ValueError(f"upsampler nearest+conv comes in x4 only, not x{scale}")
