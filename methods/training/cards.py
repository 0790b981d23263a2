"""The JSON card beside a weight file: everything that makes the weights reproducible."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel

from ...datasets.atomic import replacing
from ...datasets.dataset import Dataset
from ..weights import sha256_of
from .checkpoints import BEST, LAST, best_figure
from .heldout import HeldOut
from .request import FitRequest

PACKAGES = ("torch", "torchvision", "lightning", "numpy", "safetensors")
"""Whose versions the card names, since the weights depend on them."""


def chosen_checkpoint(request: FitRequest) -> Path:
    """Return the checkpoint whose weights are used: the best one where there was a validation, else the last."""
    best = request.work / BEST
    return best if best.is_file() else request.work / LAST


def request_facts(request: FitRequest, architecture: str, recipe: BaseModel) -> dict[str, Any]:
    """Return what was asked for, which any card begins with."""
    return {
        "name": request.method,
        "architecture": architecture,
        "command": list(request.command),
        "seed": request.seed,
        "config_name": request.config,
        "config": recipe.model_dump(mode="json"),
    }


def source_facts(source: Dataset, learnt: Sequence[int]) -> dict[str, Any]:
    """Return what was learnt from: the dataset, and how many of its images."""
    return {
        "classes": list(source.classes),
        "dataset": source.spec.name,
        "dataset_version": source.spec.version,
        "dataset_fingerprint": source.fingerprint,
        "split": source.split,
        "images": len(learnt),
    }


def run_facts(request: FitRequest, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of any training after its weight file is written.

    Args:
        request: What was asked for.
        chosen: The checkpoint whose weights were written.
    """
    return {
        **weight_facts(request.out),
        "device": request.device,
        "processes": request.devices * request.nodes,
        **machine_facts(),
        "steps": int(chosen["global_step"]),
        "epoch": int(chosen["epoch"]) + 1,
    }


def weight_facts(weights: Path) -> dict[str, Any]:
    """Return the content of a weight file in short."""
    return {"weights_sha256": sha256_of(weights), "bytes": weights.stat().st_size}


def machine_facts() -> dict[str, Any]:
    """Return what trained weights depend on besides the command: threads, platform and packages."""
    return {
        "threads": torch.get_num_threads(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def validation_facts(held_out: HeldOut, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a training was validated on, and the figure that chose among its checkpoints."""
    return {
        "dataset": held_out.dataset.spec.name,
        "split": held_out.dataset.split,
        "images": len(held_out),
        "degraded": not held_out.clean,
        "fingerprint": held_out.fingerprint,
        **best_figure(chosen),
    }


def write_card(weights: Path, facts: Mapping[str, Any]) -> None:
    """Write the card of a weight file beside it."""
    with replacing(weights.with_suffix(".json")) as partial:
        partial.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
