"""What an unfinished cell has got so far: one file per range of images, from which a stopped run goes on."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from .atomic import encode_parquet, read_parquet, read_parquet_facts, write_bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """The images ``first <= index < stop`` of a cell."""

    first: int
    stop: int

    @property
    def file_name(self) -> str:
        """Return the name of the chunk's file."""
        return f"chunk-{self.first:06d}.parquet"


@dataclass(frozen=True)
class ChunkResult:
    """What was computed for a chunk.

    Attributes:
        detections: Table as of ``tables.detections_frame``.
        quality: Table as of ``tables.quality_frame``; without rows where the method does not restore.
        seconds: Wall seconds by phase.
        costs: (FLOPs, parameters) of restoring, by image; empty where the method does not tell.
    """

    detections: pd.DataFrame
    quality: pd.DataFrame
    seconds: dict[str, float]
    costs: list[tuple[int, int]] = field(default_factory=list)


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
        try:
            facts = read_parquet_facts(self.folder / chunk.file_name)
        except (OSError, pa.ArrowInvalid, ValueError):
            return False
        return facts.get("chunk") == [chunk.first, chunk.stop] and facts.get("conditions") == self._conditions

    def write(self, chunk: Chunk, result: ChunkResult) -> None:
        """Keep a chunk, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        facts = {
            "chunk": [chunk.first, chunk.stop],
            "conditions": self._conditions,
            "seconds": result.seconds,
            "quality": result.quality.to_dict("list"),
            "costs": result.costs,
        }
        write_bytes(self.folder / chunk.file_name, encode_parquet(result.detections, facts))

    def read(self, chunk: Chunk) -> ChunkResult:
        """Return a chunk for which ``has`` is true."""
        path = self.folder / chunk.file_name
        facts = read_parquet_facts(path)
        quality = pd.DataFrame(facts["quality"]).astype({"image": "int32"})
        # Chunks of earlier versions of lqbench know no costs.
        costs = [(flops, parameters) for flops, parameters in facts.get("costs", [])]
        return ChunkResult(read_parquet(path), quality, facts["seconds"], costs)

    def remove(self) -> None:
        """Forget all chunks."""
        shutil.rmtree(self.folder, ignore_errors=True)


def merge(results: list[ChunkResult]) -> ChunkResult:
    """Join chunks in the order of their images; seconds add up, costs are lined up."""
    seconds: dict[str, float] = {}
    for result in results:
        for phase, value in result.seconds.items():
            seconds[phase] = seconds.get(phase, 0.0) + value
    detections = pd.concat([result.detections for result in results], ignore_index=True)
    quality = pd.concat([result.quality for result in results], ignore_index=True)
    return ChunkResult(detections, quality, seconds, [cost for result in results for cost in result.costs])
