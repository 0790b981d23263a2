"""Read YOLOX-Nano's weights out of the initialisers of its published ONNX file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from ...datasets.errors import UserError
from .yolox_net import YoloxNanoNet


@dataclass(frozen=True, slots=True)
class ConvWeights:
    """One convolution of an ONNX graph: weight (O, I/groups, k, k), bias (O,), stride and groups."""

    name: str
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    stride: int
    groups: int


def read_yolox(path: Path) -> tuple[YoloxNanoNet, int]:
    """Build YOLOX-Nano with the weights of an ONNX file.

    The file's convolutions stand in topological order, as the ONNX standard demands, and are matched one by one with
    the network's, which runs in the same order; weight shape, stride and groups of each are compared.

    Returns:
        The network and its number of classes.

    Raises:
        UserError: The file is no ONNX file, is cut short, or holds another network.
    """
    found = _convolutions(_graph(path), path)
    classes = _class_count(found)
    net = YoloxNanoNet(max(classes, 1))
    wanted = [(name, module) for name, module in net.named_modules() if isinstance(module, nn.Conv2d)]
    if len(found) != len(wanted):
        raise UserError(_foreign(path, f"it has {len(found)} convolutions, yolox-nano has {len(wanted)}"))
    for conv, (name, module) in zip(found, wanted, strict=True):
        _fill(module, name, conv, path)
    return net, classes


def _graph(path: Path) -> onnx.GraphProto:
    try:
        return onnx.load(str(path), load_external_data=False).graph
    except Exception as error:  # protobuf raises its own classes, which differ between its versions
        raise UserError(
            f"{path} cannot be read as an ONNX file ({type(error).__name__}): yolox-nano takes the published "
            f"yolox_nano.onnx; download it again if this is meant to be it."
        ) from error


def _convolutions(graph: onnx.GraphProto, path: Path) -> list[ConvWeights]:
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    return [_conv(node, tensors, path) for node in graph.node if node.op_type == "Conv"]


def _conv(node: onnx.NodeProto, tensors: dict[str, onnx.TensorProto], path: Path) -> ConvWeights:
    names = list(node.input[1:])
    if len(names) != 2 or any(name not in tensors for name in names):
        raise UserError(_foreign(path, f"its convolution {node.name!r} has no stored weight and bias"))
    try:
        weight, bias = (numpy_helper.to_array(tensors[name]) for name in names)
    except ValueError as error:
        raise UserError(f"{path} is damaged: the values of {names[0]!r} cannot be read; download it again.") from error
    settings: dict[str, Any] = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return ConvWeights(names[0], weight, bias, settings.get("strides", [1])[0], settings.get("group", 1))


def _class_count(found: list[ConvWeights]) -> int:
    """Read the number of classes off the last level: class logits come before box offsets (4) and objectness (1)."""
    class_logits_from_end = 7
    return len(found[-class_logits_from_end].bias) if len(found) >= class_logits_from_end else 0


def _fill(module: nn.Conv2d, name: str, conv: ConvWeights, path: Path) -> None:
    wanted = (tuple(module.weight.shape), module.stride[0], module.groups)
    given = (conv.weight.shape, conv.stride, conv.groups)
    if given != wanted or conv.bias.shape != wanted[0][:1]:
        detail = f"its {conv.name!r} has shape, stride, groups {given} where {name} needs {wanted}"
        raise UserError(_foreign(path, detail))
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(conv.weight.copy()))
        assert module.bias is not None
        module.bias.copy_(torch.from_numpy(conv.bias.copy()))


def _foreign(path: Path, detail: str) -> str:
    return f"{path} holds another network than yolox-nano: {detail}; give the published yolox_nano.onnx."
