"""Tracks made of COCO 2017: COCO-d, its single degradations, and COCO at a quarter or an eighth of 300x300.

Image counts: val2017 5,000 and train2017 118,287 (cocodataset.org and its mirrors' cards). Archive addresses are those
that the site publishes, sizes those of the archives.
"""

from __future__ import annotations

from typing import Any

from ..classes import COCO_CLASSES
from ..spec import DatasetSpec, Requirement

ARCHIVES = "http://images.cocodataset.org"
FOLDERS = (".", "coco", "COCO", "coco2017")
LICENCE = "annotations CC BY 4.0; images under the terms of Flickr"
AERIS_SOURCE = "github.com/cuiziteng/ECCV_AERIS at 42ab63c"
AERIS_PROTOCOL = (
    "Each image is degraded once by blur (none, isotropic or anisotropic Gaussian; widths are variances), "
    "down-sampling by a factor between 1 and 4 (nearest, bilinear or bicubic) and noise (sigma up to 25/255), in this "
    "order, as in AERIS (Cui et al., ECCV 2022). "
)
SINGLE_PROTOCOL = (
    " The constants are those of the script data_gen.py of the AERIS repository, which makes one degradation at a "
    "time: variant=head is its last version (42ab63c), variant=v1 its first (1aa145c). Which of them the paper's "
    "tables of single degradations used is unknown. No JPEG coding follows."
)
VOC_LR_PROTOCOL = (
    "Images are resized to 300x300 without regard to their shape, then reduced by antialiased bicubic interpolation, "
    "as in TDSR (Haris et al., ICONIP 2021). "
)
LR_SETTINGS = {"blur_var_px2": 0, "noise_sigma_255": 0}
LR_CHOICES = {"blur_var_px2": ("0", "2.4", "3"), "noise_sigma_255": ("0", "10", "25")}
LR_VARIANTS = (
    " TDSR also shows blurred and noisy images, without their strengths: blur_var_px2 blurs the image before it is "
    "reduced by a Gaussian of that variance in its own pixels (3 and 2.4 are the fixed blurs of AERIS), "
    "noise_sigma_255 adds Gaussian noise after it (10 is the fixed noise of AERIS). Any number can be chosen."
)
LOW_SIZES = {
    4: "Low resolution is 75x75.",
    8: "300 / 8 = 37.5 is no whole size and the paper does not say how it rounds: here the 300x300 image is extended "
    "to 304x304 by repeating its last column and row, low resolution is 38x38 and the scale is exactly 1/8.",
}
"""Down-sampling factor to what is said of its size."""


def requirements() -> tuple[Requirement, ...]:
    """List what the COCO 2017 splits need."""
    sizes = {"val2017": "816 MB, 5,000 images", "train2017": "19.3 GB, 118,287 images"}
    images = [
        Requirement(
            path=split,
            part="images",
            names=(f"images/{split}",),
            split=split,
            source=f"{ARCHIVES}/zips/{split}.zip",
            note=note,
        )
        for split, note in sizes.items()
    ]
    annotations = [
        Requirement(
            path=f"annotations/instances_{split}.json",
            part="annotations",
            split=split,
            source=f"{ARCHIVES}/annotations/annotations_trainval2017.zip",
            note="253 MB",
        )
        for split in sizes
    ]
    return (*annotations, *images)


def _coco(name: str, title: str, protocol: str, degradation: str, **fields: Any) -> DatasetSpec:
    """Return COCO 2017 under a degradation."""
    shared: dict[str, Any] = {"default_detector": "yolox-nano", "embedded_twin": "scenes-d"}
    return DatasetSpec(
        name=name,
        version="1",
        title=title,
        protocol=protocol,
        reader="coco",
        classes=COCO_CLASSES,
        splits=("val2017", "train2017"),
        default_split="val2017",
        degradation=degradation,
        official_images={"val2017": 5000, "train2017": 118287},
        folders=FOLDERS,
        requirements=requirements(),
        licence=LICENCE,
        **(shared | fields),
    )


