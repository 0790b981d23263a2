"""Weight files: safetensors with one header, the same bytes for the same weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from pydantic import BaseModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from ..datasets.atomic import write_bytes
from ..datasets.errors import UserError

COUNTER = "num_batches_tracked"
"""Batch normalisation's step counter: without effect on anything, so not kept."""


def save_tensors(tensors: Mapping[str, Tensor], header: Mapping[str, BaseModel], path: Path, *, half: bool) -> None:
    """Write tensors with a header, whole or not at all.

    Args:
        tensors: By name; step counters are left out.
        header: The one metadata key with its value.
        path: A ``.safetensors`` file, replaced where it exists.
        half: Keep convolutions and matrices in half precision, the small rest in single.
    """
    kept = {name: _compact(value, half) for name, value in tensors.items() if not name.endswith(COUNTER)}
    metadata = {key: json.dumps(value.model_dump(mode="json")) for key, value in header.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written by hand: safetensors' own writer makes files that only their owner can read.
    write_bytes(path, save(kept, metadata))


def load_tensors(net: nn.Module, path: Path) -> None:
    """Load a weight file of which every name and shape has to fit into a network.

    Raises:
        UserError: The file is damaged, or its tensors do not fit the network.
    """
    try:
        tensors = {name: value.float() for name, value in load_file(path).items()}
    except SafetensorError as error:
        raise UserError(f"{path} is damaged ({error}); copy or make it again.") from error
    complaint = misfit(wanted_tensors(net), tensors)
    if complaint:
        raise UserError(f"{path} does not fit the network that its header describes: {complaint}.")
    net.load_state_dict(tensors, strict=False)


def wanted_tensors(net: nn.Module) -> dict[str, Tensor]:
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
