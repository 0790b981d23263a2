"""What a finished cell left behind: counts, metrics, timing and provenance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from .cell import Cell

RECORD_VERSION = 1
SEEDS = {
    "images": "sha256 of (dataset name, dataset version, image id)",
    "batch": "sha256 of (the seed of the batch's first image), for Python, numpy and torch, before each batch",
}
"""Where all seeds of a cell come from (``datasets.seeds.stable_seed``): from names, so there is no number to keep."""


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
    host: str = ""
    """Name of the machine. This field and those below are empty in records older than them."""
    gpu: str = ""
    """Name of the card; empty on a CPU."""
    driver: str = ""
    """Version of NVIDIA's driver; empty on a CPU, and where it does not tell."""
    cuda: str = ""
    """Version of CUDA that torch was built with; empty on a CPU."""
    memory_gb: float | None = None
    """Main memory of the machine, in 10^9 bytes."""
    environment: str = ""
    """sha256 over the sorted ``name==version`` lines of all installed distributions."""


class EngineFacts(BaseModel):
    """What ran the cells; no number depends on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """inline, ray or slurm."""
    workers: int = 1
    """Processes that computed at the same time."""
    threads: int = 0
    """Processor threads of each; 0 in records older than the field."""


class WeightsFile(BaseModel):
    """A file of weights that a method loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The file's name, without its folder."""
    sha256: str


class Metrics(BaseModel):
    """Numbers computed from one file of stored detections.

    They are tied to what they come from on both sides: by ``detections_sha256`` to the detections, and by the cell's
    dataset fingerprint to the ground truth, whose stored copy must name the same fingerprint before it is scored with
    (``Store.ground_truth``).
    """

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
    finished: str = ""
    """ISO 8601, UTC; empty in records older than the field, as are all below that have a default."""
    seconds: dict[str, float]
    """Wall seconds by phase: setup, detect, restore, score."""
    provenance: Provenance
    metrics: Metrics | None = None
    cost: RestorationCost | None = None
    """None where the method restores nothing or does not tell, and in records older than the field."""
    dataset_facts: dict[str, Any] = {}
    """Title, protocol, degradation, settings, metric and area frame of the dataset as run."""
    method_card: dict[str, Any] = {}
    seeds: dict[str, str] = {}
    """Which random streams there were, and from what names the seed of each derives; see ``SEEDS``."""
    notes: tuple[str, ...] = ()
    """What happened on the way, such as a batch size that was halved because the GPU was out of memory."""
    engine: EngineFacts | None = None
    weights: tuple[WeightsFile, ...] = ()
    """Files of weights that the method loaded, in the order of its settings."""
