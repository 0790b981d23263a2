"""What a dataset is, as data: name, version, protocol, classes, sources and what a user must bring."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Requirement(BaseModel):
    """One thing a user must bring, named with where to get it and where it must lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """Relative to the data root, such as ``annotations/instances_val2017.json``."""
    split: str = ""
    """The split that needs it; empty where every split does."""
    source: str
    """Where to get it."""
    note: str = ""
    """Size, licence or checksum, as far as published."""


class DatasetSpec(BaseModel):
    """A named, versioned, degraded test set with its protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    """Raised whenever pixels or boxes change; part of every per-image seed."""
    title: str
    protocol: str
    """How images and boxes are made and which convention is followed, in a few sentences."""
    reader: Literal["coco", "voc", "scenes"]
    classes: tuple[str, ...]
    splits: tuple[str, ...]
    default_split: str
    degradation: str
    """Name of the degradation recipe, see ``datasets.degradations``; ``none`` for clean tracks."""
    settings: dict[str, Any] = {}
    """Settings of the recipe, such as ``{"factor": 4}``."""
    metric: Literal["coco", "voc07"] = "coco"
    """The primary metric of the track's protocol."""
    area_frame: Literal["degraded", "annotated"] = "degraded"
    """In which pixels the size buckets of COCO's AP_S, AP_M and AP_L are measured."""
    default_detector: str
    official_images: dict[str, int] = {}
    """Number of images of each split where it is published; a smaller set at hand is called a subset."""
    embedded: bool = False
    """True where nothing has to be brought."""
    requirements: tuple[Requirement, ...] = ()
    embedded_twin: str = ""
    """The embedded dataset that shows the same degradation at once."""
    licence: str = ""
    sources: tuple[str, ...] = ()
