"""Read PyTorch checkpoints safely and load them strictly, with errors that a user can act on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...datasets.errors import UserError

StateDict = dict[str, Tensor]


def read_state_dict(path: Path, detector: str, keys: Sequence[str] = ("model", "state_dict")) -> StateDict:
    """Read the tensors of a checkpoint without running any code in it.

    Accepted are a plain state dict, one under a known key, and safetensors; a "module." prefix of every name
    (DataParallel) is taken off.

    Args:
        path: The checkpoint.
        detector: What it is for, for messages.
        keys: Under which the state dict may lie, the preferred one first.

    Raises:
        UserError: The file is unreadable, an ONNX file, or holds no state dict.
    """
    content = _load(path, detector)
    for key in keys:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise UserError(
            f"{path} holds no state dict: {detector} takes a dictionary of tensors, "
            f"bare or under the key {' or '.join(f'{key!r}' for key in keys)}."
        )
    return _without_prefix({str(name): tensor for name, tensor in content.items()}, "module.")


def _load(path: Path, detector: str) -> Any:
    if path.suffix == ".onnx":
        raise UserError(f"{path} is an ONNX file; {detector} takes a PyTorch checkpoint (.pth, .pt or .safetensors).")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch raise a dozen classes for a damaged file
        raise UserError(
            f"{path} cannot be read as a PyTorch checkpoint of {detector} ({type(error).__name__}): it is damaged, "
            f"no checkpoint, or holds more than tensors; download it again or save its state dict only."
        ) from error


def _without_prefix(state: StateDict, prefix: str) -> StateDict:
    if not all(name.startswith(prefix) for name in state):
        return state
    return {name.removeprefix(prefix): tensor for name, tensor in state.items()}


def load_strictly(model: nn.Module, state: StateDict, path: Path, detector: str) -> None:
    """Load a state dict of which every name and shape must fit.

    Raises:
        UserError: Names are missing or unexpected, or shapes differ; gives an example of each.
    """
    try:
        keys = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        shape = _first_mismatch(str(error))
        raise UserError(foreign(path, detector, shape)) from error
    complaints = [
        f"{len(names)} {kind} such as {names[0]!r}"
        for kind, names in (("missing tensors", keys.missing_keys), ("unexpected tensors", keys.unexpected_keys))
        if names
    ]
    if complaints:
        raise UserError(foreign(path, detector, " and ".join(complaints)))


def foreign(path: Path, detector: str, detail: str) -> str:
    """Return the sentence for weights of another architecture."""
    return f"{path} holds weights of another architecture than {detector}: {detail}; give a checkpoint of {detector}."


def _first_mismatch(message: str) -> str:
    """Shorten the first "size mismatch" line of ``load_state_dict``'s message; other messages lose their newlines."""
    pattern = r"size mismatch for (\S+): .*?shape (torch\.Size\(.*?\)).*?shape in current model is (torch\.Size\(.*?\))"
    match = re.search(pattern, message)
    if match is None:
        return " ".join(message.split())
    name, given, wanted = match.groups()
    return f"shape mismatch of {name!r}, {_plain(given)} in the file, {_plain(wanted)} needed"


def _plain(size: str) -> str:
    return size.removeprefix("torch.Size(").removesuffix(")")
