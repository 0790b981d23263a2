"""The fingerprint of an opened dataset: equal fingerprints mean equal images, boxes and degradations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from .source import update_digest
from .spec import DatasetSpec
from .types import Boxes, ImageRecord

CONTENT_FIELDS = ("name", "version", "reader", "classes", "degradation", "settings", "metric", "area_frame")
"""Fields of a specification that detections or their scores depend on. A reworded title is no other dataset."""

OPTIONAL_FIELDS = ("recipe", "options", "ignored_classes")
"""Further such fields; they count where they are not empty."""


def dataset_fingerprint(
    spec: DatasetSpec, split: str, source_digest: str, records: Sequence[ImageRecord], boxes: Sequence[Boxes]
) -> str:
    """Return the sha256 hex digest of all that results depend on; no path enters, so a moved folder keeps it.

    Args:
        spec: The dataset's specification.
        split: The split's name.
        source_digest: Digest of annotations and image files, see ``Source.digest``.
        records: All images, with seeds and drawn parameters.
        boxes: All boxes in degraded pixels.
    """
    optional = {field for field in OPTIONAL_FIELDS if getattr(spec, field)}
    content = spec.model_dump(mode="json", include={*CONTENT_FIELDS, *optional})
    digest = hashlib.sha256(_text([content, split, source_digest]))
    for record, image_boxes in zip(records, boxes, strict=True):
        digest.update(_text(_record_values(record)))
        for column in (
            *(image_boxes.xyxy, image_boxes.labels, image_boxes.areas),
            *(image_boxes.areas_annotated, image_boxes.crowd, image_boxes.difficult),
        ):
            update_digest(digest, column)
    return digest.hexdigest()


def _record_values(record: ImageRecord) -> list[Any]:
    """Return a record's content without its path."""
    sizes = (record.annotated_size, record.clean_size, record.size, record.scale)
    return [record.image_id, record.seed, *map(list, sizes), dict(record.parameters)]


def _text(value: Any) -> bytes:
    """Return canonical JSON: sorted keys, no spaces, shortest exact floats, nothing that is not a number."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
