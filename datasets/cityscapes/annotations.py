"""Sizes and boxes of many frames. Computing them takes some 30 ms a frame, so whole splits are remembered on disk."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..source import AnnotatedObject, Annotations
from .files import ANNOTATION_ENDINGS, Frame
from .ground_truth import draw_instance_ids, read_instance_ids
from .instances import BoxRule, boxes_of_instances

RULES_VERSION = 1
"""Raised whenever boxes change, so that nothing older is read from the cache."""
WORTH_CACHING = 40
"""Number of frames from which on boxes are written to the cache."""


@dataclass(frozen=True, slots=True)
class FrameAnnotations:
    """Size and boxes of one frame.

    Attributes:
        size: (height, width), pixels.
        boxes: Its objects.
        groups: How many of them are groups.
        drawn: Whether they come from polygons, not from the published instance image.
    """

    size: tuple[int, int]
    boxes: Annotations
    groups: int
    drawn: bool


def read_annotations(folder: Path, frames: Sequence[Frame], rule: BoxRule) -> list[FrameAnnotations]:
    """Return sizes and boxes of frames, from the cache if the annotation files are those seen before.

    Args:
        folder: ``gtFine/<split>``.
        frames: The frames, each once.
        rule: Which rule makes the boxes.

    Raises:
        UserError: A frame has no annotation, or a broken one.
    """
    files = [_annotation_file(folder, frame) for frame in frames]
    stored = _cache_file(files, rule) if len(files) >= WORTH_CACHING else None
    known = _load(stored, len(files)) if stored else None
    if known is not None:
        return known
    computed = [_read(file, rule) for file in files]
    if stored:
        _save(stored, computed)
    return computed


def _annotation_file(folder: Path, frame: Frame) -> Path:
    """Return the instance image, or the polygons where there is none."""
    candidates = [frame.path(folder, ending) for ending in ANNOTATION_ENDINGS]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise UserError(
            f"the image of {frame.name} has no annotation {' or '.join(path.name for path in candidates)} in "
            f"{candidates[0].parent}; unpack gtFine_trainvaltest.zip completely."
        )
    return found


def _read(file: Path, rule: BoxRule) -> FrameAnnotations:
    drawn = file.suffix == ".json"
    ids = draw_instance_ids(file) if drawn else read_instance_ids(file)
    objects, groups = boxes_of_instances(ids, rule)
    return FrameAnnotations((ids.shape[0], ids.shape[1]), Annotations.of(objects), groups, drawn)


def _cache_file(files: Sequence[Path], rule: BoxRule) -> Path:
    """Return where the boxes of exactly these files, as they are now, are kept."""
    from ..scenes.cache import cache_root

    facts: list[Any] = [RULES_VERSION, rule]
    for file in files:
        status = file.stat()
        facts.append([file.name, status.st_size, status.st_mtime_ns])
    return cache_root() / "cityscapes" / f"{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]}.npz"


def _load(stored: Path, frames: int) -> list[FrameAnnotations] | None:
    """Read the cache; None where it has nothing, or nothing whole."""
    try:
        with np.load(stored, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        sizes, counts, facts = arrays["sizes"], arrays["counts"], arrays["facts"]
        if len(counts) != frames:
            return None
        ends = np.cumsum(counts)
        slices = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
        return [
            FrameAnnotations((int(size[0]), int(size[1])), _rows(arrays, part), int(fact[0]), bool(fact[1]))
            for size, part, fact in zip(sizes, slices, facts, strict=True)
        ]
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile):
        return None


def _rows(arrays: dict[str, Any], part: slice) -> Annotations:
    objects = zip(*(arrays[name][part].tolist() for name in ("xyxy", "labels", "areas", "crowd")), strict=True)
    return Annotations.of([AnnotatedObject((*xyxy,), label, area, crowd) for xyxy, label, area, crowd in objects])


def _save(stored: Path, computed: Sequence[FrameAnnotations]) -> None:
    """Write the cache by renaming a whole file; a cache that cannot be written costs time only."""
    boxes = [frame.boxes for frame in computed]
    temporary = None
    try:
        stored.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=stored.parent, suffix=".npz", delete=False) as file:
            temporary = Path(file.name)
            np.savez(
                file,
                sizes=np.array([frame.size for frame in computed]),
                counts=np.array([len(frame.boxes) for frame in computed]),
                facts=np.array([(frame.groups, frame.drawn) for frame in computed]),
                xyxy=np.concatenate([part.xyxy for part in boxes]),
                labels=np.concatenate([part.labels for part in boxes]),
                areas=np.concatenate([part.areas for part in boxes]),
                crowd=np.concatenate([part.crowd for part in boxes]),
            )
        temporary.replace(stored)
    except OSError:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
