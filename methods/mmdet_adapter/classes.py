"""Which class each label of an mmdet model stands for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from ...datasets.errors import UserError
from .checkpoint import Checkpoint, as_names
from .config import evaluated_dataset

if TYPE_CHECKING:
    from mmengine.config import Config

_BOX_HEAD = re.compile(r"(^|\.)bbox_head(\.\d+)?$")
"""Names of the modules that label boxes; a proposal network's head is not among them."""


def class_names(checkpoint: Checkpoint, config: Config, path: Path, model: nn.Module) -> tuple[str, ...]:
    """Return a model's class names by label: the checkpoint's own, else those that the config names.

    Args:
        checkpoint: Its meta data name the classes it was trained on.
        config: Names classes in the meta information of its test data set, or through that data set's type.
        path: The config's file.
        model: Built from the config.

    Raises:
        UserError: Neither names classes, or not as many as the model's head tells apart.
    """
    names, source = checkpoint.classes, checkpoint.path
    if names is None:
        names, source = _names_in(config), path
    if names is None:
        raise UserError(
            f"neither the checkpoint {checkpoint.path} (meta.dataset_meta.classes) nor the config {path} "
            f"(metainfo.classes of its test data set) names the classes; add `metainfo = dict(classes=(...))` to the "
            f"config."
        )
    heads = head_classes(model)
    if heads and len(names) not in heads:
        raise UserError(
            f"{source} names {len(names)} classes ({_some(names)}), but the config {path} builds a head for "
            f"{min(heads)}; give the checkpoint that belongs to the config, or set num_classes of its bbox_head."
        )
    return names


def head_classes(model: nn.Module) -> set[int]:
    """Return the numbers of classes of all box heads in a model; empty where none tells its number."""
    heads = (module for name, module in model.named_modules() if _BOX_HEAD.search(name))
    counts = (getattr(head, "num_classes", None) for head in heads)
    return {count for count in counts if isinstance(count, int)}


def _names_in(config: Config) -> tuple[str, ...] | None:
    """Return the class names of a config: of its test data set, its own meta information, or the data set's type."""
    from mmdet.registry import DATASETS

    dataset = evaluated_dataset(config)
    for meta in (dataset.get("metainfo"), config.get("metainfo"), {"classes": config.get("classes")}):
        names = as_names(meta.get("classes")) if isinstance(meta, dict) else None
        if names is not None:
            return names
    kind = dataset.get("type")
    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    return as_names(getattr(found, "METAINFO", {}).get("classes"))


def _some(names: tuple[str, ...], count: int = 3) -> str:
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more
