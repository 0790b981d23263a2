"""The first networks: they enlarge the luma, while bicubic interpolation enlarges the colours.

Luma is that of MATLAB's ``rgb2ycbcr`` (ITU-R BT.601, studio swing, so 16/255 to 235/255), and bicubic interpolation
that of MATLAB's ``imresize`` and Pillow (a = -0.5), as these papers used them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from ..base import Recognised, SrNetwork, at_least
from .tensors import count, has_all

SCALES = (2, 3, 4, 8)
"""Enlargements offered; the shapes of these networks' weights tell none."""
_WEIGHTS = (65.481 / 255, 128.553 / 255, 24.966 / 255)
_OFFSET = 16 / 255
_TO_RGB = 255 / 219
"""By how much red, green and blue rise with luma while the colour differences stay."""


def bicubic(images: Tensor, scale: int) -> Tensor:
    """Enlarge (B, C, h, w) to (B, C, scale * h, scale * w)."""
    # antialias changes nothing in an enlargement but the kernel: a = -0.5 with it, -0.75 without.
    return F.interpolate(images, scale_factor=scale, mode="bicubic", antialias=True)


def luma(rgb: Tensor) -> Tensor:
    """Return the luma (B, 1, H, W) of RGB (B, 3, H, W) in [0, 1]."""
    weights = rgb.new_tensor(_WEIGHTS).view(1, 3, 1, 1)
    return (rgb * weights).sum(1, keepdim=True) + _OFFSET


def with_luma(rgb: Tensor, new: Tensor) -> Tensor:
    """Return RGB (B, 3, H, W) with its luma replaced by ``new`` (B, 1, H, W), its colour differences kept."""
    return rgb + (new - luma(rgb)) * _TO_RGB


class Vdsr(SrNetwork):
    """VDSR: a deep network that corrects the bicubic luma; one set of weights for all scales.

    Kim, Lee, Lee, "Accurate Image Super-Resolution Using Very Deep Convolutional Networks", CVPR 2016. No biases, as in
    twtygqyy/pytorch-vdsr (MIT), whose weights load.
    """

    def __init__(self, scale: int, *, layers: int = 20, features: int = 64) -> None:
        """Build the network.

        Args:
            scale: Of the bicubic enlargement before it.
            layers: Convolutions in all.
            features: Channels between them.
        """
        at_least(3, layers=layers)
        at_least(1, features=features)
        super().__init__(scale, {"layers": layers, "features": features})
        self.input = nn.Conv2d(1, features, 3, padding=1, bias=False)
        middle = (nn.Conv2d(features, features, 3, padding=1, bias=False) for _ in range(layers - 2))
        self.residual_layer = nn.ModuleList(nn.ModuleDict({"conv": layer}) for layer in middle)
        self.output = nn.Conv2d(features, 1, 3, padding=1, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, low: Tensor) -> Tensor:
        """See ``SrNetwork.forward``."""
        enlarged = bicubic(low, self.scale)
        y = luma(enlarged)
        features = F.relu(self.input(y))
        for layer in self.residual_layer:
            features = F.relu(layer.get_submodule("conv")(features))
        return with_luma(enlarged, y + self.output(features))

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """See ``SrNetwork.recognise``."""
        if not has_all(tensors, "input.weight", "residual_layer.0.conv.weight", "output.weight"):
            return None
        layers = count(tensors, r"residual_layer\.(\d+)\.conv\.weight") + 2
        return Recognised("vdsr", SCALES, {"layers": layers, "features": tensors["input.weight"].shape[0]})


