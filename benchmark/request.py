"""What a user asked to be computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..results.cell import Precision


@dataclass(frozen=True)
class Request:
    """What a user asked for.

    Attributes:
        methods: Method names.
        datasets: Dataset names.
        detectors: Detector names; empty for each dataset's default.
        weights: The detector's checkpoint; None to look for it.
        data_root: Where data lies; None for the environment or the user configuration.
        split: None for each dataset's default.
        limit: Number of images; None for all.
        invalid_boxes: "error" or "drop".
        degrade: A further degradation on top of each dataset's own, in the mini language; empty for none.
        config: Path or name of the file that describes a detector of mmdet; None where there is none.
        sr_weights: Weights of the super-resolution and restoration networks, by method.
        precision: In which numbers methods compute.
        leave_out: Pairs of method and dataset that are not wanted.
    """

    methods: tuple[str, ...]
    datasets: tuple[str, ...]
    detectors: tuple[str, ...] = ()
    weights: Path | None = None
    data_root: Path | None = None
    split: str | None = None
    limit: int | None = None
    invalid_boxes: str = "error"
    degrade: str = ""
    config: str | None = None
    sr_weights: Mapping[str, Path] = field(default_factory=dict)
    precision: Precision = "float32"
    leave_out: frozenset[tuple[str, str]] = frozenset()

    def wants(self, method: str, dataset: str) -> bool:
        """Tell whether a method is to run on a dataset."""
        return (method, dataset) not in self.leave_out
