"""Computes shards of cells in this process and keeps what they give in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing

from ..datasets.errors import UserError
from ..results.lock import Claim
from ..results.logs import CellLog, cell_log
from ..results.partial import Chunk, ChunkGoneError, ChunkResult, Partial, merge
from ..results.record import Record
from ..results.store import Store
from .evaluate import evaluate
from .holder import MethodHolder
from .inference import InferenceOptions, chunks_of, run_chunks
from .progress import Display
from .recording import done_record, failed_record, now, summary, weights_of
from .work import Outcome, RunOptions, Shard


class CellFailedError(Exception):
    """What a method or a dataset raised while a cell was computed, as ``__cause__``."""


class Worker:
    """Goes through shards one after the other; the method of the last one stays set up.

    Args:
        store: Where cells are kept; claims on them are made there.
        options: How they are computed.
        display: Where it is shown.
        name: Of this worker, for the display and the logs; empty where there is only one.
        on_claim: Told each claim when it is made.
    """

    def __init__(
        self,
        store: Store,
        options: RunOptions,
        display: Display,
        name: str = "",
        on_claim: Callable[[Claim], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._options = options
        self._display = display
        self._name = name
        self._on_claim = on_claim
        self._holder = MethodHolder(options.device, options.threads, display.line)

    def run(self, shard: Shard) -> Outcome:
        """Bring a shard to its outcome; what its method raises becomes a failed record.

        Raises:
            UserError: The store cannot be read or written.
            KeyboardInterrupt: Finished chunks stay in the store; the next attempt goes on from them.
        """
        stored = self._stored(shard)
        if stored is not None:
            return stored
        claim = claim_shard(self._store, shard)
        if claim is None:
            return Outcome("busy")
        try:
            self._on_claim(claim)
            with claim.beating():
                # It may have been finished between the look above and the claim. Chunks are looked for first: those of
                # a finished cell are removed after it is stored, and must not be taken for work to do.
                partial = partial_of(self._store, shard, self._options)
                missing = [chunk for chunk in shard.chunks if not partial.has(chunk)]
                return self._stored(shard) or self._compute(shard, partial, missing)
        finally:
            claim.release()

    def close(self) -> None:
        """Tear the method down; what that raises is told."""
        self._holder.close()

    def _stored(self, shard: Shard) -> Outcome | None:
        if self._options.redo or not self._store.has(shard.job.cell):
            return None
        return Outcome("stored", self._store.record(shard.job.cell))

    def _compute(self, shard: Shard, partial: Partial, missing: list[Chunk]) -> Outcome:
        started = now()
        with cell_log(self._store.path, shard.job.cell.directory, self._name) as log:
            files = ", ".join(f"{file.name} {file.sha256[:12]}" for file in weights_of(shard.group, shard.job.cell))
            log.line(f"{shard.title}: {shard.images} images on {self._options.device}; weights: {files or 'bundled'}")
            try:
                self._fill(shard, partial, missing, log)
            except CellFailedError as failure:
                error = cause_of(failure)
                log.failure(error)
                return self._failed(shard, started, error)
            return self._finish(shard, partial, started, log)

    def _fill(self, shard: Shard, partial: Partial, missing: list[Chunk], log: CellLog) -> None:
        """Compute the chunks that are not there yet and keep each as soon as it is done.

        Raises:
            CellFailedError: The method or the dataset raised.
        """
        done = shard.images - sum(chunk.stop - chunk.first for chunk in missing)
        self._display.start(shard.title, done, shard.images, self._name)

        def notice(text: str) -> None:
            log.line(text)
            self._display.line(f"{shard.title}: {text}")

        def advance(images: int) -> None:
            self._display.advance(shard.title, images)

        if missing:
            with closing(results(self._holder, shard, missing, self._options, advance, notice)) as computed:
                for chunk, result in computed:
                    partial.write(chunk, result)
                    log.line(f"images {chunk.first} to {chunk.stop - 1} are done")

    def _finish(self, shard: Shard, partial: Partial, started: str, log: CellLog) -> Outcome:
        """Score and store the cell if all of its chunks are there; only one of several workers may do so."""
        if shard.whole:
            return self._complete(shard, partial, started, log)
        self._display.finish(shard.title, "busy", "")
        every = chunks_of(len(shard.job.dataset), self._options.batch_size)
        claim = self._store.claim(shard.job.cell) if all(map(partial.has, every)) else None
        if claim is None:
            return Outcome("part")
        try:
            self._on_claim(claim)
            with claim.beating():
                # It may have been finished, and its chunks forgotten, between the look above and the claim.
                return self._stored(shard) or self._complete(shard, partial, started, log)
        except ChunkGoneError:
            return Outcome("part")
        finally:
            claim.release()

    def _complete(self, shard: Shard, partial: Partial, started: str, log: CellLog) -> Outcome:
        record = complete(self._store, shard, partial, self._options, started, self._holder.seconds)
        log.line(summary(record))
        self._display.finish(shard.job.title, "done", f"{shard.job.title}: {summary(record)}")
        return Outcome("computed", record)

    def _failed(self, shard: Shard, started: str, error: Exception) -> Outcome:
        record = failed_record(shard, self._options, started, error)
        if shard.whole:
            self._store.write_failure(record)
        else:
            self._display.finish(shard.title, "busy", "")
            if not write_failure_of_part(self._store, record):
                return Outcome("busy")
        self._display.finish(shard.job.title, "failed", f"{shard.job.title}: {summary(record)}")
        return Outcome("failed", record, isinstance(error, UserError))


def claim_shard(store: Store, shard: Shard) -> Claim | None:
    """Claim a shard; None while another launcher holds it, or computes its cell cut in another way.

    Raises:
        UserError: The store cannot be written.
    """
    claim = store.claim(shard.job.cell, shard.part)
    if claim is not None and _is_cut_otherwise(store, shard):
        claim.release()
        return None
    return claim


def _is_cut_otherwise(store: Store, shard: Shard) -> bool:
    """Tell whether somebody holds the cell as a whole while this is a part of it, or a part while this is the whole."""
    directory = shard.job.cell.directory
    return any(
        claim.directory == directory and not claim.stale and bool(claim.part) != bool(shard.part)
        for claim in store.claims()
    )


def write_failure_of_part(store: Store, record: Record) -> bool:
    """Record a cell as failed on behalf of a part of it; False while somebody puts the whole cell together.

    Raises:
        UserError: The store cannot be written.
    """
    claim = store.claim(record.cell)
    if claim is None:
        return False
    try:
        store.write_failure(record)
    finally:
        claim.release()
    return True


def cause_of(failure: CellFailedError) -> Exception:
    """Return what was raised while the cell was computed."""
    assert isinstance(failure.__cause__, Exception)
    return failure.__cause__


def results(
    holder: MethodHolder,
    shard: Shard,
    chunks: list[Chunk],
    options: RunOptions,
    on_images: Callable[[int], None],
    on_notice: Callable[[str], None],
) -> Generator[tuple[Chunk, ChunkResult]]:
    """Yield chunks of a shard as they are computed; close it where not all are taken.

    Raises:
        CellFailedError: The method or the dataset raised; what it was is the cause.
    """
    how = InferenceOptions(
        batch_size=options.batch_size,
        workers=options.workers,
        crop=options.crop,
        precision=shard.job.cell.precision,
        device=options.device,
    )
    try:
        method = holder.get(shard.group)
        running = run_chunks(method, shard.job.dataset, chunks, how, on_images=on_images, on_notice=on_notice)
        with closing(running):
            yield from running
    except Exception as error:
        raise CellFailedError from error


def partial_of(store: Store, shard: Shard, options: RunOptions) -> Partial:
    """Return what there is of a cell so far, under the conditions of these options."""
    return store.partial(shard.job.cell, conditions_of(options))


def conditions_of(options: RunOptions) -> dict[str, int | str]:
    """Return what a chunk's numbers depend on beyond the cell's key; see ``Partial``."""
    conditions: dict[str, int | str] = {"batch_size": options.batch_size, "device": options.device.partition(":")[0]}
    if options.threads and options.device == "cpu":
        conditions["threads"] = options.threads
    if options.crop:
        conditions["crop"] = options.crop
    if options.redo:
        conditions["run"] = options.run
    return conditions


def complete(
    store: Store, shard: Shard, partial: Partial, options: RunOptions, started: str, setup_seconds: float
) -> Record:
    """Join a cell's chunks, score them, store the cell and return its record.

    Raises:
        ChunkGoneError: Not all chunks are there.
        UserError: The store cannot be written.
    """
    every = chunks_of(len(shard.job.dataset), options.batch_size)
    result = merge([partial.read(chunk) for chunk in every])
    quality = result.quality if len(result.quality) else None
    start = time.perf_counter()
    truth = store.save_ground_truth(shard.job.dataset)
    metrics = evaluate(truth, result.detections, quality)
    seconds = {"setup": setup_seconds, **result.seconds, "score": time.perf_counter() - start}
    record = done_record(shard, options, started, result, metrics, seconds)
    store.write_cell(record, result.detections, quality)
    partial.remove()
    return record
