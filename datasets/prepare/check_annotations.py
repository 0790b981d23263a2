"""Checks of what annotations say, without reading a pixel: counts, classes, boxes, areas, names of foggy images."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..source import Source
from ..spec import DatasetSpec
from .finding import Finding, problems_or

AREA_LIMIT = 1.02
"""Area over width times height above which an area cannot be the box's own: COCO's masks reach 1.0003 by rounding."""
MEDIAN_RANGE = (0.1, AREA_LIMIT)
"""Where the median of that ratio lies if areas and boxes are in the same pixels: COCO about 0.6, VOC 1."""
BETA = re.compile(r"_beta_(\d+(?:\.\d+)?)")


def check_annotations(spec: DatasetSpec, split: str, source: Source, *, subset: bool) -> Iterator[Finding]:
    """Yield the findings on a source that was opened under the policy ``box_check.LIST``.

    Args:
        spec: What the dataset should be.
        split: The split.
        source: Its annotated images.
        subset: Whether fewer images than published are fine.
    """
    yield _count(spec, split, source, subset)
    yield from _classes(spec, source)
    yield from check_boxes(source)
    yield from check_areas(source)
    if "beta" in spec.options:
        yield from problems_or("beta", _beta_problems(spec, source), f"all file names say beta {spec.options['beta']}")


def check_boxes(source: Source) -> Iterator[Finding]:
    """Yield boxes of no width or height, or outside of their image."""
    boxes = sum(len(image.annotations) for image in source.images)
    invalid = source.notes.get("invalid_boxes", [])
    yield from problems_or("boxes", invalid, f"{boxes} boxes, all with an area and inside their image")
    clipped = source.notes.get("clipped_boxes", 0)
    if clipped:
        yield Finding("boxes", "note", f"{clipped} boxes reach up to 2 px beyond their image and are clipped")


def check_areas(source: Source) -> Iterator[Finding]:
    """Yield whether areas are in the same pixels as the boxes."""
    notes = [image.annotations for image in source.images]
    ratios = np.concatenate([n.areas / np.prod(n.xyxy[:, 2:] - n.xyxy[:, :2], axis=1) for n in notes])
    if not len(ratios):
        yield Finding("areas", "note", "there is no box")
        return
    median, low, high = float(np.median(ratios)), *MEDIAN_RANGE
    if not low <= median <= high:
        yield Finding(
            "areas",
            "problem",
            f"the median of area / (width x height) of the boxes is {median:.3g}: areas and boxes are not in the same "
            "pixels, so scale the areas by the square of the factor of the boxes",
        )
        return
    larger = int((ratios > AREA_LIMIT).sum())
    state = "note" if larger else "ok"
    told = f", {larger} areas are larger than their box" if larger else ""
    yield Finding("areas", state, f"area / (width x height) has the median {median:.2f}{told}")


def _count(spec: DatasetSpec, split: str, source: Source, subset: bool) -> Finding:
    """Compare the number of images with the published one."""
    found, official = len(source.images), spec.official_images.get(split)
    if official is None:
        return Finding("count", "note", f"{found} images; how many {split} officially has is not published")
    if found == official:
        return Finding("count", "ok", f"{found} images, as published")
    text = f"{found} images, but {split} officially has {official}"
    if found > official:
        return Finding("count", "problem", f"{text}; the annotations are of another release")
    if subset:
        return Finding("count", "note", f"{text}; results are marked as those of a subset")
    return Finding("count", "problem", f"{text}; get the whole set, or pass --subset if that is meant")


def _classes(spec: DatasetSpec, source: Source) -> Iterator[Finding]:
    """Tell the order of classes, those that nothing is annotated with, and objects that were left out."""
    order = source.notes.get("class_order_in_file")
    if order is not None:
        yield Finding(
            "classes",
            "problem",
            f"the annotation file lists its classes as {', '.join(order)}, not in the order of {spec.name} "
            f"({', '.join(spec.classes)}); here labels follow the names, tools that go by ids would mix them up",
        )
    counts = Counter(int(label) for image in source.images for label in image.annotations.labels)
    empty = [name for label, name in enumerate(spec.classes) if not counts[label]]
    used = len(spec.classes) - len(empty)
    if order is None:
        yield Finding("classes", "ok", f"{used} of {len(spec.classes)} classes have objects")
    if empty:
        yield Finding("classes", "note", f"no object of {', '.join(empty)}")
    for name, number in source.notes.get("ignored_objects", {}).items():
        yield Finding("classes", "note", f"{number} objects of {name} are left out")


def _beta_problems(spec: DatasetSpec, source: Source) -> Iterator[str]:
    """Yield images whose name says another fog density, and files that the annotations do not know."""
    wanted = spec.options["beta"]
    for image in source.images:
        said = BETA.findall(image.file)
        if said[-1:] != [wanted]:
            yield f"{image.file} should say _beta_{wanted} in its name"
    folders = {Path(image.file).parents[1] for image in source.images}
    found = Counter(said for folder in folders for file in folder.glob("*/*.png") for said in BETA.findall(file.name))
    for beta, number in sorted(found.items()):
        if beta not in spec.choices["beta"]:
            yield f"{number} files say beta {beta}, which is none of {', '.join(spec.choices['beta'])}"
        elif number != len(source.images):
            yield f"{number} files say beta {beta}, but {len(source.images)} frames are annotated"
