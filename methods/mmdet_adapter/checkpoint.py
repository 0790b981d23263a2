"""Read mmdet checkpoints without running any code in them.

A checkpoint of a training holds, beside tensors and plain values, objects of its log: mmengine's history buffers and
numpy arrays. They are read as nothing. Any other object makes the file unreadable here.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from ...datasets.errors import UserError

_LOG_OBJECTS = (
    "mmengine.logging.history_buffer.HistoryBuffer",
    # Python pickles the bound methods of a history buffer through this name.
    *("builtins.getattr", "__builtin__.getattr"),
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *("numpy.ndarray", "numpy.dtype"),
)
"""Full names of what a training's log is made of."""

_FORBIDDEN = re.compile(r"GLOBAL (\S+)|unrecognized function|Can only (?:build|create new object)")
"""What torch says of an object that it refuses to read."""


class _Nothing:
    """Takes the place of an object of the log: accepts all that the file says of it and keeps none of it."""

    def __init__(self, *_: object) -> None:
        pass

    def __new__(cls, *_: object) -> _Nothing:
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is used of a checkpoint.

    Attributes:
        path: The file.
        state: Tensors by name.
        classes: Class names by label; None where the file names none.
    """

    path: Path
    state: dict[str, Tensor]
    classes: tuple[str, ...] | None


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint written by mmengine, by mmcv, or a bare state dict (.pth, .pt or .safetensors).

    Raises:
        UserError: The file is damaged, holds objects other than tensors, plain values and logs, or no state dict.
    """
    content = _load(path)
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not state or not all(isinstance(v, Tensor) for v in state.values()):
        raise UserError(
            f'{path} holds no weights: an mmdet checkpoint is a dictionary with tensors by name under "state_dict".'
        )
    # The dictionary itself is kept, for it carries the versions of its modules, by which mmcv converts old names.
    tensors = state if isinstance(state, OrderedDict) else OrderedDict(state)
    consume_prefix_in_state_dict_if_present(tensors, "module.")
    meta = content.get("meta") if state is not content else None
    return Checkpoint(path, tensors, _classes(meta))


def _load(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except Exception as error:  # safetensors raises classes of its own
            raise UserError(f"{path} cannot be read as safetensors ({error}); it is damaged or none.") from error
    try:
        with torch.serialization.safe_globals([(_Nothing, name) for name in _LOG_OBJECTS]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch raise a dozen classes for a damaged file
        raise UserError(_unreadable(path, error)) from error


def _unreadable(path: Path, error: Exception) -> str:
    found = _FORBIDDEN.search(str(error))
    if found is None:
        return f"{path} cannot be read as a checkpoint ({type(error).__name__}); it is damaged or none."
    convert = (
        "import torch; "
        f"c = torch.load({str(path)!r}, weights_only=False); "
        "meta = {'dataset_meta': c.get('meta', {}).get('dataset_meta')}; "
        "torch.save({'state_dict': c['state_dict'], 'meta': meta}, 'plain.pth')"
    )
    what = f"a Python object ({found[1]})" if found[1] else "Python objects"
    return (
        f"{path} holds {what} beside its weights, and reading it could run code, so it is not read; "
        f'if you trust the file, keep its weights only: python -c "{convert}"'
    )


def _classes(meta: Any) -> tuple[str, ...] | None:
    """Return the class names in a checkpoint's meta data: of mmdet 3.x, or under the name that mmdet 2.x used."""
    if not isinstance(meta, Mapping):
        return None
    dataset = meta.get("dataset_meta")
    places = ({str(k).lower(): v for k, v in dataset.items()} if isinstance(dataset, Mapping) else {}, meta)
    found = places[0].get("classes") or places[1].get("CLASSES")
    return as_names(found)


def as_names(found: Any) -> tuple[str, ...] | None:
    """Return class names as a tuple; None for anything else."""
    if isinstance(found, str):
        return (found,)
    if isinstance(found, list | tuple) and found and all(isinstance(name, str) for name in found):
        return tuple(found)
    return None
