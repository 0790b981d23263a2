"""Tracks of underwater photographs: URPC2020 in two releases, DFUI, DUO and RUOD.

Layouts and counts: github.com/BIGWangYuDong/lqit (docs/en/prepare_data and configurations),
github.com/xiaoDetection/learning-cruxes-to-push and Learning-Heavily-Degraded-Prior (READMEs),
github.com/dlut-dimt/RUOD.
"""

from __future__ import annotations

from typing import Any

from ..classes import URPC_CLASSES
from ..spec import DatasetSpec, PartName, Requirement

LHDP = "https://github.com/xiaoDetection/Learning-Heavily-Degraded-Prior/releases/download/datasets"
LCP = "https://github.com/xiaoDetection/learning-cruxes-to-push/releases/download/release_datasets"
CONTEST = "https://openi.pcl.ac.cn/OpenOrcinus_orca/URPC_opticalimage_dataset/datasets"
CONTEST_LICENCE = "no open licence found; access once required a signed commitment, so do not redistribute"
WEED_PROTOCOL = (
    "Objects of the class waterweeds, which earlier releases and some mirrors annotate, are left out and counted in "
    "the notes. "
)
REAL_PROTOCOL = "Photographs as taken: nothing is degraded and no clean images exist. "
RUOD_CLASSES = (*URPC_CLASSES, "fish", "corals", "diver", "cuttlefish", "turtle", "jellyfish")


def _underwater(name: str, title: str, protocol: str, splits: tuple[str, ...], **fields: Any) -> DatasetSpec:
    """Return a track of photographs taken under water; the first split is the default."""
    shared: dict[str, Any] = {"reader": "coco", "classes": URPC_CLASSES, "clean": "none"}
    return DatasetSpec(
        name=name,
        version="1",
        title=title,
        protocol=protocol,
        splits=splits,
        default_split=splits[0],
        degradation="none",
        default_detector="mini",
        embedded_twin="scenes-underwater",
        **(shared | fields),
    )


def _coco_parts(
    home: str, splits: tuple[str, ...], images: str, source: str, names: tuple[str, ...] = ()
) -> tuple[Requirement, ...]:
    """Return COCO files ``annotations/instances_<split>.json`` and image folders, ``{split}`` in them filled in."""
    annotations = [
        Requirement(path=f"{home}/annotations/instances_{split}.json", part="annotations", split=split, source=source)
        for split in splits
    ]
    folders = [
        Requirement(
            path=f"{home}/{images.format(split=split)}",
            part="images",
            split=split,
            source=source,
            names=tuple(name.format(split=split) for name in names),
        )
        for split in splits
    ]
    return (*annotations, *folders)


def _contest_parts() -> tuple[Requirement, ...]:
    """Return the folders of the contest's release, VOC XML beside images for each of its three sets."""
    parts: dict[PartName, str] = {"annotations": "box", "images": "image"}
    return tuple(
        Requirement(
            path=f"urpc2020/{split}-{folder}", part=part, split=split, source=CONTEST, names=(f"{split}/{folder}",)
        )
        for split in ("train", "test-A", "test-B")
        for part, folder in parts.items()
    )


URPC2020 = _underwater(
    "urpc2020",
    "URPC2020: underwater photographs, the COCO release of LCP and its predecessor",
    REAL_PROTOCOL + WEED_PROTOCOL + "Split sizes are not published. The contest's own release is urpc2020-voc.",
    ("test", "train"),
    ignored_classes=("waterweeds",),
    folders=("urpc2020", "URPC2020", "data/urpc2020"),
    requirements=_coco_parts("urpc2020", ("test", "train"), "images", f"{LCP}/urpc2020.zip"),
    licence=CONTEST_LICENCE,
    sources=("github.com/xiaoDetection/learning-cruxes-to-push at 48cd911", f"{LHDP}/urpc2020.zip"),
)
URPC2020_VOC = _underwater(
    "urpc2020-voc",
    "URPC2020: underwater photographs, the contest's VOC release",
    REAL_PROTOCOL + WEED_PROTOCOL + "The contest's files give no image sizes; they are read from the images.",
    ("test-A", "test-B", "train"),
    reader="voc",
    ignored_classes=("waterweeds",),
    official_images={"train": 5543, "test-A": 800, "test-B": 1200},
    folders=("urpc2020", "URPC2020", "URPC_opticalimage_dataset"),
    requirements=_contest_parts(),
    licence=CONTEST_LICENCE,
    sources=("heywhale competition 5e535a612537a0002ca864ac", CONTEST, "github.com/BIGWangYuDong/lqit at 9211719"),
)
DFUI = _underwater(
    "dfui",
    "DFUI: underwater photographs that a detector does well on",
    "The training photographs of URPC2020 and URPC2021 on which a Cascade R-CNN trained on URPC2020 reaches an AP of "
    "at least 60 in the single image; nothing is degraded. They overlap the training set of URPC2020, and whether "
    "those of 2021 overlap its test set is unknown. " + WEED_PROTOCOL,
    ("trainval2017",),
    clean="source",
    ignored_classes=("waterweeds",),
    folders=("dfui", "data/dfui"),
    requirements=_coco_parts("dfui", ("trainval2017",), "images", f"{LHDP}/dfui.zip"),
    licence=CONTEST_LICENCE,
    sources=("github.com/xiaoDetection/Learning-Heavily-Degraded-Prior at 383c2cb, issue 4",),
)
DUO = _underwater(
    "duo",
    "DUO: the URPC photographs, annotated anew",
    REAL_PROTOCOL + "The layout is that of the published archive: annotations/ and images/<split>/.",
    ("test", "train"),
    folders=("DUO", "duo", "data/DUO"),
    requirements=_coco_parts("DUO", ("test", "train"), "images/{split}", "https://github.com/chongweiliu/DUO"),
    licence="none stated",
    sources=("arXiv 2106.05681", "github.com/chongweiliu/DUO"),
)
RUOD = _underwater(
    "ruod",
    "RUOD: underwater photographs of ten classes",
    REAL_PROTOCOL + "The published folders RUOD_ANN and RUOD_pic serve as well as annotations/ and <split>/.",
    ("test", "train"),
    classes=RUOD_CLASSES,
    official_images={"test": 4200, "train": 9800},
    folders=("RUOD", "ruod", "data/RUOD"),
    requirements=tuple(
        requirement.model_copy(update={"names": (f"RUOD_ANN/instances_{requirement.split}.json",)})
        if requirement.part == "annotations"
        else requirement
        for requirement in _coco_parts(
            "RUOD", ("test", "train"), "{split}", "https://github.com/dlut-dimt/RUOD", ("RUOD_pic/{split}",)
        )
    ),
    licence="none stated",
    sources=("doi 10.1016/j.neucom.2022.10.039", "github.com/dlut-dimt/RUOD"),
)
