"""The restoration branch: deconvolutions to stride 4, then the arbitrary-resolution restoration decoder (ARRD).

After ``Adaptive_SR`` and the ``sr_deconv`` of the necks of cuiziteng/ECCV_AERIS at 42ab63c. There the output is always
512 x 512; here its size is asked for.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from .config import RestorationConfig
from .neck import Doubling, NeckMaps


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a bottleneck between them, without normalisation, around which the input goes."""

    def __init__(self, channels: int, bottleneck: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, bottleneck, 3, padding=1)
        self.expand = nn.Conv2d(bottleneck, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map float (B, channels, h, w) to the same shape."""
        return x + self.expand(F.relu(self.reduce(x)))


class RestorationDecoder(nn.Module):
    """ARRD as released: convolutions at the features' own size, bilinear resizing, pixel shuffle.

    The released code resizes the features before and after the residual blocks separately and adds them. Resizing is
    linear, so their sum is resized here, which is the same and costs half.
    """

    def __init__(self, config: RestorationConfig) -> None:
        super().__init__()
        self.pixel_shuffle = config.pixel_shuffle
        self.first = nn.Conv2d(config.channels, config.hidden, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(config.hidden, config.bottleneck) for _ in range(config.blocks)))

    def forward(self, x: Tensor, size: tuple[int, int], scale: tuple[float, float] | None = None) -> Tensor:
        """Decode an image.

        Args:
            x: float (B, channels, h, w).
            size: (height, width) of the image, pixels; where no multiple of the pixel shuffle, the image is cropped
                from the next larger one.
            scale: Cells of the decoder's grid per cell of ``x`` along y and x, from the top left corner; None where
                the grid spans ``x``.

        Returns:
            float (B, 3, height, width), unbounded.
        """
        first = self.first(x)
        grid = (-(-size[0] // self.pixel_shuffle), -(-size[1] // self.pixel_shuffle))
        features = _resized(first + self.blocks(first), grid, scale)
        return F.pixel_shuffle(features, self.pixel_shuffle)[..., : size[0], : size[1]]


def _resized(x: Tensor, grid: tuple[int, int], scale: tuple[float, float] | None) -> Tensor:
    """Resize bilinearly to (rows, columns), by the given factors where there are any."""
    if scale is None:
        return F.interpolate(x, size=grid, mode="bilinear", align_corners=False)
    x = F.interpolate(x, scale_factor=list(scale), mode="bilinear", align_corners=False, recompute_scale_factor=False)
    x = x[..., : grid[0], : grid[1]]
    return F.pad(x, (0, grid[1] - x.shape[-1], 0, grid[0] - x.shape[-2]), mode="replicate")


class RestorationBranch(nn.Module):
    """From a map of the neck to the restored image.

    Leaving after the neck's first deconvolution ("stage 1") it doubles the map twice, after the second once. As
    published, stage 1 keeps the encoder's channels at stride 16 in between.
    """

    def __init__(
        self, channels: tuple[int, int, int, int], level: int, config: RestorationConfig, *, dcn: bool
    ) -> None:
        """Build the branch.

        Args:
            channels: Those of the encoder's maps at strides 4, 8, 16 and 32.
            level: 1 or 2, the deconvolution of the neck after which it leaves.
            config: The decoder.
            dcn: Whether 3x3 convolutions before the decoder are deformable.
        """
        super().__init__()
        self.level = level
        _, c3, c4, _ = channels
        widths = (2 * c4, c4, config.channels) if level == 1 else (2 * c3, config.channels)
        self.up = nn.Sequential(*(Doubling(inputs, outputs, dcn=dcn) for inputs, outputs in pairwise(widths)))
        self.decoder = RestorationDecoder(config)

    def forward(self, maps: NeckMaps, size: tuple[int, int], scale: tuple[float, float] | None = None) -> Tensor:
        """Restore images of ``size``; see ``AerisNet.restore``.

        Args:
            maps: The neck's.
            size: (height, width), pixels.
            scale: Restored pixels per pixel of the network's input along y and x; None for the ratio of the sizes.
        """
        features = self.up(maps.sixteenth if self.level == 1 else maps.eighth)
        if scale is None:
            return self.decoder(features, size)
        # A cell of the features spans 4 input pixels, a cell of the decoder's grid one pixel shuffle of output ones.
        ratio = 4 / self.decoder.pixel_shuffle
        return self.decoder(features, size, (scale[0] * ratio, scale[1] * ratio))
