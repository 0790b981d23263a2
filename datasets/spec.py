"""What a dataset is, as data: name, version, protocol, classes, sources and what a user must bring."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

PartName = Literal["annotations", "images", "list", "clean", "disparity", "camera"]
"""What a reader asks for: an annotation file or folder, the folder of images, a split list, the folder of clear images
that pair with degraded ones, and two folders that distances are computed from."""


class Requirement(BaseModel):
    """One thing a user must bring, named with where to get it and where it must lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """Relative to the data root, such as ``annotations/instances_val2017.json``; begins with the data set's folder."""
    part: PartName
    """What the reader uses it for."""
    split: str = ""
    """The split that needs it; empty where every split does."""
    source: str
    """Where to get it."""
    note: str = ""
    """Size, licence or checksum, as far as published."""
    names: tuple[str, ...] = ()
    """Other paths that serve as well, relative to the data set's folder."""
    optional: bool = False
    """True where the dataset runs without it; what is lost then is said in the protocol."""


class DatasetSpec(BaseModel):
    """A named, versioned, degraded test set with its protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    """Raised whenever pixels or boxes change; part of every per-image seed."""
    title: str
    protocol: str
    """How images and boxes are made and which convention is followed, in a few sentences."""
    reader: Literal["coco", "voc", "scenes", "cityscapes"]
    classes: tuple[str, ...]
    splits: tuple[str, ...]
    default_split: str
    degradation: str
    """Name of the degradation recipe, see ``datasets.degradations``; ``none`` for images that are read as they are."""
    settings: dict[str, Any] = {}
    """Settings of the recipe, such as ``{"factor": 4}``."""
    recipe: str = ""
    """A further degradation on top, in the words of ``--degrade``; empty for none."""
    options: dict[str, str] = {}
    """Settings of the reader, such as ``{"beta": "0.02"}``."""
    choices: dict[str, tuple[str, ...]] = {}
    """Options or settings that may be chosen by ``name:key=value``, each with its values, the default first."""
    free_choices: tuple[str, ...] = ()
    """Choices that take any number that the degradation accepts; their values in ``choices`` are examples."""
    choices_of_images: tuple[str, ...] = ()
    """Choices that leave images out, so that the official numbers of images hold for their default alone."""
    ignored_classes: tuple[str, ...] = ()
    """Class names of the annotations whose objects are left out and counted in the notes."""
    clean: Literal["source", "pair", "none"] = "source"
    """Where clean images come from: "source" where the images that are read are clean, "pair" where a clear image lies
    beside each degraded one, "none" where no clean image exists."""
    metric: Literal["coco", "voc07"] = "coco"
    """The primary metric of the track's protocol."""
    area_frame: Literal["degraded", "annotated"] = "degraded"
    """In which pixels the size buckets of COCO's AP_S, AP_M and AP_L are measured."""
    default_detector: str
    official_images: dict[str, int] = {}
    """Number of images of each split where it is published; a smaller set at hand is called a subset."""
    embedded: bool = False
    """True where nothing has to be brought."""
    folders: tuple[str, ...] = (".",)
    """Folders below the data root in which the data set is looked for; requirements are told for the first."""
    requirements: tuple[Requirement, ...] = ()
    places: dict[str, dict[PartName, Path]] = {}
    """Split to part to path, for datasets that are named by a path; nothing is looked for then."""
    seed_name: str = ""
    """Name that per-image seeds derive from; empty for ``name``. Variants of a dataset share it, so that the same image
    gets the same draws under all of them."""
    embedded_twin: str = ""
    """The embedded dataset that shows the same degradation at once."""
    licence: str = ""
    sources: tuple[str, ...] = ()

    @property
    def track(self) -> str:
        """The name that this dataset shares with its variants: without choices and further degradations."""
        return self.seed_name or self.name
