"""Tracks made of Cityscapes: clear, in fog, and two sets in rain.

Layout, file names, image counts and package sizes: github.com/mcordts/cityscapesScripts (README, labels.py,
downloader.py), github.com/sakaridis/fog_simulation-SFSU_synthetic (lists of Foggy Cityscapes),
github.com/xw-hu/DAF-Net (lists of RainCityscapes), github.com/xiaoDetection/learning-cruxes-to-push (the LCP release).
"""

from __future__ import annotations

from typing import Any

from ..classes import CITYSCAPES_CLASSES
from ..spec import DatasetSpec, PartName, Requirement

SITE = "https://www.cityscapes-dataset.com/downloads (free registration)"
LICENCE = "Cityscapes terms of use: research only, registration needed, no redistribution"
FOLDERS = ("cityscapes", "Cityscapes", ".", "data/cityscapes")
LCP_FOLDERS = ("city", "data/city")
LCP_RELEASE = (
    "https://github.com/xiaoDetection/learning-cruxes-to-push/releases/download/release_datasets/rainy_cityscapes.zip"
)
SPLITS = ("val", "train")
BOX_RULES = ("mmdet", "dafrcnn")
BETAS = ("0.02", "0.005", "0.01")
BOX_PROTOCOL = (
    "Cityscapes has no boxes of its own; they are the tight boxes of the visible pixels of each instance of 8 classes, "
    "taken from gtFine (instanceIds.png, or the polygons drawn in the same way). boxes=mmdet follows mmdet's "
    "converter: groups that annotators could not separate, such as cargroup, are crowd regions whose matches are "
    "ignored, areas are those of the masks. boxes=dafrcnn follows the preparation of DA-Faster-RCNN, common in domain "
    "adaptation: groups are ordinary objects and areas are those of the boxes. "
)


def _package(part: PartName, folder: str, package: str, note: str = "", *, optional: bool = False) -> list[Requirement]:
    """Return what a package of the Cityscapes site brings for each split."""
    return [
        Requirement(
            path=f"cityscapes/{folder}/{split}",
            part=part,
            split=split,
            source=f"{package} from {SITE}",
            note=note,
            optional=optional,
        )
        for split in SPLITS
    ]


_GT_FINE = _package("annotations", "gtFine", "gtFine_trainvaltest.zip", "241 MB")
_CLEAR = ("leftImg8bit", "leftImg8bit_trainvaltest.zip", "11 GB")
_DISTANCES = [
    *_package("disparity", "disparity", "disparity_trainvaltest.zip", optional=True),
    *_package("camera", "camera", "camera_trainvaltest.zip", "2 MB", optional=True),
]


def _cityscapes(name: str, title: str, protocol: str, ending: str, **fields: Any) -> DatasetSpec:
    """Return a track in the layout of the Cityscapes site.

    Args:
        name: The track's name.
        title: One line.
        protocol: What the images are; the box rule is appended.
        ending: What follows city, sequence and frame in image names, with options in braces.
        fields: Further fields of the specification.
    """
    options = {"boxes": BOX_RULES[0], "ending": ending, **fields.pop("options", {})}
    choices = {"boxes": BOX_RULES, **fields.pop("choices", {})}
    return DatasetSpec(
        name=name,
        version="1",
        title=title,
        protocol=protocol + BOX_PROTOCOL,
        reader="cityscapes",
        classes=CITYSCAPES_CLASSES,
        splits=SPLITS,
        default_split="val",
        degradation="none",
        options=options,
        choices=choices,
        default_detector="yolox-nano",
        folders=FOLDERS,
        licence=LICENCE,
        **fields,
    )


