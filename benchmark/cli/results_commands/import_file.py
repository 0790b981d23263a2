"""``lqbench results import``: detections of a method that ran elsewhere become a cell."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from ..main import command_line
from ..options import DEFAULT_STORE, data_root_option, store_option

NAME = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,63}", re.IGNORECASE)

EXAMPLE = """\b
Example:
  lqbench results import found.json --method theirs --dataset scenes-d
"""


def _name(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """Refuse names that a cell's folder cannot carry."""
    if not NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r}: use up to 64 letters, digits, dots, hyphens and underscores")
    return value


@click.command(short_help="Detections of another tool become a cell.", epilog=EXAMPLE)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--method", required=True, callback=_name, metavar="NAME", help="What to call the method in tables.")
@click.option("--dataset", required=True, metavar="NAME", help="Dataset that it ran on; see `lqbench list datasets`.")
@click.option("--split", help="Split of the dataset.  [default: that of the dataset]")
@click.option("--limit", type=click.IntRange(min=1), help="It ran on the first so many images only.")
@data_root_option
@click.option("--degrade", default="", metavar="RECIPE", help="A further degradation on top, as of `lqbench run`.")
@click.option(
    "--invalid-boxes",
    type=click.Choice(["error", "drop"]),
    default="error",
    show_default=True,
    help="As of `lqbench run`.",
)
@click.option(
    "--frame",
    type=click.Choice(["degraded", "annotated"]),
    default="degraded",
    show_default=True,
    help="In whose pixels the boxes are: of the degraded images, or of the images as they were annotated.",
)
@store_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    file: Path,
    method: str,
    dataset: str,
    split: str | None,
    limit: int | None,
    data_root: Path | None,
    degrade: str,
    invalid_boxes: str,
    frame: str,
    store: Path,
) -> None:
    """Store the detections of a COCO results FILE as a cell, scored like all others.

    FILE is a list of {image_id, category_id, bbox, score}, with the ids that `lqbench results export` and `lqbench
    data build` write. Images that it does not name have no detections. The best 100 detections of an image are kept.
    """
    from typing import cast

    from ....datasets.dataset import open_dataset
    from ....reports.terminal import print_table
    from ....results.coco_export import Frame
    from ...importing import import_detections
    from ..console import table_console

    opened = open_dataset(
        dataset, data_root=data_root, split=split, limit=limit, invalid_boxes=invalid_boxes, degrade=degrade
    )
    done = import_detections(file, method, opened, store, cast(Frame, frame), command_line(ctx))
    if done.dropped:
        click.echo(f"note: {done.dropped} detections left out: only the best 100 of an image are kept")
    if not done.new:
        click.echo("already there: this file was imported before")
    print_table([done.record], table_console())
    click.echo(f"next: lqbench report{'' if store == DEFAULT_STORE else f' --store {shlex.quote(str(store))}'}")
