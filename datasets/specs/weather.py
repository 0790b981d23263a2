"""Tracks of photographs taken in bad weather: RTTS and DAWN.

Layouts: github.com/BIGWangYuDong/lqit (docs/en/prepare_data/rtts.md) for RTTS; the copy of DAWN's fog set in
github.com/ankitaS11/Vechicle-Detection-in-Adverse-Weather (7037faa) for DAWN.
"""

from __future__ import annotations

from ..spec import DatasetSpec, Requirement
from .voc import voc_parts

REAL_PROTOCOL = "Photographs as taken: nothing is degraded and no clean images exist. "
RTTS_SOURCE = "https://sites.google.com/view/reside-dehaze-datasets (RTTS.zip)"
RTTS_SPLITS = ("all", "test", "train", "val")
DAWN_SOURCE = "https://data.mendeley.com/datasets/766ygrbt8y/3 (archives Fog.zip, Rain.zip, Sand.zip, Snow.zip)"
DAWN_WEATHERS = ("fog", "rain", "sand", "snow")


def _dawn_parts(weather: str) -> tuple[Requirement, ...]:
    """Return the folders of one weather: images, and XML files in a folder among them."""
    title = weather.capitalize()
    return (
        Requirement(path=f"DAWN/{title}/{title}_PASCAL_VOC", part="annotations", split=weather, source=DAWN_SOURCE),
        Requirement(path=f"DAWN/{title}", part="images", split=weather, source=DAWN_SOURCE),
    )


def _rtts_parts(split: str) -> tuple[Requirement, ...]:
    """Return the folders of RTTS; the toolbox LQIT has the XML files under another name."""
    parts = voc_parts("RTTS", split, RTTS_SOURCE, "", listed=split != "all")
    renamed = {"annotations": ("annotations_xml",)}
    return tuple(part.model_copy(update={"names": renamed.get(part.part, part.names)}) for part in parts)


RTTS = DatasetSpec(
    name="rtts",
    version="1",
    title="RTTS: photographs in real haze",
    protocol=REAL_PROTOCOL + "The test set of RESIDE with boxes of five classes; metric: COCO's AP, as in recent "
    "detection papers. Split lists in ImageSets/Main are used where present under these names; they differ between "
    "papers, so the default is all annotated images.",
    reader="voc",
    classes=("person", "bicycle", "car", "bus", "motorbike"),
    splits=RTTS_SPLITS,
    default_split="all",
    degradation="none",
    clean="none",
    default_detector="yolox-nano",
    embedded_twin="scenes-fog",
    folders=("RTTS", "RESIDE/RTTS", "rtts"),
    requirements=tuple(part for split in RTTS_SPLITS for part in _rtts_parts(split)),
    licence="none stated; collected for research",
    sources=("arXiv 1712.04143", "sites.google.com/view/reside-dehaze-datasets"),
)
DAWN = DatasetSpec(
    name="dawn",
    version="1",
    title="DAWN: traffic photographs in fog, rain, sand and snow",
    protocol=REAL_PROTOCOL + "The four weathers are the splits, fog by default. Boxes were drawn by the authors of the "
    "set.",
    reader="voc",
    classes=("person", "bicycle", "car", "motorcycle", "bus", "train", "truck"),
    splits=DAWN_WEATHERS,
    default_split="fog",
    degradation="none",
    clean="none",
    default_detector="yolox-nano",
    embedded_twin="scenes-fog",
    official_images={"fog": 300},
    folders=("DAWN", "dawn"),
    requirements=tuple(part for weather in DAWN_WEATHERS for part in _dawn_parts(weather)),
    licence="published for research",
    sources=("arXiv 2008.05402",),
)
