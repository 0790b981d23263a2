"""A cell: one method on one dataset under fixed settings. Its key is the hash of all that its numbers depend on."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from pydantic import BaseModel, ConfigDict


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

    @property
    def key(self) -> str:
        """Return the 12-hex-digit key of the cell."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

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
        parts = [self.method, self.detector, self.dataset, self.split]
        readable = "__".join(re.sub(r"[^A-Za-z0-9.-]+", "-", part) for part in parts if part)
        return f"{readable}__{self.key}"
