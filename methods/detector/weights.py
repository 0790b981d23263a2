"""Weight files of the detector: safetensors, with network and classes in the header and a JSON card beside it."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ...datasets.atomic import write_bytes
from ...datasets.errors import UserError
from .header import ARCHITECTURE, BUNDLED, HEADER_KEY, Header
from .net import MiniNet

__all__ = ["ARCHITECTURE", "BUNDLED", "Header", "load_weights", "save_weights"]


def save_weights(net: MiniNet, header: Header, path: Path) -> None:
    """Write a network's weights; convolutions in half precision, the small rest in single."""
    tensors = {name: _compact(value) for name, value in net.state_dict().items() if "num_batches_tracked" not in name}
    metadata = {HEADER_KEY: json.dumps(header.model_dump(mode="json"), sort_keys=True)}
    # Written by hand: safetensors' own writer makes files that only their owner can read.
    write_bytes(path, save(tensors, metadata))


def load_weights(path: Path) -> tuple[MiniNet, Header]:
    """Build the network of a weight file, in evaluation mode on the CPU.

    Raises:
        UserError: The file is missing, no safetensors, or of another architecture.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such weight file; train one with `lqbench train --method detector`.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except SafetensorError as error:
        raise UserError(
            f"{path}: this is not a safetensors file ({error}); give weights that `lqbench train` wrote."
        ) from error
    header = _read_header(path, metadata)
    return _fill(path, header, tensors), header


def _read_header(path: Path, metadata: dict[str, str]) -> Header:
    message = f"{path}: these are weights of another architecture than the mini detector's ({ARCHITECTURE})"
    try:
        header = Header.model_validate_json(metadata[HEADER_KEY])
    except (KeyError, ValidationError) as error:
        raise UserError(f"{message}; give weights that `lqbench train --method detector` wrote.") from error
    if header.architecture != ARCHITECTURE:
        raise UserError(f"{message}, namely {header.architecture}; train them anew with this version.")
    return header


def _fill(path: Path, header: Header, tensors: dict[str, torch.Tensor]) -> MiniNet:
    net = MiniNet(header.network, len(header.classes))
    wanted = {name: value for name, value in net.state_dict().items() if "num_batches_tracked" not in name}
    wrong = [name for name in wanted.keys() | tensors.keys() if _shape(wanted, name) != _shape(tensors, name)]
    if wrong:
        raise UserError(f"{path}: the tensor {min(wrong)!r} does not fit the network that the file's header describes.")
    net.load_state_dict(tensors, strict=False)
    return net.eval()


def _shape(tensors: dict[str, torch.Tensor], name: str) -> tuple[int, ...] | None:
    return tuple(tensors[name].shape) if name in tensors else None


def _compact(value: torch.Tensor) -> torch.Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if value.ndim == 4 else value
