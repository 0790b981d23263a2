"""What a finished cell left behind: counts, metrics, timing and provenance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from .cell import Cell

RECORD_VERSION = 1


class Provenance(BaseModel):
    """Where and with what a cell was computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lqbench_version: str
    commit: str = "unknown"
    dirty: bool | None = None
    """True if the working tree had uncommitted changes; None outside a git checkout."""
    python: str
    platform: str
    cpu: str
    device: str
    """torch device string; for GPUs with the card's name."""
    packages: dict[str, str] = {}
    command: tuple[str, ...] = ()


class Metrics(BaseModel):
    """Numbers computed from one file of stored detections."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detections_sha256: str
    """Hash of the detections file that the numbers come from: numbers typed by hand have none."""
    values: dict[str, float | None]
    """Metric name to value: AP-type metrics in [0, 1], PSNR in dB; None where undefined (no objects of that kind)."""
    per_class: dict[str, dict[str, float | None]]
    """Metric name to class name to value."""
    scorer: str
    """Package and version that scored, such as ``faster-coco-eval 1.8.0``."""


class RestorationCost(BaseModel):
    """What restoring the images of a cell took, apart from detecting in them; see ``methods.sr.cost`` for the count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flops_mean: float
    """Floating-point operations of an image, mean over images; two for each multiply-accumulate."""
    flops_max: int
    """Those of the most costly image."""
    parameters: int
    """Numbers that the restoring network holds."""

    @staticmethod
    def of(costs: Sequence[tuple[int, int]], images: int) -> RestorationCost | None:
        """Return the cost of a cell; None unless it is known of each image, so that no mean is over a part of them.

        Args:
            costs: (FLOPs, parameters) by image, in any order.
            images: Number of images of the cell.
        """
        if not costs or len(costs) != images:
            return None
        flops = [each for each, _ in costs]
        return RestorationCost(
            flops_mean=sum(flops) / images,
            flops_max=max(flops),
            parameters=max(parameters for _, parameters in costs),
        )


class Record(BaseModel):
    """The record of one cell, stored as ``record.json`` beside its detections."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = RECORD_VERSION
    cell: Cell
    status: Literal["done", "failed"]
    error: str = ""
    """Tail of the traceback of a failed cell."""
    images: int
    """Images evaluated."""
    images_official: int | None = None
    """Images of the full split where published; a smaller ``images`` means a subset."""
    detections: int
    started: str
    """ISO 8601, UTC."""
    seconds: dict[str, float]
    """Wall seconds by phase: setup, detect, restore, score."""
    provenance: Provenance
    metrics: Metrics | None = None
    cost: RestorationCost | None = None
    """None where the method restores nothing or does not tell, and in records older than the field."""
    dataset_facts: dict[str, Any] = {}
    """Title, protocol, degradation, settings, metric and area frame of the dataset as run."""
    method_card: dict[str, Any] = {}
