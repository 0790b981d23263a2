"""What an unfinished cell has got so far: one file per range of images, from which a stopped run goes on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from .atomic import encode_parquet, make_folder, read_parquet, read_parquet_facts, write_bytes
from .tables import DETECTION_COLUMNS


@dataclass(frozen=True, slots=True)
class Chunk:
    """The images ``first <= index < stop`` of a cell."""

    first: int
    stop: int

    @property
    def file_name(self) -> str:
        """Return the name of the chunk's file."""
        return f"chunk-{self.first:06d}.parquet"


class ChunkGoneError(Exception):
    """A chunk is not there, or no longer: who finished the cell removes its chunks."""


WRITE_TRIES = 5
"""Attempts at keeping a chunk whose folder others remove at the same time."""


@dataclass(frozen=True)
class ChunkResult:
    """What was computed for a chunk.

    Attributes:
        detections: Table as of ``tables.detections_frame``.
        quality: Table as of ``tables.quality_frame``; without rows where the method does not restore.
        seconds: Wall seconds by phase.
        costs: (FLOPs, parameters) of restoring, by image; empty where the method does not tell.
        notes: Sentences on what went otherwise than asked for, such as a batch size that had to be halved.
    """

    detections: pd.DataFrame
    quality: pd.DataFrame
    seconds: dict[str, float]
    costs: list[tuple[int, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def encode_chunk(chunk: Chunk, result: ChunkResult, conditions: Mapping[str, Any]) -> bytes:
    """Return a chunk's result as the bytes of its file, which also travel from nodes without the store's folder.

    Args:
        chunk: The images.
        result: What was computed for them.
        conditions: Those of the cell's ``Partial``.
    """
    facts = {
        "chunk": [chunk.first, chunk.stop],
        "conditions": dict(conditions),
        "seconds": result.seconds,
        "quality": result.quality.to_dict("list"),
        "costs": result.costs,
        "notes": result.notes,
    }
    return encode_parquet(result.detections, facts)


class Partial:
    """The chunks of one cell.

    Args:
        folder: Where the chunks lie.
        conditions: What a chunk's numbers depend on beyond the cell's key and may differ by rounding: batch size and
            device. Chunks computed under other conditions are not used, so that a resumed run and an uninterrupted
            one give the same bytes.
    """

    def __init__(self, folder: Path, conditions: dict[str, Any]) -> None:
        self.folder = folder
        self._conditions = conditions

    def has(self, chunk: Chunk) -> bool:
        """Return whether a readable file covers exactly this chunk under the same conditions."""
        return self._fits(chunk, self.folder / chunk.file_name)

    def write(self, chunk: Chunk, result: ChunkResult) -> None:
        """Keep a chunk, whole or not at all."""
        self.write_encoded(chunk, encode_chunk(chunk, result, self._conditions))

    def write_encoded(self, chunk: Chunk, payload: bytes) -> None:
        """Keep a chunk that ``encode_chunk`` made, here or on another machine, whole or not at all.

        Raises:
            ValueError: The bytes are no whole chunk, or one of other images or conditions; nothing is kept.
            WriteError: The store cannot be written.
        """
        complaint = self._complaint(chunk, payload)
        if complaint:
            raise ValueError(
                f"{self.folder.name}: what came for the images {chunk.first} to {chunk.stop - 1} {complaint}"
            )
        for left in reversed(range(WRITE_TRIES)):
            make_folder(self.folder)
            try:
                write_bytes(self.folder / chunk.file_name, payload)
                return
            except FileNotFoundError:
                # Another launcher finished the cell this moment and removed the folder.
                if not left:
                    raise

    def read(self, chunk: Chunk) -> ChunkResult:
        """Return a chunk that was kept.

        Raises:
            ChunkGoneError: There is none under these conditions, even if ``has`` has just found one.
        """
        # Read at once: what is checked is what is returned, whatever others put in its place.
        try:
            payload = (self.folder / chunk.file_name).read_bytes()
        except FileNotFoundError:
            payload = b""
        if not self._fits(chunk, pa.BufferReader(payload)):
            raise ChunkGoneError(f"{self.folder.name}: the chunk {chunk.file_name} is gone")
        return _decoded(pa.BufferReader(payload))

    def _fits(self, chunk: Chunk, file: Path | pa.BufferReader) -> bool:
        """Return whether a readable file covers exactly this chunk under these conditions."""
        try:
            facts = read_parquet_facts(file)
        except (OSError, pa.ArrowInvalid, ValueError):
            return False
        return facts.get("chunk") == [chunk.first, chunk.stop] and facts.get("conditions") == self._conditions

    def _complaint(self, chunk: Chunk, payload: bytes) -> str:
        """Return why these bytes are not the chunk, or ""."""
        try:
            facts = read_parquet_facts(pa.BufferReader(payload))
            result = _decoded(pa.BufferReader(payload))
        except (OSError, pa.ArrowInvalid, ValueError, KeyError, TypeError) as error:
            return f"is no whole chunk: {error}"
        if facts.get("chunk") != [chunk.first, chunk.stop]:
            return f"holds the images of another chunk: {facts.get('chunk')}"
        if facts.get("conditions") != self._conditions:
            return f"was computed under other conditions: {facts.get('conditions')} instead of {self._conditions}"
        if tuple(result.detections) != DETECTION_COLUMNS:
            return f"has the columns {list(result.detections)}"
        images = pd.concat([result.detections["image"], result.quality["image"]])
        outside = [image for image in images.unique().tolist() if not chunk.first <= image < chunk.stop]
        return f"has a row of image {outside[0]}" if outside else ""

    def remove(self) -> None:
        """Forget all chunks."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _decoded(file: Path | pa.BufferReader) -> ChunkResult:
    """Read a chunk's file; chunks of earlier versions of lqbench know no costs and no notes."""
    facts = read_parquet_facts(file)
    quality = pd.DataFrame(facts["quality"]).astype({"image": "int32"})
    costs = [(flops, parameters) for flops, parameters in facts.get("costs", [])]
    return ChunkResult(read_parquet(file), quality, facts["seconds"], costs, facts.get("notes", []))


def merge(results: list[ChunkResult]) -> ChunkResult:
    """Join chunks in the order of their images; seconds add up, costs and notes are lined up."""
    seconds: dict[str, float] = {}
    for result in results:
        for phase, value in result.seconds.items():
            seconds[phase] = seconds.get(phase, 0.0) + value
    detections = pd.concat([result.detections for result in results], ignore_index=True)
    quality = pd.concat([result.quality for result in results], ignore_index=True)
    costs = [cost for result in results for cost in result.costs]
    return ChunkResult(detections, quality, seconds, costs, [note for result in results for note in result.notes])
