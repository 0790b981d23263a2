"""Checks of a set that ``lqbench data build`` wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic import sha256_of_file
from ..box_check import LIST
from ..coco import read_coco
from ..errors import UserError
from ..images import read_image
from .built import FACTS, IMAGES, MANIFEST, annotation_file, read_facts
from .check_annotations import check_areas, check_boxes
from .finding import Finding, problems_or
from .journal import read_journal
from .pool import work
from .tables import read_manifest

AREA_TOLERANCE = 1e-9
"""Relative difference of areas from the annotated ones times the scale, which is computed once more in float64."""


def check_built(folder: Path, workers: int, on_progress: Callable[[int, int], None]) -> Iterator[Finding]:
    """Yield the findings on a built set: checksums, sizes, strays, boxes and areas.

    Raises:
        UserError: The folder is no built set.
    """
    journal = read_journal(folder)
    if journal is not None:
        text = f"the build is not finished, {len(journal[1])} images are done; run `lqbench data build` again"
        yield Finding("build", "problem", text)
    if journal is not None and not (folder / FACTS).is_file():
        return
    facts = read_facts(folder)
    spec, identity = facts["spec"], facts["identity"]
    yield Finding("build", "ok", f"{spec['name']}, split {identity['split']}, fingerprint {facts['fingerprint']}")
    yield from problems_or(
        "checksums", _table_problems(folder, facts), "the annotations and the manifest are unchanged"
    )
    try:
        rows = read_manifest(folder / MANIFEST)
    except (OSError, ValueError) as error:
        yield Finding("manifest", "problem", f"{folder / MANIFEST} cannot be read ({error}); build the set again")
        return
    yield from _count(facts, rows)
    yield from _images(folder, rows, workers, on_progress)
    yield from _annotations(folder, identity["split"], tuple(spec["classes"]), rows)


def _table_problems(folder: Path, facts: dict[str, Any]) -> Iterator[str]:
    for name, wanted in facts["sha256"].items():
        path = folder / name
        if not path.is_file():
            yield f"{path} is missing; build the set again"
        elif sha256_of_file(path) != wanted:
            yield f"{path} was changed after it was built; build the set again"


def _count(facts: dict[str, Any], rows: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    wanted = facts["facts"]["images"]
    wrong = [] if len(rows) == wanted else [f"the manifest has {len(rows)} images, but {FACTS} says {wanted}"]
    yield from problems_or("count", wrong, f"{wanted} images")


def _images(
    folder: Path, rows: Sequence[dict[str, Any]], workers: int, on_progress: Callable[[int, int], None]
) -> Iterator[Finding]:
    """Yield images that are missing, changed, broken or of another size, and files that no one knows."""
    found: dict[int, str] = {}
    check = _CheckImage(folder / IMAGES, rows)
    for done, (index, problem) in enumerate(work(check, range(len(rows)), workers), start=1):
        on_progress(done, len(rows))
        if problem:
            found[index] = problem
    problems = [found[index] for index in sorted(found)]
    known = {row["file"] for row in rows}
    strays = sorted(path.name for path in (folder / IMAGES).glob("*") if path.name not in known)
    problems += [f"{folder / IMAGES / name} is not in the manifest; remove it" for name in strays]
    ok = f"{len(rows)} images have the checksum of the manifest, decode and have its size"
    yield from problems_or("images", problems, ok)


@dataclass(frozen=True)
class _CheckImage:
    """Checks one image; sent to worker processes."""

    folder: Path
    rows: Sequence[dict[str, Any]]

    def __call__(self, index: int) -> str:
        row = self.rows[index]
        path = self.folder / row["file"]
        if not path.is_file():
            return f"{path} is missing; build the set again"
        if sha256_of_file(path) != row["sha256"]:
            return f"{path} was changed after it was built; build the set again"
        try:
            read_image(path, (row["height"], row["width"]))
        except UserError as error:
            return str(error)
        return ""


def _annotations(
    folder: Path, split: str, classes: tuple[str, ...], rows: Sequence[dict[str, Any]]
) -> Iterator[Finding]:
    """Yield what is wrong with the boxes and areas of the COCO file."""
    file = annotation_file(folder, split)
    try:
        source = read_coco(file, folder / IMAGES, classes, invalid_boxes=LIST)
        yield from check_boxes(source)
        yield from check_areas(source)
        document = json.loads(file.read_bytes())
        ok = "areas are the annotated ones times the scale"
        yield from problems_or("areas", _area_problems(document, rows), ok)
    except UserError as error:
        yield Finding("annotations", "problem", str(error))


def _area_problems(document: dict[str, Any], rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield annotations whose area is not the annotated one in degraded pixels squared."""
    factors = {row["image_id"]: _factor(row) for row in rows}
    sources = {image["id"]: image.get("source_id") for image in document["images"]}
    for entry in document["annotations"]:
        factor = factors.get(sources[entry["image_id"]])
        if factor is None:
            yield f"annotation {entry['id']} is of image {entry['image_id']}, which is not in the manifest"
            continue
        wanted = entry.get("area_annotated", 0.0) * factor
        if abs(entry["area"] - wanted) > AREA_TOLERANCE * max(wanted, 1.0):
            yield f"annotation {entry['id']}: area is {entry['area']}, but area_annotated times the scale is {wanted}"


def _factor(row: dict[str, Any]) -> float:
    """Return degraded pixels squared per annotated pixel squared."""
    sx = row["clean_width"] / row["annotated_width"] * row["scale_x"]
    return sx * (row["clean_height"] / row["annotated_height"] * row["scale_y"])
