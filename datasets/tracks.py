"""The suite's datasets of photographs as data. Facts carry their sources; what no source tells is said to be unknown.

Image counts: COCO val2017 5,000 and train2017 118,287 (cocodataset.org and its mirrors' cards); VOC2007 test 4,952,
trainval 5,011, train 2,501, val 2,510 (host.robots.ox.ac.uk/pascal/VOC/voc2007). Archive addresses are those that both
sites publish, sizes those of the archives, md5 sums those that torchvision.datasets checks.
"""

from __future__ import annotations

from .classes import COCO_CLASSES, VOC_CLASSES
from .spec import DatasetSpec, Requirement

COCO_ARCHIVES = "http://images.cocodataset.org"
VOC_ARCHIVES = "http://host.robots.ox.ac.uk/pascal/VOC/voc2007"
AERIS_PROTOCOL = (
    "Each image is degraded once by blur (none, isotropic or anisotropic Gaussian; widths are variances), "
    "down-sampling by a factor between 1 and 4 (nearest, bilinear or bicubic) and noise (sigma up to 25/255), in this "
    "order, as in AERIS (Cui et al., ECCV 2022). "
)
VOC_LR_PROTOCOL = (
    "Images are resized to 300x300 without regard to their shape, then reduced by antialiased bicubic interpolation, "
    "as in TDSR (Haris et al., ICONIP 2021). "
)


def _coco_requirements() -> tuple[Requirement, ...]:
    """List what the COCO 2017 splits need."""
    sizes = {"val2017": "816 MB, 5,000 images", "train2017": "19.3 GB, 118,287 images"}
    images = [
        Requirement(path=split, split=split, source=f"{COCO_ARCHIVES}/zips/{split}.zip", note=note)
        for split, note in sizes.items()
    ]
    annotations = [
        Requirement(
            path=f"annotations/instances_{split}.json",
            split=split,
            source=f"{COCO_ARCHIVES}/annotations/annotations_trainval2017.zip",
            note="253 MB",
        )
        for split in sizes
    ]
    return (*annotations, *images)


def _voc_requirements() -> tuple[Requirement, ...]:
    """List what the VOC2007 splits need; the archives unpack to the folder VOCdevkit."""
    test = ("VOCtest_06-Nov-2007.tar", "451 MB, md5 b6e924de25625d8de591ea690078ad9f")
    trainval = ("VOCtrainval_06-Nov-2007.tar", "460 MB, md5 c52e279531787c972589f7e41ab4ae64")
    archives = {"test": test, "trainval": trainval, "train": trainval, "val": trainval, "all": test}
    return tuple(
        Requirement(path=f"VOCdevkit/VOC2007/{part}", split=split, source=f"{VOC_ARCHIVES}/{archive}", note=note)
        for split, (archive, note) in archives.items()
        for part in ("Annotations", "JPEGImages", *((f"ImageSets/Main/{split}.txt",) if split != "all" else ()))
    )


COCO_D = DatasetSpec(
    name="coco-d",
    version="1",
    title="COCO-d: blur, low resolution and noise on COCO 2017",
    protocol=AERIS_PROTOCOL
    + "The published COCO-d images and their generator are not available, so this is a seeded re-creation with the "
    "published ranges, stored by nobody and the same everywhere; the factor is drawn in tenths. Boxes and areas are "
    "scaled with the image and kept as floats, and COCO's size buckets are measured in degraded pixels (whether the "
    "paper rescaled areas is unknown). No JPEG coding follows.",
    reader="coco",
    classes=COCO_CLASSES,
    splits=("val2017", "train2017"),
    default_split="val2017",
    degradation="aeris",
    default_detector="yolox-nano",
    official_images={"val2017": 5000, "train2017": 118287},
    requirements=_coco_requirements(),
    embedded_twin="scenes-d",
    licence="annotations CC BY 4.0; images under the terms of Flickr",
    sources=("cocodataset.org", "github.com/cuiziteng/ECCV_AERIS at 42ab63c"),
)


def _voc_lr(factor: int, sizes: str) -> DatasetSpec:
    """Return VOC at a down-sampling factor."""
    return DatasetSpec(
        name=f"voc-lr-x{factor}",
        version="1",
        title=f"VOC-LR x{factor}: PASCAL VOC2007 at 1/{factor} of 300x300",
        protocol=VOC_LR_PROTOCOL + sizes + " VOC's 1-based inclusive pixel indices become continuous coordinates "
        "(x1 = xmin - 1, x2 = xmax) and are scaled to 300x300, then by the factor. Metric: 11-point AP at IoU 0.5 of "
        "VOC2007, difficult objects ignored.",
        reader="voc",
        classes=VOC_CLASSES,
        splits=("test", "trainval", "train", "val", "all"),
        default_split="test",
        degradation="voc-lr",
        settings={"factor": factor, "hr_size": 300},
        metric="voc07",
        default_detector="ssd300_vgg16",
        official_images={"test": 4952, "trainval": 5011, "train": 2501, "val": 2510},
        requirements=_voc_requirements(),
        embedded_twin=f"scenes-lr-x{factor}",
        licence="annotations of the PASCAL VOC challenge; images under the terms of Flickr",
        sources=("host.robots.ox.ac.uk/pascal/VOC/voc2007", "arXiv 1803.11316"),
    )


VOC_LR_X4 = _voc_lr(4, "Low resolution is 75x75.")
VOC_LR_X8 = _voc_lr(
    8,
    "300 / 8 = 37.5 is no whole size and the paper does not say how it rounds: here the 300x300 image is extended to "
    "304x304 by repeating its last column and row, low resolution is 38x38 and the scale is exactly 1/8.",
)
