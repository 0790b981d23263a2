"""Weight files of AERIS and its comparison methods: safetensors with a header (see ``header.py``)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from ...datasets.atomic import write_bytes
from ...datasets.errors import UserError
from .header import KEY, Header, read_header
from .net import AerisNet

COUNTER = "num_batches_tracked"
"""Batch normalisation's step counter: without effect on anything, so not kept."""


def save_weights(net: AerisNet, header: Header, path: Path, *, half: bool = False) -> None:
    """Write a network's weights, whole or not at all.

    Args:
        net: The network.
        header: What it is.
        path: A ``.safetensors`` file, replaced where it exists.
        half: Keep convolutions and matrices in half precision, the small rest in single.
    """
    save_tensors(net.state_dict(), header, path, half=half)


def save_tensors(tensors: Mapping[str, Tensor], header: Header, path: Path, *, half: bool = False) -> None:
    """Write tensors named as ``AerisNet`` names them; see ``save_weights``."""
    kept = {name: _compact(value, half) for name, value in tensors.items() if not name.endswith(COUNTER)}
    metadata = {KEY: json.dumps(header.model_dump(mode="json"))}
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written by hand: safetensors' own writer makes files that only their owner can read.
    write_bytes(path, save(kept, metadata))


def load_weights(path: Path) -> tuple[AerisNet, Header]:
    """Build the network of a weight file, in evaluation mode on the CPU.

    Raises:
        UserError: The file is missing, damaged, of another family, or its tensors do not fit its header.
    """
    header = read_header(path)
    try:
        tensors = {name: value.float() for name, value in load_file(path).items()}
    except SafetensorError as error:
        raise UserError(f"{path} is damaged ({error}); copy or make it again.") from error
    net = AerisNet(header.model, len(header.classes))
    complaint = misfit(wanted_tensors(net), tensors)
    if complaint:
        raise UserError(f"{path} does not fit the network that its header describes: {complaint}.")
    net.load_state_dict(tensors, strict=False)
    return net.eval().requires_grad_(False), header


def wanted_tensors(net: AerisNet) -> dict[str, Tensor]:
    """Return the tensors that a weight file of a network must hold."""
    return {name: value for name, value in net.state_dict().items() if not name.endswith(COUNTER)}


def misfit(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Say which tensors are missing, unexpected or of another shape; "" where all fit."""
    missing = [repr(name) for name in wanted if name not in given]
    unexpected = [repr(name) for name in given if name not in wanted]
    shapes = {name: (tuple(given[name].shape), tuple(wanted[name].shape)) for name in wanted if name in given}
    misshapen = [f"{name!r} of shape {a} where {b} is needed" for name, (a, b) in shapes.items() if a != b]
    kinds = {"missing": missing, "unexpected": unexpected, "misshapen": misshapen}
    return "; ".join(_some(names, kind) for kind, names in kinds.items() if names)


def _some(names: Sequence[str], kind: str) -> str:
    """Name the first of several tensors and count them."""
    return f"{kind} is {names[0]}" if len(names) == 1 else f"{len(names)} tensors are {kind}, first {names[0]}"


def _compact(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.to(torch.float16 if half and value.ndim > 1 else torch.float32)
