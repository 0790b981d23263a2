"""``lqbench data favour``: the images that a detector does well on."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import data_root_option, names_option, store_option
from .options import invalid_boxes_option, limit_option, open_shown, quoted, split_option, worker_count


@click.command()
@click.argument("track")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="COCO file to write, .json."
)
@click.option(
    "--min-ap",
    type=click.FloatRange(0, 100),
    default=60.0,
    show_default=True,
    help="Smallest AP of a favoured image, per cent.",
)
@names_option("--method", "methods", help="Only detections of these methods.")
@names_option("--detector", "detectors", help="Only detections of these detectors.")
@names_option("--cell", "cells", help="Only detections of the cell with this key.")
@data_root_option
@split_option
@limit_option
@invalid_boxes_option
@store_option
def command(
    track: str,
    out: Path,
    min_ap: float,
    methods: tuple[str, ...],
    detectors: tuple[str, ...],
    cells: tuple[str, ...],
    data_root: Path | None,
    split: str | None,
    limit: int | None,
    invalid_boxes: str,
    store: Path,
) -> None:
    """Write a COCO file of the images of TRACK on which a detector does well.

    This is the recipe of DFUI: train a detector, run it on the training images with `lqbench run`, keep the images
    whose own AP is at least 60 %. Images and boxes stay as they are; the file names them.
    """
    from ....datasets.catalog import dataset_spec
    from ....datasets.errors import UserError
    from ....results.store import Store
    from ...favoured import cell_of, check_files, write_favoured
    from ..results_commands.selection import Selection

    if out.suffix != ".json":
        raise UserError(f"--out {out} must end in .json.")
    spec = dataset_spec(track)
    check_files(spec, f"lqbench data build {track} --split {split or spec.default_split} --out FOLDER")
    options = {"data_root": data_root, "split": split, "limit": limit, "invalid_boxes": invalid_boxes}
    dataset = open_shown(track, workers=worker_count(None), **options)
    records = Selection(methods, (), detectors, (), cells, store).finished()
    record = cell_of(dataset, records, f"lqbench run --method lr --dataset {track} --split {dataset.split}")
    chosen = write_favoured(dataset, record, Store(store), out, min_ap / 100)
    click.echo(
        f"{len(chosen.images)} of {chosen.judged} images with objects have an AP of at least {min_ap:g} %: {out}"
    )
    click.echo(f"open it as: {quoted(Path(f'coco:{out},{chosen.folder}'))}")
