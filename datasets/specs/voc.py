"""Tracks made of PASCAL VOC 2007: a quarter or an eighth of 300x300.

Image counts: test 4,952, trainval 5,011, train 2,501, val 2,510 (host.robots.ox.ac.uk/pascal/VOC/voc2007). Sizes are
those of the archives, md5 sums those that torchvision.datasets checks.
"""

from __future__ import annotations

from ..classes import VOC_CLASSES
from ..spec import DatasetSpec, Requirement
from .coco import LOW_SIZES, LR_CHOICES, LR_SETTINGS, LR_VARIANTS, VOC_LR_PROTOCOL

ARCHIVES = "http://host.robots.ox.ac.uk/pascal/VOC/voc2007"
HOME = "VOCdevkit/VOC2007"
FOLDERS = (HOME, "VOC2007", ".", "VOC", "VOC/VOCdevkit/VOC2007", "VOC/VOC2007")


def _requirements() -> tuple[Requirement, ...]:
    """List what the VOC2007 splits need; the archives unpack to the folder VOCdevkit. "all" needs no split list."""
    test = ("VOCtest_06-Nov-2007.tar", "451 MB, md5 b6e924de25625d8de591ea690078ad9f")
    trainval = ("VOCtrainval_06-Nov-2007.tar", "460 MB, md5 c52e279531787c972589f7e41ab4ae64")
    archives = {"test": test, "trainval": trainval, "train": trainval, "val": trainval, "all": test}
    return tuple(
        requirement
        for split, (archive, note) in archives.items()
        for requirement in voc_parts(HOME, split, f"{ARCHIVES}/{archive}", note, listed=split != "all")
    )


def voc_parts(home: str, split: str, source: str, note: str, *, listed: bool) -> tuple[Requirement, ...]:
    """Return the parts of a data set in VOC's layout, for one split.

    Args:
        home: The data set's folder below the data root.
        split: The split's name.
        source: Where to get it.
        note: Size and checksum, as far as published.
        listed: Whether ``ImageSets/Main`` has a list of the split.
    """
    parts = [
        Requirement(path=f"{home}/Annotations", part="annotations", split=split, source=source, note=note),
        Requirement(path=f"{home}/JPEGImages", part="images", names=("images",), split=split, source=source, note=note),
    ]
    path = f"{home}/ImageSets/Main/{split}.txt"
    return (*parts, *([Requirement(path=path, part="list", split=split, source=source, note=note)] if listed else []))


def _voc_lr(factor: int) -> DatasetSpec:
    """Return VOC at a down-sampling factor."""
    return DatasetSpec(
        name=f"voc-lr-x{factor}",
        version="1",
        title=f"VOC-LR x{factor}: PASCAL VOC2007 at 1/{factor} of 300x300",
        protocol=VOC_LR_PROTOCOL + LOW_SIZES[factor] + " VOC's 1-based inclusive pixel indices become continuous "
        "coordinates (x1 = xmin - 1, x2 = xmax) and are scaled to 300x300, then by the factor. Metric: 11-point AP at "
        "IoU 0.5 of VOC2007, difficult objects ignored." + LR_VARIANTS,
        reader="voc",
        classes=VOC_CLASSES,
        splits=("test", "trainval", "train", "val", "all"),
        default_split="test",
        degradation="voc-lr",
        settings={"factor": factor, "hr_size": 300, **LR_SETTINGS},
        choices=LR_CHOICES,
        free_choices=tuple(LR_CHOICES),
        metric="voc07",
        default_detector="ssd300_vgg16",
        official_images={"test": 4952, "trainval": 5011, "train": 2501, "val": 2510},
        folders=FOLDERS,
        requirements=_requirements(),
        embedded_twin=f"scenes-lr-x{factor}",
        licence="annotations of the PASCAL VOC challenge; images under the terms of Flickr",
        sources=("host.robots.ox.ac.uk/pascal/VOC/voc2007", "arXiv 1803.11316"),
    )


VOC_LR_X4 = _voc_lr(4)
VOC_LR_X8 = _voc_lr(8)
