"""What engines pass around: how cells are computed, the pieces of work, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..results.partial import Chunk
from ..results.record import Record
from .inference import chunks_of
from .plan import Group, Job

State = Literal["computed", "stored", "failed", "part", "busy"]


@dataclass(frozen=True)
class RunOptions:
    """How cells are computed; none of it is part of a cell's key.

    Attributes:
        device: torch device string.
        batch_size: Images per call of ``detect``.
        workers: Loader processes; 0 loads in the computing process.
        redo: Whether finished cells are computed again.
        command: The command line, for the record.
        crop: Pixels at each border that PSNR and SSIM of restored images leave out; the metrics' names state it.
        plugins: Files of methods that a worker process has to load before it can unpickle them.
        shard_images: Least number of images of a shard, into which larger cells are cut; 0 never cuts.
        run: Name of this run; chunks of a cell that is computed again belong to one run alone.
        engine: Name of the engine, for the record.
        jobs: Workers that compute at once, for the record.
        threads: Processor threads of each worker, which can change the last digits; 0 leaves torch's own choice.
    """

    device: str = "cpu"
    batch_size: int = 4
    workers: int = 0
    redo: bool = False
    command: tuple[str, ...] = ()
    crop: int = 0
    plugins: tuple[Path, ...] = ()
    shard_images: int = 0
    run: str = ""
    engine: str = "inline"
    jobs: int = 1
    threads: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of a cell or of a shard of it.

    Attributes:
        state: "computed" now, "stored" before, "failed", "part" (this shard is done, the cell is not), or "busy"
            (another launcher holds it).
        record: The cell's record; None for "part" and "busy".
        mistake: True where the cell failed by something that the user has to put right; the record's ``error`` is then
            one sentence.
    """

    state: State
    record: Record | None = None
    mistake: bool = False


@dataclass(frozen=True)
class Shard:
    """A cell, or a range of its images, with the method that is to be constructed for it.

    Attributes:
        group: The method, its settings and weights; without jobs.
        job: The cell and its dataset.
        chunks: The images, in pieces that are kept as soon as they are done.
        whole: Whether these are all chunks of the cell.
    """

    group: Group
    job: Job
    chunks: tuple[Chunk, ...]
    whole: bool = True

    @property
    def part(self) -> str:
        """Return the shard's name among those of its cell; empty for the whole cell."""
        return "" if self.whole else f"{self.chunks[0].first:06d}"

    @property
    def title(self) -> str:
        """Return a name for messages, unique within a run."""
        if self.whole:
            return self.job.title
        return f"{self.job.title} [{self.chunks[0].first}-{self.chunks[-1].stop - 1}]"

    @property
    def images(self) -> int:
        """Return the number of images."""
        return sum(chunk.stop - chunk.first for chunk in self.chunks)


def shards_of(group: Group, job: Job, options: RunOptions) -> list[Shard]:
    """Cut a cell into shards of whole chunks, each of at least ``options.shard_images`` images but for the last."""
    choice = replace(group, jobs=())
    chunks = chunks_of(len(job.dataset), options.batch_size)
    pieces = _pieces(chunks, options.shard_images) if options.shard_images else [chunks]
    return [Shard(choice, job, tuple(piece), len(pieces) == 1) for piece in pieces]


def whole(shard: Shard, batch_size: int) -> Shard:
    """Return the shard of all images of the same cell."""
    return replace(shard, chunks=tuple(chunks_of(len(shard.job.dataset), batch_size)), whole=True)


def _pieces(chunks: Sequence[Chunk], images: int) -> list[list[Chunk]]:
    pieces: list[list[Chunk]] = []
    for chunk in chunks:
        if pieces and pieces[-1][-1].stop - pieces[-1][0].first < images:
            pieces[-1].append(chunk)
        else:
            pieces.append([chunk])
    return pieces