class Srcnn(SrNetwork):
    """SRCNN: three convolutions on the bicubic luma.

    Dong, Loy, He, Tang, "Image Super-Resolution Using Deep Convolutional Networks", TPAMI 2016, with zero padding and
    the names of yjn870/SRCNN-pytorch.
    """

    def __init__(self, scale: int, *, kernels: Sequence[int] = (9, 5, 5), widths: Sequence[int] = (64, 32)) -> None:
        """Build the network.

        Args:
            scale: Of the bicubic enlargement before it.
            kernels: Sides of the three kernels, odd; the paper has 9-1-5, 9-3-5 and 9-5-5.
            widths: Channels after the first and the second convolution.
        """
        if len(kernels) != 3 or any(side < 1 or side % 2 == 0 for side in kernels):
            raise ValueError(f"kernels must be three odd sides, not {list(kernels)}")
        if len(widths) != 2 or min(widths) < 1:
            raise ValueError(f"widths must be two numbers of channels, not {list(widths)}")
        super().__init__(scale, {"kernels": list(kernels), "widths": list(widths)})
        sizes = (1, *widths, 1)
        self.conv1, self.conv2, self.conv3 = (
            nn.Conv2d(sizes[i], sizes[i + 1], side, padding=side // 2) for i, side in enumerate(kernels)
        )
        for module in (self.conv1, self.conv2, self.conv3):
            nn.init.normal_(module.weight, std=0.001)
            nn.init.zeros_(module.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, low: Tensor) -> Tensor:
        """See ``SrNetwork.forward``."""
        enlarged = bicubic(low, self.scale)
        features = F.relu(self.conv2(F.relu(self.conv1(luma(enlarged)))))
        return with_luma(enlarged, self.conv3(features))

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """See ``SrNetwork.recognise``."""
        names = ("conv1.weight", "conv2.weight", "conv3.weight")
        if len(tensors) != 6 or not has_all(tensors, *names):
            return None
        first, second, third = (tensors[name].shape for name in names)
        if first[1] != 1 or third[0] != 1:
            return None
        kernels = [first[2], second[2], third[2]]
        return Recognised("srcnn", SCALES, {"kernels": kernels, "widths": [first[0], second[0]]})


class Fsrcnn(SrNetwork):
    """FSRCNN: convolutions on the small luma, and one transposed convolution that enlarges it.

    Dong, Loy, Tang, "Accelerating the Super-Resolution Convolutional Neural Network", ECCV 2016, with the names of
    yjn870/FSRCNN-pytorch.
    """

    def __init__(self, scale: int, *, features: int = 56, shrunk: int = 12, mapping: int = 4) -> None:
        """Build the network.

        Args:
            scale: Stride of the transposed convolution.
            features: d of the paper.
            shrunk: s of the paper.
            mapping: m of the paper.
        """
        at_least(1, features=features, shrunk=shrunk, mapping=mapping)
        super().__init__(scale, {"features": features, "shrunk": shrunk, "mapping": mapping})
        self.first_part = nn.Sequential(nn.Conv2d(1, features, 5, padding=2), nn.PReLU(features))
        middle: list[nn.Module] = [nn.Conv2d(features, shrunk, 1), nn.PReLU(shrunk)]
        for _ in range(mapping):
            middle += [nn.Conv2d(shrunk, shrunk, 3, padding=1), nn.PReLU(shrunk)]
        self.mid_part = nn.Sequential(*middle, nn.Conv2d(shrunk, features, 1), nn.PReLU(features))
        self.last_part = nn.ConvTranspose2d(features, 1, 9, scale, padding=4, output_padding=scale - 1)
        self.apply(_initialise_fsrcnn)

    def forward(self, low: Tensor) -> Tensor:
        """See ``SrNetwork.forward``."""
        new = self.last_part(self.mid_part(self.first_part(luma(low))))
        return with_luma(bicubic(low, self.scale), new)

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """See ``SrNetwork.recognise``."""
        if not has_all(tensors, "first_part.0.weight", "mid_part.0.weight", "last_part.weight"):
            return None
        shrunk, features = tensors["mid_part.0.weight"].shape[:2]
        mapping = (count(tensors, r"mid_part\.(\d+)\.weight") - 4) // 2
        return Recognised("fsrcnn", SCALES, {"features": features, "shrunk": shrunk, "mapping": mapping})


def _initialise_fsrcnn(module: nn.Module) -> None:
    """Draw weights as in the paper: He's for PReLU, and small ones for the transposed convolution."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, std=math.sqrt(2 / (module.out_channels * module.kernel_size[0] ** 2)))
    elif isinstance(module, nn.ConvTranspose2d):
        nn.init.normal_(module.weight, std=0.001)
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.bias is not None:
        nn.init.zeros_(module.bias)
