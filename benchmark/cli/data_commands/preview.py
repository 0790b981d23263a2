"""``lqbench data preview``: a contact sheet of a dataset."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import data_root_option
from .options import (
    degrade_option,
    invalid_boxes_option,
    limit_option,
    open_shown,
    resumable,
    split_option,
    worker_count,
    workers_option,
)


@click.command()
@click.argument("track")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write, .png or .html."
)
@click.option("--count", type=click.IntRange(1, 1000), default=12, show_default=True, help="Images to show.")
@data_root_option
@split_option
@limit_option
@degrade_option
@invalid_boxes_option
@workers_option
def command(
    track: str,
    out: Path,
    count: int,
    data_root: Path | None,
    split: str | None,
    limit: int | None,
    degrade: str,
    invalid_boxes: str,
    workers: int | None,
) -> None:
    """Show some images of TRACK: clean beside degraded, with boxes and what was drawn for each.

    A .html page holds the degraded images without loss, and needs no other file.
    """
    from ....datasets.prepare.preview import write_preview

    with resumable("nothing was written"):
        dataset = open_shown(
            track,
            workers=worker_count(workers),
            data_root=data_root,
            split=split,
            limit=limit,
            invalid_boxes=invalid_boxes,
            degrade=degrade,
        )
        shown = write_preview(dataset, out, count)
    click.echo(f"{shown} of {len(dataset)} images: {out}")
