"""``lqbench show gallery``: pictures for the gallery of `lqbench report`, of images on which methods disagree."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...datasets.errors import UserError
from .asking import behind_options
from .data_commands.options import (
    degrade_option,
    images_options,
    invalid_boxes_option,
    limit_option,
    refuse_both,
    resumable,
)
from .options import DEFAULT_STORE, load_plugins, names_option, plugin_option, store_option

if TYPE_CHECKING:
    from ...results.record import Record
    from ...results.store import Store
    from ..gallery_pictures import GalleryWork
    from ..plan import Group
    from ..request import Request

IMAGES = 8
OTHER = "it was computed with other weights, settings or source files than are asked for here."


@click.command()
@names_option("--method", "methods", help="Only these methods.  [default: all with a finished cell on the dataset]")
@click.option("--dataset", required=True, metavar="NAME", help="Dataset; see `lqbench list datasets`.")
@behind_options
@limit_option
@degrade_option
@invalid_boxes_option
@images_options(f"How many images, those of most disagreement first.  [default: {IMAGES}]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@store_option
@plugin_option
def gallery(
    *,
    methods: tuple[str, ...],
    dataset: str,
    images: int | None,
    image_ids: tuple[str, ...],
    device: str,
    store: Path,
    plugins: tuple[Path, ...],
    **asked: Any,
) -> None:
    """Store pictures of images on which methods disagree: degraded, clean, restored, and where a method looked.

    The images are those whose own AP differs most among the finished cells of the dataset in the store, but for methods
    that see the clean image. `lqbench report` shows the pictures with true boxes and each method's detections. Pictures
    belong to cells: name weights as `lqbench run` was told them. What is there already is not made again.
    """
    refuse_both(images, image_ids)
    from ...results.store import Store
    from ..device import choose_device

    load_plugins(plugins)
    opened = Store(store)
    found = _finished(opened, dataset, methods, asked)
    with resumable("the pictures that were written stay"):
        groups, left_out = _planned(_request(found, dataset, methods, asked), opened, found)
        for line in left_out:
            click.echo(line, err=True)
        work = _work(opened, groups, choose_device(device), image_ids, images or IMAGES)
        written = _make(work)
    ids = ", ".join(work.dataset.records[index].image_id for index in work.indices)
    click.echo(f"images, those of most disagreement first: {ids}" if not image_ids else f"images: {ids}")
    click.echo(f"pictures: {written} new in {store / 'pictures'}")
    click.echo("next: lqbench report" + ("" if store == DEFAULT_STORE else f" --store {shlex.quote(str(store))}"))


def _finished(store: Store, dataset: str, methods: Sequence[str], asked: dict[str, Any]) -> list[Record]:
    """Return the records of the finished cells that pictures are wanted of: those of one split and limit.

    Raises:
        UserError: There is none.
    """
    done = [record for record in store.records() if record.status == "done" and record.cell.dataset == dataset]
    for field in ("split", "limit"):
        if asked[field] is not None:
            done = [record for record in done if getattr(record.cell, field) == asked[field]]
    done = [record for record in done if not methods or record.cell.method in methods]
    if not done:
        raise UserError(
            f"there is no finished cell on {dataset} {'of ' + ', '.join(methods) + ' ' if methods else ''}in "
            f"{store.path}, and pictures belong to cells; compute some by `lqbench run --dataset {dataset}`."
        )
    most = Counter((record.cell.split, record.cell.limit) for record in done).most_common(1)[0][0]
    return [record for record in done if (record.cell.split, record.cell.limit) == most]


def _request(found: Sequence[Record], dataset: str, methods: Sequence[str], asked: dict[str, Any]) -> Request:
    """Return the request that gives the cells found, as far as the command line tells of them."""
    from ..request import Request
    from ..sr_files import parse_sr_weights

    names = methods or tuple(dict.fromkeys(record.cell.method for record in found))
    own = (str(record.cell.method_settings.get("detector") or "") for record in found)
    given = {name: asked[name] for name in ("weights", "data_root", "invalid_boxes", "degrade", "config")}
    return Request(
        tuple(names),
        (dataset,),
        asked["detectors"] or tuple(dict.fromkeys(name for name in own if name)),
        split=found[0].cell.split,
        limit=found[0].cell.limit,
        sr_weights=parse_sr_weights(asked["sr_files"], tuple(names)),
        **given,
    )


def _planned(request: Request, store: Store, found: Sequence[Record]) -> tuple[list[Group], list[str]]:
    """Return the groups whose cells are in the store, and a line for each stored cell that cannot be computed again.

    Raises:
        UserError: None can.
    """
    from rich.console import Console

    from ..device import usable_processors
    from ..once import Once
    from ..plan import Group, make_lenient_plan
    from ..progress import make_display, report_rendering

    with make_display(Console(stderr=True)) as display:
        plan = make_lenient_plan(request, Once(usable_processors(), report_rendering(display)))
    jobs = [(group, job) for group in plan.groups for job in group.jobs if store.has(job.cell)]
    groups = [Group(group.method, group.settings, group.weights, (job,)) for group, job in jobs]
    reachable = {job.cell.key for _, job in jobs}
    reasons = {blocked.method: " ".join(blocked.reasons) for blocked in plan.blocked}
    lost = [record.cell for record in found if record.cell.key not in reachable]
    left_out = [f"left out: {cell.directory}: {reasons.get(cell.method, OTHER)}" for cell in lost]
    if not groups:
        raise UserError(
            "\n".join([*left_out, "no cell is left to make pictures of; name weights as in `lqbench run`."])
        )
    return groups, left_out


def _work(store: Store, groups: Sequence[Group], device: str, image_ids: Sequence[str], count: int) -> GalleryWork:
    """Return what is to be made: the images chosen, and the cell that keeps the pictures that all share."""
    from ..gallery import by_disagreement, image_aps
    from ..gallery_pictures import GalleryWork
    from ..pictures import choose_images

    dataset = groups[0].jobs[0].dataset
    same = [record for record in store.records() if record.cell.dataset_fingerprint == dataset.fingerprint]
    owner = min((record.cell for record in same), key=lambda cell: cell.directory)
    if image_ids:
        indices = choose_images(dataset, image_ids, count)
    else:
        shown = {group.jobs[0].cell.key for group in groups}
        records = [record for record in same if record.cell.key in shown]
        aps = image_aps(store, records, store.ground_truth(dataset.fingerprint))
        ceilings = [record.cell.key for record in records if record.method_card.get("needs_clean")]
        indices = by_disagreement(aps, ceilings)[:count]
    return GalleryWork(groups, owner, indices, store.path, device)


def _make(work: GalleryWork) -> int:
    """Make the pictures with progress; return how many were written."""
    from rich.console import Console

    from ..gallery_pictures import make_pictures
    from ..progress import make_display

    with make_display(Console(stderr=True)) as display:
        title = f"pictures of {work.owner.dataset}"
        display.start(title, 0, work.steps)
        written = make_pictures(work, lambda: display.advance(title, 1))
        display.finish(title, "done", "")
    return written
