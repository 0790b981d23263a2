"""The units of deep back-projection networks: convolution, transposed convolution, up- and down-projection.

Each unit computes the same in two ways. ``plain`` is one torch operator after the other. The other one is for CPUs,
where it is measured to be faster: see ``Unit`` and docs/performance.md. Both use the same weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

KERNELS = {2: 6, 4: 8, 8: 12}
"""Side of the projections' kernels by scale; their stride is the scale."""
PADDING = 2


def on_plain_cpu(x: Tensor) -> bool:
    """Tell whether x is computed on a CPU operator by operator and in its own precision: no compiler, no autocast."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling() and not torch.is_autocast_enabled("cpu")


class Unit(nn.Module):
    """A convolution or transposed convolution with bias, and a PReLU of one slope.

    On a CPU three things take longer than the arithmetic and are done otherwise here unless ``plain``: the gradients of
    PReLU and bias (see ``_Activate``), and 1x1 convolutions of channels-last maps, which are matrix products.
    """

    def __init__(self, layer: nn.Conv2d | nn.ConvTranspose2d, act: bool) -> None:
        super().__init__()
        self.act = nn.PReLU() if act else None
        self.plain = False
        # Upstream's names, by which checkpoints call them.
        self.add_module("deconv" if isinstance(layer, nn.ConvTranspose2d) else "conv", layer)

    @property
    def layer(self) -> nn.Conv2d | nn.ConvTranspose2d:
        """Return the convolution."""
        return self.get_submodule("deconv" if "deconv" in self._modules else "conv")  # pyright: ignore[reportReturnType]

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W)."""
        if self.plain or not on_plain_cpu(x):
            x = self.layer(x)
            return x if self.act is None else self.act(x)
        bias, act = self.layer.bias, self.act
        if act is None or bias is None or not torch.is_grad_enabled():
            x = self._linear(x, bias)
            return x if act is None else F.prelu(x, act.weight)
        return _Activate.apply(self._linear(x, bias.detach()), bias, act.weight)  # pyright: ignore[reportReturnType]

    def _linear(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """Compute the convolution."""
        layer = self.layer
        if isinstance(layer, nn.ConvTranspose2d):
            padding: Any = layer.padding
            return F.conv_transpose2d(x, layer.weight, bias, layer.stride, padding)
        if layer.kernel_size == (1, 1):
            return F.linear(x.permute(0, 2, 3, 1), layer.weight[:, :, 0, 0], bias).permute(0, 3, 1, 2)
        return F.conv2d(x, layer.weight, bias, layer.stride, layer.padding)


class _Activate(torch.autograd.Function):
    """PReLU of one slope after a bias that is in its input already, with quick gradients of both.

    torch's own gradient of PReLU writes a map of slopes before it adds them up, and its sum of a bias' gradient over
    channels-last maps is slow: together they take longer than the gradient of the convolution before them.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor, slope: Tensor) -> Tensor:
        """Map x, (B, C, H, W); bias (C,) is in x already and passed on for its gradient; slope (1,)."""
        ctx.save_for_backward(x, slope)
        ctx.channels = bias.numel()
        return F.leaky_relu(x, slope.item())

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of x, bias and slope."""
        x, slope = ctx.saved_tensors
        gradient = gradients[0]
        rows = gradient.permute(0, 2, 3, 1).reshape(-1, ctx.channels)
        negative = x.clamp(max=0).permute(0, 2, 3, 1).reshape(-1, ctx.channels)
        of_slope = torch.dot(rows.flatten(), negative.flatten()).view(1)
        of_x = torch.ops.aten.leaky_relu_backward(gradient, x, slope.item(), False)
        pixels = of_x.permute(0, 2, 3, 1).reshape(-1, ctx.channels)
        return of_x, pixels.new_ones(len(pixels)) @ pixels, of_slope


def convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int = 0, act: bool = True) -> Unit:
    """Return a convolution unit."""
    return Unit(nn.Conv2d(inputs, outputs, kernel, stride, padding), act)


def _up(width: int, scale: int) -> Unit:
    return Unit(nn.ConvTranspose2d(width, width, KERNELS[scale], scale, PADDING), act=True)


def _down(width: int, scale: int) -> Unit:
    return convolution(width, width, KERNELS[scale], stride=scale, padding=PADDING)


class UpProjection(nn.Module):
    """Enlarge, shrink again, and enlarge what was lost; with ``inputs`` > 1 a 1x1 convolution joins as many maps."""

    def __init__(self, width: int, scale: int, inputs: int = 1) -> None:
        super().__init__()
        self.conv = convolution(inputs * width, width, 1) if inputs > 1 else None
        self.up_conv1 = _up(width, scale)
        self.up_conv2 = _down(width, scale)
        self.up_conv3 = _up(width, scale)

    def forward(self, low: Tensor) -> Tensor:
        """Map (B, inputs * C, h, w) to (B, C, scale * h, scale * w)."""
        low = low if self.conv is None else self.conv(low)
        high = self.up_conv1(low)
        return high + self.up_conv3(self.up_conv2(high) - low)


class DownProjection(nn.Module):
    """Shrink, enlarge again, and shrink what was lost; with ``inputs`` > 1 a 1x1 convolution joins as many maps."""

    def __init__(self, width: int, scale: int, inputs: int = 1) -> None:
        super().__init__()
        self.conv = convolution(inputs * width, width, 1) if inputs > 1 else None
        self.down_conv1 = _down(width, scale)
        self.down_conv2 = _up(width, scale)
        self.down_conv3 = _down(width, scale)

    def forward(self, high: Tensor) -> Tensor:
        """Map (B, inputs * C, scale * h, scale * w) to (B, C, h, w)."""
        high = high if self.conv is None else self.conv(high)
        low = self.down_conv1(high)
        return low + self.down_conv3(self.down_conv2(low) - high)
