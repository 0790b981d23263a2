"""``lqbench data convert``: annotations from one format into another."""

from __future__ import annotations

from pathlib import Path

import click

from .options import invalid_boxes_option, resumable, showing_progress

FORMATS = click.Choice(("voc", "coco", "yolo"))


@click.command()
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.argument("target", metavar="DST", type=click.Path(path_type=Path))
@click.option("--from", "source_format", type=FORMATS, required=True, help="Format of SRC.")
@click.option("--to", "target_format", type=FORMATS, required=True, help="Format of DST.")
@click.option(
    "--images",
    type=click.Choice(("copy", "link")),
    default="copy",
    show_default=True,
    help="Copy the image files, or link to them.",
)
@invalid_boxes_option
def command(
    source: Path, target: Path, source_format: str, target_format: str, images: str, invalid_boxes: str
) -> None:
    """Convert the data set SRC with all its splits into a new folder DST.

    Boxes keep their precision. What the new format cannot hold is said: VOC has no crowd regions, YOLO has neither
    these nor difficult objects, and COCO alone keeps areas of masks.
    """
    from ....datasets.prepare.convert import convert

    with resumable("nothing was written"), showing_progress(f"bringing images of {source}") as report:
        done = convert(
            source,
            target,
            source_format,
            target_format,
            images=images,
            invalid_boxes=invalid_boxes,
            on_progress=report,
        )
    for loss in done.losses:
        click.echo(f"note: {loss}")
    objects = ", ".join(f"{split} {number}" for split, number in done.objects.items())
    click.echo(f"{done.images} images, objects: {objects}: {target}")
