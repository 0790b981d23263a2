"""``lqbench results export``: stored detections and ground truth as COCO files."""

from __future__ import annotations

from pathlib import Path

import click

from .selection import Selection, selects_cells

EXAMPLE = """\b
Example:
  lqbench results export --out coco --dataset scenes-d
"""


@click.command(short_help="Detections and ground truth as COCO files.", epilog=EXAMPLE)
@selects_cells
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="FOLDER",
    help="Folder to write to; older files of the same names are replaced.",
)
@click.option(
    "--frame",
    type=click.Choice(["degraded", "annotated"]),
    default="degraded",
    show_default=True,
    help="In whose pixels: of the images as methods see them, or as they were annotated.",
)
def command(selection: Selection, out: Path, frame: str) -> None:
    """Write a COCO results file for each finished cell, and a COCO annotation file for each dataset.

    pycocotools scores them to the AP of the cell's record. Category ids are positions in the dataset's class list,
    from 1; image ids are the dataset's own where these are whole numbers, else positions from 1.
    """
    from typing import cast

    from ....results.coco_export import Frame, file_stem, write_detections, write_truth

    records = selection.finished()
    store, chosen = selection.store(), cast(Frame, frame)
    written: set[str] = set()
    for record in records:
        truth = store.ground_truth(record.cell.dataset_fingerprint)
        stem = file_stem(record)
        if stem not in written:
            written.add(stem)
            write_truth(out / f"{stem}.json", truth, record, chosen)
        write_detections(out / f"{record.cell.directory}.json", truth, store.detections(record.cell), chosen)
        click.echo(f"{out / record.cell.directory}.json  of  {stem}.json")
    click.echo(f"{len(records)} cells on {len(written)} datasets in {out}")
