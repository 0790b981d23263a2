"""``lqbench results quality``: does a better restored image give better detections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .output import Format, decimals, json_option, percent, print_frame, print_json
from .selection import Selection, selects_cells, title_of

if TYPE_CHECKING:
    import pandas as pd

    from ....results.record import Record
    from ....results.store import Store
    from ...analysis.quality_link import RestoredCell

FEWEST_CELLS = 3


@click.command(short_help="Does a better restored image give better detections?")
@selects_cells
@click.option("--reference", default="bicubic", show_default=True, help="Method to compare with; it must restore.")
@click.option("--worst", type=click.IntRange(0), default=10, show_default=True, help="Images to list.")
@click.option("--replicates", type=click.IntRange(1), default=1000, show_default=True, help="Bootstrap replicates.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Decides the bootstrap.")
@json_option
def command(*, selection: Selection, reference: str, worst: int, replicates: int, seed: int, as_json: bool) -> None:
    """Print how changes of PSNR and SSIM go with changes of AP, and where restoration hurts.

    Each method is compared with the reference on the same images with the same detector. The AP of an image is COCO's
    AP of that image alone; images without objects are left out.
    """
    from ...analysis.quality_link import correlations, hurt_images

    pairs = _pairs(selection, reference)
    store = selection.store()
    found, points = [], []
    for method, other in pairs:
        changes = _changes(store, method, other)
        links = correlations(changes, replicates=replicates, seed=seed)
        found.append({**title_of(method), "correlations": links, "hurt": hurt_images(changes), "images": len(changes)})
        points.append(_point(method, other, changes))
    over_cells = _over_cells(points, replicates, seed)
    if as_json:
        print_json({"reference": reference, "seed": seed, "cells": found, "over_cells": over_cells})
        return
    for item in found:
        _print_cell(item, reference, worst)
    for dataset, links in over_cells.items():
        _print_links(f"Over the cells on {dataset}", links)


def _pairs(selection: Selection, reference: str) -> list[tuple[Record, Record]]:
    """Return each selected cell that restores with the reference cell on the same images with the same detector.

    Raises:
        UserError: Nothing restores, or a reference is missing or not the only one.
    """
    from ....datasets.errors import UserError

    records = selection.finished(also=(reference,))
    store = selection.store()
    methods = [r for r in records if r.cell.method != reference and store.quality(r.cell) is not None]
    if not methods:
        raise UserError(
            f"no cell beside those of {reference} restored an image: choose a method that does with --method."
        )
    pairs = []
    for method in methods:
        fitting = [r for r in records if r.cell.method == reference and _comparable(method, r)]
        if len(fitting) != 1:
            where = f"{method.cell.dataset} with detector {method.cell.detector or 'of its own'}"
            raise UserError(
                f"{method.cell.method} needs one cell of {reference} on the same images of {where}, and there are "
                f"{len(fitting)}: compute it, or choose with --reference or --detector."
            )
        pairs.append((method, fitting[0]))
    return pairs


def _comparable(a: Record, b: Record) -> bool:
    same = a.cell.dataset_fingerprint == b.cell.dataset_fingerprint
    return same and a.cell.detector == b.cell.detector and a.cell.limit == b.cell.limit


def _changes(store: Store, method: Record, reference: Record) -> pd.DataFrame:
    from ...analysis.quality_link import image_changes

    truth = store.ground_truth(method.cell.dataset_fingerprint)
    return image_changes(truth, _restored(store, method), _restored(store, reference))


def _restored(store: Store, record: Record) -> RestoredCell:
    from ....datasets.errors import UserError
    from ...analysis.quality_link import RestoredCell

    quality = store.quality(record.cell)
    if quality is None:
        raise UserError(f"{record.cell.method} stored no image quality: choose a --reference that restores.")
    return RestoredCell(store.detections(record.cell), quality)


def _point(method: Record, reference: Record, changes: pd.DataFrame) -> dict[str, Any]:
    """Return a cell as one point: the change of its AP and the mean change of its quality."""
    from ...analysis.quality_link import AP_CHANGE, CHANGE
    from ...analysis.tables import value_of

    names = [name for name in changes.columns if name.startswith(CHANGE) and name != AP_CHANGE]
    quality = {name: float(changes[name].mean()) for name in names}
    return {"dataset": method.cell.dataset, AP_CHANGE: value_of(method) - value_of(reference), **quality}


def _over_cells(points: Sequence[dict[str, Any]], replicates: int, seed: int) -> dict[str, pd.DataFrame]:
    """Return the correlations over the cells of each dataset that has enough of them."""
    import pandas as pd

    from ...analysis.quality_link import correlations

    by_dataset = pd.DataFrame(points).groupby("dataset", sort=True)
    return {
        str(dataset): correlations(cells.dropna(axis="columns"), replicates=replicates, seed=seed)
        for dataset, cells in by_dataset
        if len(cells) >= FEWEST_CELLS
    }


def _print_cell(item: dict[str, Any], reference: str, worst: int) -> None:
    names = "/".join(part for part in (item["method"], item["detector"]) if part)
    _print_links(f"{names} against {reference} on {item['dataset']}, {item['images']} images", item["correlations"])
    hurt = item["hurt"]
    if worst and len(hurt):
        quality = [name for name in hurt.columns if name.startswith("d_") and name != "d_ap"]
        shown: dict[str, tuple[str, Format]] = {"image_id": ("image", str), "file": ("file", str)}
        shown |= {name: (f"{name} [%]", percent) for name in ("ap_reference", "ap_method", "d_ap")}
        shown |= {name: (name, decimals(3)) for name in quality}
        title = f"Images where {names} hurts: {len(hurt)} of {item['images']}, the worst {min(worst, len(hurt))}"
        print_frame(title, hurt.head(worst), shown)


def _print_links(title: str, links: pd.DataFrame) -> None:
    names = {"metric": ("change of", str), "kind": ("correlation with change of AP", str)}
    figures = {"value": ("value", decimals(3)), "low": ("95% from", decimals(3)), "high": ("to", decimals(3))}
    print_frame(title, links, {**names, **figures, "units": ("n", decimals(0))})