def _single(
    name: str, degradation: str, title: str, protocol: str, choices: dict[str, tuple[str, ...]] | None = None
) -> DatasetSpec:
    """Return COCO 2017 under one of the degradations that AERIS measures alone.

    Args:
        name: What follows ``coco-d-``.
        degradation: Name of the recipe.
        title: What the degradation is, in a few words.
        protocol: The constants; what all single degradations share is appended.
        choices: Settings of the recipe that may be chosen besides the version of the constants.
    """
    more = choices or {}
    first = {key: int(values[0]) if values[0].isdigit() else values[0] for key, values in more.items()}
    return _coco(
        f"coco-d-{name}",
        f"COCO-d, {title} alone, on COCO 2017",
        protocol + SINGLE_PROTOCOL,
        degradation,
        settings={"variant": "head", **first},
        choices={"variant": ("head", "v1"), **more},
        sources=("cocodataset.org", AERIS_SOURCE, "the same repository at 1aa145c"),
    )


def _coco_lr(factor: int) -> DatasetSpec:
    """Return COCO 2017 at a down-sampling factor, the test of TDSR's Table 2."""
    return _coco(
        f"coco-lr-x{factor}",
        f"COCO-LR x{factor}: COCO 2017 at 1/{factor} of 300x300",
        VOC_LR_PROTOCOL + LOW_SIZES[factor] + " Boxes follow the image; COCO's size buckets are measured in pixels of "
        "the image as annotated, as usual where detections are scaled back to it." + LR_VARIANTS,
        "voc-lr",
        settings={"factor": factor, "hr_size": 300, **LR_SETTINGS},
        choices=LR_CHOICES,
        free_choices=tuple(LR_CHOICES),
        area_frame="annotated",
        default_detector="ssd300_vgg16",
        embedded_twin=f"scenes-lr-x{factor}",
        sources=("cocodataset.org", "TDSR, ICONIP 2021, Table 2", "arXiv 1803.11316"),
    )


COCO_D = _coco(
    "coco-d",
    "COCO-d: blur, low resolution and noise on COCO 2017",
    AERIS_PROTOCOL
    + "The published COCO-d images and their generator are not available, so this is a seeded re-creation with the "
    "published ranges, stored by nobody and the same everywhere; the factor is drawn in tenths. Boxes and areas are "
    "scaled with the image and kept as floats, and COCO's size buckets are measured in degraded pixels (whether the "
    "paper rescaled areas is unknown). No JPEG coding follows.",
    "aeris",
    sources=("cocodataset.org", AERIS_SOURCE),
)
COCO_D_ISO_BLUR = _single(
    "iso-blur",
    "blur-iso",
    "isotropic blur",
    "Each image is blurred by one Gaussian kernel of 17x17 pixels, equally wide in all directions: variance 3.0 "
    "(head) or 2.4 (v1) pixels squared.",
)
COCO_D_ANISO_BLUR = _single(
    "aniso-blur",
    "blur-aniso",
    "anisotropic blur",
    "Each image is blurred by one Gaussian kernel of 17x17 pixels with variances 5 and 2.3 pixels squared, turned by "
    "a third of pi.",
)
COCO_D_NOISE = _single(
    "noise",
    "noise",
    "noise",
    "Gaussian noise is added, independent in every pixel and channel: sigma=fixed is 10/255 everywhere, sigma=random "
    "is drawn for each image from 5/255 to 50/255.",
    {"sigma": ("fixed", "random")},
)
COCO_D_RESOLUTION = _single(
    "resolution",
    "resolution",
    "low resolution",
    "Each image is down-sampled by 2, or by 4 with factor=4, without antialiasing by nearest, bilinear or bicubic "
    "interpolation, drawn for each image.",
    {"factor": ("2", "4")},
)
COCO_LR_X4 = _coco_lr(4)
COCO_LR_X8 = _coco_lr(8)
