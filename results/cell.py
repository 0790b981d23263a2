"""A cell: one method on one dataset under fixed settings. Its key is the hash of all that its numbers depend on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Precision = Literal["float32", "bfloat16", "float16"]


class Cell(BaseModel):
    """What is computed, by name and by content.

    Two cells with equal keys would give the same detections; a change of the method's source, its weights, its
    settings or the dataset's content changes the key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    method_settings: dict[str, Any] = {}
    """Plain values, including ``detector`` where the method has one behind it."""
    method_source: str
    """sha256 of the source files that the method's detections depend on."""
    weights_sha256: str = ""
    """Empty where the method has no weights."""
    dataset: str
    dataset_version: str
    split: str
    limit: int | None = None
    """Number of images asked for; None for all."""
    dataset_fingerprint: str
    """sha256 over the dataset's specification, image list, boxes and drawn degradation parameters."""
    precision: Precision = "float32"
    """In which numbers the method computes; lower ones by torch's autocast."""

    @property
    def key(self) -> str:
        """Return the 12-hex-digit key of the cell."""
        return key_of(self.model_dump(mode="json"))

    @property
    def detector(self) -> str:
        """Return the detector behind the method, or "" where the method brings its own.

        A detector that a config file describes is followed by the config's name: "mmdet:fcos_r50-caffe_fpn_gn-head".
        """
        config = self.method_settings.get("detector_config") or {}
        parts = (self.method_settings.get("detector", ""), config.get("name", ""))
        return ":".join(str(part) for part in parts if part)

    @property
    def directory(self) -> str:
        """Return the folder name: readable parts, then the key that makes it unique."""
        precision = "" if self.precision == "float32" else self.precision
        parts = [self.method, self.detector, self.dataset, self.split, precision]
        readable = "__".join(re.sub(r"[^A-Za-z0-9.-]+", "-", part) for part in parts if part)
        return f"{readable}__{self.key}"


def key_of(values: Mapping[str, Any]) -> str:
    """Return the key of a cell whose fields have these JSON-able values, as ``cell.json`` states them."""
    # Cells of the time before there was a choice of precision keep their keys.
    counted = {name: value for name, value in values.items() if (name, value) != ("precision", "float32")}
    text = json.dumps(counted, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
