"""Analyses kept in a store: ``analysis/<cell.directory>/analysis.safetensors``, one file a cell.

The file is in the format of safetensors. Its header says what the analysis was made from; one that says otherwise, or
whose arrays do not have the hash that it names, counts for nothing and is made anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...results.atomic import make_folder, sha256_of_file, write_bytes
from ...results.record import Record
from ...results.store import Store

FOLDER = "analysis"
FILE = "analysis.safetensors"
VERSION = 1
"""Of the format and of the way that the numbers are computed; raised whenever either changes."""

_HEADER = "lqbench"
_REPLICATES, _IMAGE, _AP = "replicates/", "image_ap/image", "image_ap/ap"


@dataclass(frozen=True, slots=True)
class CacheFacts:
    """What an analysis is made from; any difference makes a stored one stale.

    Attributes:
        directory: Folder name of the cell, which holds its key.
        detections_sha256: Of the cell's stored detections.
        quality_sha256: Of the cell's table of image quality; empty where there is none.
        replicates: Number of bootstrap replicates.
        seed: Of their draw.
        version: ``VERSION``.
    """

    directory: str
    detections_sha256: str
    quality_sha256: str
    replicates: int
    seed: int
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class StoredArrays:
    """An analysis as it is stored.

    Attributes:
        replicates: Metric name to float64 (R + 1,).
        tide: Kind of error to what it costs; None for none.
        image: int64 (I,), image of each value in ``ap``.
        ap: float64 (I,).
    """

    replicates: dict[str, NDArray[np.float64]]
    tide: dict[str, float] | None
    image: NDArray[np.int64]
    ap: NDArray[np.float64]


def facts_of(store: Store, record: Record, replicates: int, seed: int) -> CacheFacts:
    """Return what the analysis of a scored cell is made from."""
    quality = store.cell_path(record.cell) / "quality.parquet"
    detections = record.metrics.detections_sha256 if record.metrics else ""
    hashed = sha256_of_file(quality) if quality.is_file() else ""
    return CacheFacts(record.cell.directory, detections, hashed, replicates, seed)


def read_cached(store: Store, facts: CacheFacts) -> StoredArrays | None:
    """Return a stored analysis; None where there is none, or it is stale or damaged."""
    from safetensors import SafetensorError, safe_open

    path = _path(store, facts)
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get(_HEADER, "{}"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except (OSError, ValueError, SafetensorError):
        return None
    if header.get("facts") != asdict(facts) or header.get("arrays_sha256") != _hash(arrays):
        return None
    replicates = {name: arrays[_REPLICATES + name] for name in header["metrics"]}
    return StoredArrays(replicates, header["tide"], arrays[_IMAGE], arrays[_AP])


def write_cached(store: Store, facts: CacheFacts, stored: StoredArrays) -> None:
    """Store an analysis, whole or not at all; the bytes depend on its content alone.

    Raises:
        WriteError: The store cannot be written.
    """
    from safetensors.numpy import save

    arrays = {_REPLICATES + name: np.ascontiguousarray(values) for name, values in stored.replicates.items()}
    arrays |= {_IMAGE: stored.image, _AP: stored.ap}
    header: dict[str, Any] = {
        "facts": asdict(facts),
        "metrics": list(stored.replicates),
        "tide": stored.tide,
        "arrays_sha256": _hash(arrays),
    }
    path = _path(store, facts)
    make_folder(path.parent)
    # One entry: safetensors writes several in no fixed order.
    write_bytes(path, save(arrays, {_HEADER: json.dumps(header)}))


def _path(store: Store, facts: CacheFacts) -> Path:
    return store.path / FOLDER / facts.directory / FILE


def _hash(arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape} ".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
