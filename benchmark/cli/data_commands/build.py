"""``lqbench data build``: write a degraded dataset once."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import data_root_option
from .options import (
    degrade_option,
    invalid_boxes_option,
    limit_option,
    open_shown,
    quoted,
    resumable,
    showing_progress,
    split_option,
    worker_count,
    workers_option,
)


@click.command()
@click.argument("track")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write; new, empty, or begun.")
@data_root_option
@split_option
@limit_option
@degrade_option
@click.option(
    "--format",
    "form",
    type=click.Choice(("png", "jpg")),
    default="png",
    show_default=True,
    help="png is lossless: the same pixels as in a run. jpg adds its own degradation.",
)
@click.option("--quality", type=click.IntRange(1, 100), default=None, help="JPEG quality, 95 if not given.")
@invalid_boxes_option
@workers_option
def command(
    track: str,
    out: Path,
    data_root: Path | None,
    split: str | None,
    limit: int | None,
    degrade: str,
    form: str,
    quality: int | None,
    invalid_boxes: str,
    workers: int | None,
) -> None:
    """Write the degraded images of TRACK with boxes in COCO format and a manifest.

    The folder then opens as coco:FOLDER, here and in other tools. A build that was stopped goes on where it was when
    the same command is given again; the files are the same for any number of workers.
    """
    from ....datasets.prepare.build import build_set
    from ....datasets.prepare.encode import image_format

    chosen, processes = image_format(form, quality), worker_count(workers)
    with resumable("the same command goes on where it stopped"):
        dataset = open_shown(
            track,
            workers=processes,
            data_root=data_root,
            split=split,
            limit=limit,
            invalid_boxes=invalid_boxes,
            degrade=degrade,
        )
        with showing_progress(f"building {dataset.spec.name}") as report:
            done = build_set(dataset, out, chosen, workers=processes, on_progress=report)
    before = f", {done.before} of them there before" if done.before else ""
    click.echo(f"{done.images} images, {done.bytes / 1e6:.1f} MB{before}: {out}")
    click.echo(f"fingerprint: {dataset.fingerprint}")
    click.echo(f"next: lqbench data verify {quoted(out)}")
