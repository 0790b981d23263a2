"""Analyses of stored cells: bootstrap replicates of each metric, what errors cost, AP of each image.

Which images a replicate draws depends on their number and the seed alone, so cells on one image set are paired: the
difference of two arrays of replicates holds the replicates of the difference, as ``statistics.comparison`` uses it.
Results are kept in the store, see ``cell_cache``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from ...datasets.errors import UserError
from ...results.failures import WriteError
from ...results.record import Record
from ...results.store import Store
from ...results.tables import GroundTruth
from ..metrics.coco import AreaFrame
from ..metrics.matching import coco_matches
from ..scoring import area_frame
from ..statistics.comparison import REPLICATES, metric_bounds
from ..statistics.inference import Estimate, estimate
from ..statistics.replicates import Replicates, quality_replicates, replicates_of_matches, voc_replicates
from ..statistics.resampling import Weights, bootstrap_weights
from .assignment import AssignmentSettings
from .cell_cache import CacheFacts, StoredArrays, facts_of, read_cached, write_cached
from .image_ap import image_ap, image_ap_of_matches
from .processes import in_processes
from .tide import tide_errors

SEED = 0
"""Of the drawn images: one for all cells, so that they are paired."""

CELLS_AT_ONCE = 4
"""Cells of one image set that a process works on before it reports: what they share is made once for as many."""

Progress = Callable[[int, int], None]
"""Called with the number of cells that are analysed and the number of all."""

Say = Callable[[str], None]
"""Called with a sentence that the user should read."""


@dataclass(frozen=True)
class CellAnalysis:
    """What was computed of one cell.

    Attributes:
        replicates: Metric name to float64 (R + 1,): first the number itself, then one value per replicate, NaN where it
            drew no such object. COCO's AP, image quality where the method restores, and on sets whose metric is VOC's
            its AP too, also of each class ("VOC07_AP50/dog"). AP in [0, 1], PSNR in dB.
        tide: Kind of error to the AP50 that it costs (``tide.ERRORS`` and ``SPECIAL_ERRORS``), fractions; None without
            objects. VOC's difficult objects count for nothing on sets whose metric is VOC's.
        image_ap: COCO's AP of each image that has objects, see ``image_ap``.
    """

    replicates: Replicates
    tide: dict[str, float] | None
    image_ap: pd.Series

    def estimate(self, metric: str) -> Estimate:
        """Return a metric with its 95 % interval; all None where it is undefined or was not measured."""
        replicates = self.replicates.get(metric)
        if replicates is None:
            return Estimate(None, None, None)
        return estimate(replicates, bounds=metric_bounds(metric))


@dataclass(frozen=True)
class ImageSet:
    """What the cells of one image set share.

    Attributes:
        truth: Images and boxes.
        weights: How often each image counts in each replicate.
        area: In which pixels COCO's sizes are measured.
        voc: Whether the set's metric is VOC's.
    """

    truth: GroundTruth
    weights: Weights
    area: AreaFrame
    voc: bool

    @staticmethod
    def of(truth: GroundTruth, replicates: int = REPLICATES, seed: int = SEED) -> ImageSet:
        """Return the image set of some ground truth."""
        weights = bootstrap_weights(len(truth.images), replicates, seed)
        return ImageSet(truth, weights, area_frame(truth), truth.facts.get("metric") == "voc07")


def analyse(
    store: Store,
    records: Iterable[Record],
    *,
    processes: int = 1,
    progress: Progress | None = None,
    say: Say | None = None,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> dict[str, CellAnalysis]:
    """Return the analysis of each finished cell, by the cell's key; computed where the store holds none yet.

    What is computed is written to ``analysis/`` in the store. Where that cannot be written the analyses are returned
    all the same.

    Args:
        store: The store.
        records: Records of cells in it; failed cells and those without metrics are passed over.
        processes: How many compute; the result does not depend on it.
        progress: Called once for the analyses found, then after each that was computed.
        say: Called with a sentence for each cell that cannot be analysed, and if the store cannot be written.
        replicates: Number of bootstrap replicates.
        seed: Of their draw.

    Raises:
        UserError: Detections or ground truth are missing or damaged and ``say`` is None; a process was ended from
            outside.
    """
    wanted = {record.cell.key: record for record in records if record.status == "done" and record.metrics is not None}
    facts = {key: facts_of(store, record, replicates, seed) for key, record in wanted.items()}
    found = {key: _of_arrays(stored) for key in wanted if (stored := read_cached(store, facts[key])) is not None}
    told = progress or _nothing
    told(len(found), len(wanted))
    missing = [record for key, record in wanted.items() if key not in found]
    keep = _Keeper(store, say or _nothing)
    failures = 0
    for key, result in _computed(store.path, missing, processes, replicates, seed):
        if isinstance(result, CellAnalysis):
            found[key] = result
            keep(facts[key], result)
        elif say is None:
            raise UserError(result)
        else:
            say(result)
            failures += 1
        told(len(found) + failures, len(wanted))
    return {key: found[key] for key in wanted if key in found}


def analyse_cell(images: ImageSet, detections: pd.DataFrame, quality: pd.DataFrame | None) -> CellAnalysis:
    """Return the analysis of one cell from its tables.

    Args:
        images: The image set.
        detections: Columns image, x1, y1, x2, y2, score, label; degraded-image pixels.
        quality: Image quality per image; None where the method does not restore.
    """
    truth, weights = images.truth, images.weights
    matches = coco_matches(truth, detections, images.area)
    replicates = replicates_of_matches(truth, matches, weights)
    if images.voc:
        replicates |= voc_replicates(truth, detections, weights, per_class=True)
    if quality is not None:
        replicates |= quality_replicates(truth, quality, weights)
    tide = tide_errors(truth, detections, AssignmentSettings(ignore_difficult=images.voc))
    shared = images.area == "degraded"
    aps = image_ap_of_matches(truth, matches) if shared else image_ap(truth, detections)
    return CellAnalysis(replicates, tide.d_ap if tide.ap is not None else None, aps)


class _Keeper:
    """Writes analyses to the store until that fails, which is told once."""

    def __init__(self, store: Store, say: Say) -> None:
        self._store: Store | None = store
        self._say = say

    def __call__(self, facts: CacheFacts, analysis: CellAnalysis) -> None:
        if self._store is None:
            return
        aps = analysis.image_ap
        arrays = StoredArrays(
            analysis.replicates, analysis.tide, aps.index.to_numpy(np.int64), aps.to_numpy(np.float64)
        )
        try:
            write_cached(self._store, facts, arrays)
        except WriteError as error:
            self._say(f"analyses are computed but not kept: {error}")
            self._store = None


def _computed(
    store: Path, records: Sequence[Record], processes: int, replicates: int, seed: int
) -> Iterator[tuple[str, CellAnalysis | str]]:
    """Yield key and analysis of each cell, or the sentence that says why there is none."""
    calls = [(store, part, replicates, seed) for part in _parts(records)]
    for part in in_processes(_analyse_part, calls, processes):
        yield from part


def _parts(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Yield the records, some of one image set at a time."""

    def image_set(record: Record) -> str:
        return record.cell.dataset_fingerprint

    ordered = sorted(records, key=lambda record: (image_set(record), record.cell.directory))
    for _, group in groupby(ordered, key=image_set):
        cells = list(group)
        yield from (cells[first : first + CELLS_AT_ONCE] for first in range(0, len(cells), CELLS_AT_ONCE))


def _analyse_part(
    path: Path, records: Sequence[Record], replicates: int, seed: int
) -> list[tuple[str, CellAnalysis | str]]:
    """Analyse some cells of one image set."""
    store = Store(path)
    try:
        images = ImageSet.of(store.ground_truth(records[0].cell.dataset_fingerprint), replicates, seed)
    except UserError as error:
        return [(record.cell.key, _why_not(record, error)) for record in records]
    return [(record.cell.key, _analyse_stored(store, record, images)) for record in records]


def _analyse_stored(store: Store, record: Record, images: ImageSet) -> CellAnalysis | str:
    try:
        return analyse_cell(images, store.detections(record.cell), store.quality(record.cell))
    except UserError as error:
        return _why_not(record, error)


def _why_not(record: Record, error: UserError) -> str:
    return f"{record.cell.directory} is not analysed: {error}"


def _of_arrays(stored: StoredArrays) -> CellAnalysis:
    aps = pd.Series(stored.ap, index=pd.Index(stored.image, name="image"), name="ap")
    return CellAnalysis(stored.replicates, stored.tide, aps)


def _nothing(*_: object) -> None:
    pass
