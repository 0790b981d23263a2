"""The gallery of a report, read from a store: pictures that lie there, with stored boxes and what each cell found."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..reports.gallery_data import (
    CLEAN,
    CRUX,
    DEGRADED,
    RESTORED,
    GalleryImage,
    GalleryTrack,
    Mark,
    MethodView,
    disagreement,
)
from ..results.pictures import FOLDER, StoredPicture, pictures_of
from ..results.record import Record

if TYPE_CHECKING:
    import pandas as pd

    from ..results.store import Store
    from ..results.tables import GroundTruth

LOWEST_SCORE = 0.05
"""Detections below are not shown; those that a threshold on the page could bring up are."""
MOST_BOXES = 50
"""Detections of an image and method that are shown at most."""


def load_gallery(store: Store, records: Sequence[Record]) -> list[GalleryTrack]:
    """Return the images of each image set that the store holds a degraded picture of, with what the cells found there.

    ``lqbench show gallery`` makes the pictures. Degraded and clean ones may belong to any cell on the same image set,
    also to one that the records do not tell of.

    Args:
        store: The store.
        records: The cells to show; failed ones are passed over.

    Raises:
        UserError: A picture, detections or ground truth are damaged.
    """
    if not (store.path / FOLDER).is_dir():
        return []
    shared = _shared_pictures(store)
    done: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.status == "done" and record.cell.dataset_fingerprint in shared:
            done[record.cell.dataset_fingerprint].append(record)
    return [_track(store, fingerprint, done[fingerprint], shared[fingerprint]) for fingerprint in sorted(done)]


def image_aps(store: Store, records: Sequence[Record], truth: GroundTruth) -> pd.DataFrame:
    """Return the AP of single images, see ``analysis.image_ap``: index image, one column a cell's key.

    Raises:
        UserError: Detections are damaged.
    """
    import pandas as pd

    from .analysis.image_ap import image_ap

    return pd.DataFrame({record.cell.key: image_ap(truth, store.detections(record.cell)) for record in records})


def by_disagreement(aps: pd.DataFrame, ceilings: Iterable[str] = ()) -> list[int]:
    """Return the images on which methods differ most first; images of equal disagreement in their order.

    Args:
        aps: As ``image_aps`` gives it.
        ceilings: Columns of cells that see the clean image, which are left out where two others remain.
    """
    others = aps.drop(columns=[key for key in ceilings if key in aps])
    table = others if others.shape[1] > 1 else aps
    spread = {int(image): disagreement(row) for image, row in zip(table.index, table.to_numpy(), strict=True)}  # pyright: ignore[reportArgumentType]
    return sorted(spread, key=lambda image: (-(0.0 if math.isnan(spread[image]) else spread[image]), image))


def _shared_pictures(store: Store) -> dict[str, dict[str, dict[int, StoredPicture]]]:
    """Return the degraded and clean pictures by the image set's fingerprint, kind and image index."""
    found: dict[str, dict[str, dict[int, StoredPicture]]] = {}
    for record in store.records():
        for picture in pictures_of(store.path, record.cell):
            if picture.facts.kind in (DEGRADED, CLEAN):
                kinds = found.setdefault(record.cell.dataset_fingerprint, {DEGRADED: {}, CLEAN: {}})
                kinds[picture.facts.kind].setdefault(picture.facts.index, picture)
    return {fingerprint: kinds for fingerprint, kinds in found.items() if kinds[DEGRADED]}


def _track(
    store: Store, fingerprint: str, records: Sequence[Record], shared: Mapping[str, Mapping[int, StoredPicture]]
) -> GalleryTrack:
    truth = _part_of_truth(store.ground_truth(fingerprint), set(shared[DEGRADED]))
    views = _views(store, records, truth)
    images = []
    for index, degraded in sorted(shared[DEGRADED].items()):
        row = truth.images.loc[truth.images["index"] == index].iloc[0]
        boxes = truth.boxes.loc[truth.boxes["image"] == index]
        images.append(
            GalleryImage(
                index,
                str(row["image_id"]),
                (int(row["width"]), int(row["height"])),
                tuple(_truth_mark(box) for box in boxes.itertuples(index=False)),
                degraded,
                shared[CLEAN].get(index),
                tuple(views[index]),
            )
        )
    return GalleryTrack(fingerprint, truth.classes, tuple(images))


def _part_of_truth(truth: GroundTruth, images: set[int]) -> GroundTruth:
    """Return images and boxes of some images; AP of single images does not depend on the others."""
    from dataclasses import replace

    return replace(
        truth,
        images=truth.images.loc[truth.images["index"].isin(images)].reset_index(drop=True),
        boxes=truth.boxes.loc[truth.boxes["image"].isin(images)].reset_index(drop=True),
    )


def _views(store: Store, records: Sequence[Record], truth: GroundTruth) -> dict[int, list[MethodView]]:
    """Return what each cell made of each of the images, by image index, in the order of the records."""
    from .analysis.image_ap import image_ap

    wanted: list[int] = truth.images["index"].tolist()
    views: dict[int, list[MethodView]] = {index: [] for index in wanted}
    for record in records:
        detections = store.detections(record.cell)
        detections = detections.loc[detections["image"].isin(wanted)].reset_index(drop=True)
        aps: dict[Any, float] = image_ap(truth, detections).to_dict()
        own = {(one.facts.kind, one.facts.index): one for one in pictures_of(store.path, record.cell)}
        for index in wanted:
            views[index].append(
                MethodView(
                    record.cell.key,
                    aps.get(index, math.nan),
                    _marks(detections.loc[detections["image"] == index]),
                    own.get((RESTORED, index)),
                    own.get((CRUX, index)),
                )
            )
    return views


def _marks(detections: pd.DataFrame) -> tuple[Mark, ...]:
    best: Any = detections.loc[detections["score"] >= LOWEST_SCORE].nlargest(MOST_BOXES, "score")
    return tuple(Mark(int(row.label), _box(row), round(float(row.score), 3)) for row in best.itertuples(index=False))


def _truth_mark(row: Any) -> Mark:
    return Mark(int(row.label), _box(row), counts=not (row.crowd or row.difficult))


def _box(row: Any) -> tuple[float, float, float, float]:
    """Return a row's box; a tenth of a pixel is finer than anybody sees."""
    x1, y1, x2, y2 = (round(float(value), 1) for value in (row.x1, row.y1, row.x2, row.y2))
    return (x1, y1, x2, y2)
