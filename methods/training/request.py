"""What ``lqbench train`` hands to a method's ``fit``. Importing this module costs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ...datasets.types import Boxes, Detections, ImageRecord

Tell = Callable[[str], None]
"""Shows one line of progress to the user."""


class MeasurableSet(Protocol):
    """What is needed of a set of images to measure detections on it; ``datasets.dataset.Dataset`` fits."""

    classes: tuple[str, ...]
    records: tuple[ImageRecord, ...]
    boxes: tuple[Boxes, ...]
    fingerprint: str

    def facts(self) -> dict[str, Any]:
        """Return title, protocol, degradation and the like, JSON-able."""
        ...


Measure = Callable[[MeasurableSet, Sequence[tuple[int, Detections]]], Mapping[str, float | None]]
"""Returns COCO's figures of (image index, detections) pairs on a set of images."""


def silent(line: str) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class FitRequest:
    """One training: what, on what, where.

    Attributes:
        method: Name of the method or of its variant.
        dataset: Name of the track to train on.
        config: Name of one of the method's configs, or the path of a YAML file.
        out: The weight file to write.
        seed: Decides initial weights, crops, their order and degradations.
        overrides: ``field=value`` texts that replace single fields of the config.
        epochs: Replaces the config's number of epochs; None keeps it.
        data_root: Where data lies that is not embedded.
        device: "auto", "cpu", "cuda" or "cuda:<index>".
        devices: Processes on each machine, one device each.
        nodes: Machines.
        resume: Go on from the last checkpoint of the same training.
        rich: Show a live progress bar instead of one line an epoch.
        tell: Where lines of progress go.
        measure: Measures detections on held-out images; None trains without validation.
        command: The command line that makes the same weights, for the weight file.
    """

    method: str
    dataset: str
    config: str
    out: Path
    seed: int = 0
    overrides: tuple[str, ...] = ()
    epochs: int | None = None
    data_root: Path | None = None
    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    resume: bool = False
    rich: bool = False
    tell: Tell = silent
    measure: Measure | None = None
    command: tuple[str, ...] = ()

    @property
    def work(self) -> Path:
        """Folder of checkpoints, logs and cached pixels."""
        return self.out.with_suffix(".work")
