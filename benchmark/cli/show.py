"""``lqbench show``: pictures of what a method does to an image. Imports no torch until a picture is made."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .data_commands.options import (
    degrade_option,
    images_options,
    invalid_boxes_option,
    limit_option,
    refuse_both,
    resumable,
    split_option,
)
from .options import DEFAULT_STORE, data_root_option, load_plugins, plugin_option, store_option
from .show_gallery import gallery

if TYPE_CHECKING:
    from ..pictures import Shown
    from ..plan import Group
    from ..request import Request

IMAGES = 4


@click.group()
def command() -> None:
    """Show in pictures what methods look at, restore and find."""


command.add_command(gallery)


@command.command()
@click.option(
    "--method", default="lcp", show_default=True, metavar="NAME", help="Method; one that has a mask, such as lcp-crux."
)
@click.option("--dataset", required=True, metavar="NAME", help="Dataset; see `lqbench list datasets`.")
@click.option("--weights", type=click.Path(path_type=Path), help="Checkpoint, where the bundled one is not meant.")
@data_root_option
@split_option
@limit_option
@degrade_option
@invalid_boxes_option
@images_options(f"How many images to show, evenly over the dataset.  [default: {IMAGES}]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@store_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the pictures.  [default: the store, where `lqbench report` finds them]",
)
@plugin_option
def crux(
    *,
    method: str,
    dataset: str,
    weights: Path | None,
    data_root: Path | None,
    split: str | None,
    limit: int | None,
    degrade: str,
    invalid_boxes: str,
    images: int | None,
    image_ids: tuple[str, ...],
    device: str,
    store: Path,
    out: Path | None,
    plugins: tuple[Path, ...],
) -> None:
    """Write image, mask and crux side by side, and say how much of the mask lies on objects.

    The mask is what the method learnt to look at, from 0 (dark) to 1 (bright); the crux is the image under it. Options
    that choose images and weights mean what they mean in `lqbench run`, so that the pictures belong to the same cell.
    """
    refuse_both(images, image_ids)
    from ..device import choose_device
    from ..pictures import refuse_maskless
    from ..request import Request

    load_plugins(plugins)
    refuse_maskless(method)
    request = Request((method,), (dataset,), (), weights, data_root, split, limit, invalid_boxes, degrade)
    with resumable("the pictures that were written stay"):
        group = _plan(request)
        folder, shown = _show(group, images or IMAGES, image_ids, choose_device(device), store, out)
    _print_table(group, shown)
    click.echo(f"pictures: {folder}")
    if out is None:
        click.echo(_what_next(group, store))


def _plan(request: Request) -> Group:
    """Return the one method of a request with its cell; scenes that are not in their cache yet are rendered."""
    from rich.console import Console

    from ..device import usable_processors
    from ..plan import make_plan
    from ..progress import make_display, report_rendering

    with make_display(Console(stderr=True)) as display:
        (group,) = make_plan(request, processes=usable_processors(), on_render=report_rendering(display))
    return group


def _show(
    group: Group, count: int, image_ids: Sequence[str], device: str, store: Path, out: Path | None
) -> tuple[Path, list[Shown]]:
    """Write the pictures; return their folder and what each is about."""
    from rich.console import Console

    from ...results.pictures import picture_folder
    from ...results.store import Store
    from ..pictures import choose_images, show_crux
    from ..progress import make_display

    job = group.jobs[0]
    chosen = choose_images(job.dataset, image_ids, count)
    folder = picture_folder(Store.open(store).path, job.cell) if out is None else out
    with make_display(Console(stderr=True)) as display:
        title = f"masks of {job.title}"
        display.start(title, 0, len(chosen))
        shown = show_crux(group, chosen, folder, device, lambda: display.advance(title, 1))
        display.finish(title, "done", "")
    return folder, shown


def _print_table(group: Group, shown: Sequence[Shown]) -> None:
    """Print one row an image, and one over all their pixels where there are several."""
    import pandas as pd

    from ..attention import pooled
    from .results_commands.output import decimals, percent, print_frame

    rows = [(one.image_id, one.attention, one.path.name) for one in shown]
    if len(rows) > 1:
        rows.append((f"all {len(rows)}", pooled(one.attention for one in shown), ""))
    columns = {
        "image": ("image", str),
        "mean": ("mask mean", decimals(3)),
        "inside": ("mask in boxes [%]", percent),
        "area": ("boxes' area [%]", percent),
        "ratio": ("ratio", decimals(2)),
        "picture": ("picture", str),
    }
    figures = ("mean", "inside", "area", "ratio")
    frame = pd.DataFrame(
        [
            {"image": name, **{figure: getattr(found, figure) for figure in figures}, "picture": picture}
            for name, found, picture in rows
        ]
    )
    print_frame(f"{group.jobs[0].title}: where the mask lies", frame, columns)
    click.echo("ratio: the boxes' share of the mask by their share of the area; 1 for an even mask, more on objects.")


def _what_next(group: Group, store: Path) -> str:
    """Return what to type to see the pictures in the report."""
    from ...results.store import Store

    flag = "" if store == DEFAULT_STORE else f" --store {shlex.quote(str(store))}"
    if (Store(store).cell_path(group.jobs[0].cell) / "record.json").is_file():
        return f"next: lqbench report{flag}"
    return (
        f"next: `lqbench run` with the same method, dataset and weights, then `lqbench report{flag}` shows the pictures"
    )
