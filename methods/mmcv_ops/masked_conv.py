"""The two halves of a convolution that is computed at chosen places only (guided anchoring, Wang et al., CVPR 2019)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F


def masked_im2col_forward(
    features: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    data_col: Tensor,
    kernel_h: int,
    kernel_w: int,
    pad_h: int,
    pad_w: int,
) -> None:
    """Fill ``data_col`` (C * kernel_h * kernel_w, M) with the windows of features (1, C, H, W) at M places.

    A window's first cell lies ``pad`` above and left of its place; cells outside the features are 0.
    """
    padded = F.pad(features[0], (pad_w, kernel_w, pad_h, kernel_h))
    for i in range(kernel_h):
        for j in range(kernel_w):
            rows = data_col[i * kernel_w + j :: kernel_h * kernel_w]
            rows.copy_(padded[:, mask_h_idx + i, mask_w_idx + j])


def masked_col2im_forward(
    columns: Tensor, mask_h_idx: Tensor, mask_w_idx: Tensor, output: Tensor, height: int, width: int, channels: int
) -> None:
    """Write ``columns`` (C, M) to their places in ``output`` (1, C, height, width)."""
    output[0, :, mask_h_idx, mask_w_idx] = columns


OPERATORS: tuple[Callable[..., object], ...] = (masked_im2col_forward, masked_col2im_forward)