CITYSCAPES = _cityscapes(
    "cityscapes",
    "Cityscapes: street scenes in clear weather",
    "Nothing is degraded; the same frames and boxes as foggy-cityscapes. ",
    "_leftImg8bit.png",
    official_images={"val": 500, "train": 2975},
    requirements=(*_GT_FINE, *_package("images", *_CLEAR), *_DISTANCES),
    sources=("cityscapes-dataset.com", "github.com/mcordts/cityscapesScripts at 0bcc4a7"),
)
FOGGY_CITYSCAPES = _cityscapes(
    "foggy-cityscapes",
    "Foggy Cityscapes: synthetic fog of three densities",
    "The published foggy images are read as they are. Fog follows Koschmieder's law with an attenuation of beta per "
    "metre: 0.02 (the usual choice of detection papers, visibility 150 m), 0.01 (300 m) or 0.005 (599 m). The clear "
    "images of leftImg8bit, where present, serve methods that may see them. ",
    "_leftImg8bit_foggy_beta_{beta}.png",
    options={"beta": BETAS[0]},
    choices={"beta": BETAS},
    clean="pair",
    embedded_twin="scenes-fog",
    official_images={"val": 500, "train": 2975},
    requirements=(
        *_GT_FINE,
        *_package("images", "leftImg8bit_foggy", "leftImg8bit_trainvaltest_foggy.zip"),
        *_package("clean", *_CLEAR, optional=True),
    ),
    sources=("cityscapes-dataset.com", "arXiv 1708.07819", "github.com/sakaridis/fog_simulation-SFSU_synthetic"),
)
RAINY_CITYSCAPES_HU = _cityscapes(
    "rainy-cityscapes-hu",
    "RainCityscapes (Hu et al.): rain and haze in 36 variants of each frame",
    "The published rainy images are read as they are: 3 intensities (alpha of the streaks, beta of the haze and drop "
    "size move together) times 12 streak patterns for each of 262 training and 33 test frames (the test frames lie in "
    "the folder val). alpha and pattern choose some of them; all by default, so every frame counts 36 times. The clear "
    "images of leftImg8bit, where present, serve methods that may see them. Not the set that LCP calls "
    "Rainy-Cityscapes, see rainy-cityscapes. ",
    "_leftImg8bit_rain_{rain}_pattern_{pattern}.png",
    options={"alpha": "all", "pattern": "all"},
    choices={
        "alpha": ("all", "0.01", "0.02", "0.03"),
        "pattern": ("all", *(str(number) for number in range(1, 13))),
    },
    choices_of_images=("alpha", "pattern"),
    clean="pair",
    embedded_twin="scenes-rain",
    official_images={"val": 1188, "train": 9432},
    requirements=(
        *_GT_FINE,
        *_package("images", "leftImg8bit_rain", "leftImg8bit_trainval_rain.zip", "about 21 GB"),
        *_package("clean", *_CLEAR, optional=True),
    ),
    sources=("cityscapes-dataset.com", "Hu et al., CVPR 2019", "github.com/xw-hu/DAF-Net at ebf08cf"),
)


def _lcp(name: str, title: str, protocol: str, twin: str, images: Requirement) -> DatasetSpec:
    """Return a track in the layout of the LCP release: flat folders and COCO files that all its city sets share."""
    splits = ("test2017", "trainval2017")
    annotations = [
        Requirement(
            path=f"city/annotations/instances_{split}.json", part="annotations", split=split, source=LCP_RELEASE
        )
        for split in splits
    ]
    pairs = Requirement(
        path="city/city_images",
        part="clean",
        source=f"leftImg8bit_trainvaltest.zip from {SITE}",
        note="saved as .jpg in one folder",
        optional=True,
    )
    return DatasetSpec(
        name=name,
        version="1",
        title=title,
        protocol=protocol
        + "Boxes are those of the release's COCO files, which serve its clear, foggy and rainy images "
        "alike; by which rule they were made is unknown, and so are the numbers of images. city_images, where present, "
        "holds the clear images under the same names.",
        reader="coco",
        classes=CITYSCAPES_CLASSES,
        splits=splits,
        default_split="test2017",
        degradation="none",
        clean="pair",
        default_detector="yolox-nano",
        embedded_twin=twin,
        folders=LCP_FOLDERS,
        requirements=(*annotations, images, pairs),
        licence=LICENCE,
        sources=("doi 10.1109/TCSVT.2024.3432580", "github.com/xiaoDetection/learning-cruxes-to-push at 48cd911"),
    )


RAINY_CITYSCAPES = _lcp(
    "rainy-cityscapes",
    "Rainy-Cityscapes of the LCP release: one rainy image of each frame",
    "The published rainy images are read as they are; how they were made is unknown. Not RainCityscapes of Hu et al. "
    "with its 36 variants, see rainy-cityscapes-hu. ",
    "scenes-rain",
    Requirement(path="city/rainy_city_images", part="images", source=LCP_RELEASE),
)
FOGGY_CITYSCAPES_LCP = _lcp(
    "foggy-cityscapes-lcp",
    "Foggy Cityscapes in the layout of the LCP release",
    "Foggy Cityscapes' images saved as .jpg in one folder under the names of the clear frames; which beta LCP took is "
    "unknown. ",
    "scenes-fog",
    Requirement(
        path="city/foggy_city_images",
        part="images",
        source=f"leftImg8bit_trainvaltest_foggy.zip from {SITE}",
        note="saved as .jpg in one folder under the names of the clear images",
    ),
)
