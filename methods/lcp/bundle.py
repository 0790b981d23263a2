"""Which weights come with the project; imports no torch."""

from __future__ import annotations

from pathlib import Path

BUNDLE = Path(__file__).with_name("weights")
"""Where they lie, as ``<method>-<dataset>.safetensors``; all know the embedded scenes alone."""

CLEAR = ("cascade-rcnn", "scenes-clean")
"""Method and dataset of the weights that the others begin with, and of the detector ``cascade-mini``."""


def bundled(method: str, dataset: str) -> Path | None:
    """Return the weights of a method for a dataset; None where none come with the project.

    Args:
        method: The method's name.
        dataset: The name of the dataset's track.
    """
    path = BUNDLE / f"{method}-{dataset}.safetensors"
    return path if path.is_file() else None
