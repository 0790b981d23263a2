"""What a super-resolution network costs for one image: floating-point operations and parameters.

FLOPs here are torch's own count (``torch.utils.flop_counter``): two for each multiply-accumulate (MAC) of convolutions
and matrix products; biases, activations, interpolation and other element-wise work are not counted. Half of it is the
number of MACs, which many papers print under the name FLOPs.

ClassSR (Kong et al., CVPR 2021) counts two for a MAC as well, so its SRResNet-O (5.20 G), RCAN-O (32.60 G) and CARN-O
(1.15 G) for a patch of 32 x 32 are what is counted here. Its FSRCNN figures (141 M, 304 M, 468 M) are larger than ours
(22 M, 36 M, 50 M): there, a transposed convolution is charged a whole kernel for each pixel of its output, which at a
stride of four is sixteen times the products that are computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn

Shape = tuple[int, int, int]
"""Channels, height and width of one input."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What restoring one image takes.

    Attributes:
        flops: Floating-point operations, two for each multiply-accumulate.
        parameters: Numbers that the network holds, whether this image used them or not.
    """

    flops: int
    parameters: int


@dataclass(frozen=True, slots=True)
class Pass:
    """Calls of one module on inputs of one shape."""

    module: nn.Module
    shape: Shape
    times: int


@runtime_checkable
class ContentDependent(Protocol):
    """A network whose cost depends on what the image shows, not only on its size."""

    def passes(self, low: Tensor) -> list[Pass]:
        """Return what is computed for one image, float (1, 3, h, w)."""
        ...


class CostMeter:
    """Counts what a network costs image by image; each (module, input shape) is counted once and remembered.

    Args:
        network: An eager network: compiled graphs hide their operations from torch's counter. It is left as it is.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._parameters = count_parameters(network)
        self._known: dict[tuple[int, Shape], int] = {}

    def measure(self, low: Tensor) -> Cost:
        """Return the cost of one image, float (1, 3, h, w); its content matters to ``ContentDependent`` networks."""
        flops = sum(each.times * self._flops(each) for each in self._passes(low))
        return Cost(flops, self._parameters)

    def _passes(self, low: Tensor) -> list[Pass]:
        if isinstance(self._network, ContentDependent):
            return self._network.passes(low)
        channels, height, width = low.shape[1:]
        return [Pass(self._network, (channels, height, width), 1)]

    def _flops(self, each: Pass) -> int:
        key = (id(each.module), each.shape)
        if key not in self._known:
            self._known[key] = count_flops(each.module, each.shape)
        return self._known[key]


def count_flops(module: nn.Module, shape: Shape) -> int:
    """Return the floating-point operations of one call on a batch of one, without computing it.

    The call is traced on torch's "meta" device, which knows shapes and no values.

    Args:
        module: Left as it is, and on the device where it is.
        shape: Of the input without its batch dimension.
    """
    import torch
    from torch.func import functional_call
    from torch.utils.flop_counter import FlopCounterMode

    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    shapes_only = {name: tensor.detach().to("meta") for name, tensor in tensors.items()}
    image = torch.empty((1, *shape), device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        functional_call(module, shapes_only, (image,))
    return counter.get_total_flops()


def count_parameters(module: nn.Module) -> int:
    """Return the number of parameters, each shared one once."""
    return sum(parameter.numel() for parameter in module.parameters())
