"""``lqbench run``: compute what is missing of a comparison, then print its table."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .main import INTERRUPTED, command_line
from .options import (
    DEFAULT_STORE,
    data_root_option,
    datasets_option,
    load_plugins,
    names_option,
    plugin_option,
    store_option,
)

if TYPE_CHECKING:
    from ..plan import Group, Request
    from ..runner import Outcome, RunOptions

FAILED = 1


@click.command()
@names_option("--method", "methods", required=True, help="Methods to compare; see `lqbench list methods`.")
@datasets_option(
    required=True, help="Datasets to run on, see `lqbench list datasets`; coco:PATH or voc:PATH for data of your own."
)
@click.option(
    "--degrade",
    default="",
    metavar="RECIPE",
    help='A further degradation on top, such as "blur(iso,var=2.4)|down(4)|noise(25)".',
)
@names_option("--detector", "detectors", help="Detectors behind the methods.  [default: that of each dataset]")
@click.option(
    "--config",
    metavar="FILE",
    help="Config of an mmdet model, for the detector mmdet: a file (it is run as code), or the name of one that comes "
    "with mmdet, such as retinanet/retinanet_r50_fpn_1x_coco.py.",
)
@click.option("--weights", type=click.Path(path_type=Path), help="Checkpoint of the detector.")
@click.option(
    "--sr-weights",
    "sr_files",
    multiple=True,
    metavar="[METHOD=]FILE",
    help="Weights of a method's super-resolution or restoration network; once for each such method.",
)
@data_root_option
@click.option("--split", help="Split of the datasets.  [default: that of each dataset]")
@click.option("--limit", type=click.IntRange(min=1), help="Use only the first so many images.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--batch-size", type=click.IntRange(1, 1024), default=4, show_default=True, help="Images per call.")
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    help="Processes that load images; 0 loads in this one. Results are the same for any number.  "
    "[default: 0 on one or two processors, else their number, at most 4]",
)
@store_option
@click.option("--redo", is_flag=True, help="Compute finished cells again.")
@click.option(
    "--crop-border",
    type=click.IntRange(0, 64),
    default=0,
    show_default=True,
    help="Pixels at each border that PSNR and SSIM leave out; super-resolution papers leave out as many as the scale. "
    "The metrics' names state it; finished cells keep what they have.",
)
@click.option(
    "--invalid-boxes",
    type=click.Choice(["error", "drop"]),
    default="error",
    show_default=True,
    help="What to do about annotated boxes without area or outside their image.",
)
@plugin_option
@click.option("--dry-run", is_flag=True, help="Print what would be computed, and stop.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    methods: tuple[str, ...],
    datasets: tuple[str, ...],
    degrade: str,
    detectors: tuple[str, ...],
    config: str | None,
    weights: Path | None,
    sr_files: tuple[str, ...],
    data_root: Path | None,
    split: str | None,
    limit: int | None,
    device: str,
    batch_size: int,
    workers: int | None,
    store: Path,
    redo: bool,
    crop_border: int,
    invalid_boxes: str,
    plugins: tuple[Path, ...],
    dry_run: bool,
) -> None:
    """Compare methods on datasets.

    Every method runs on every dataset. Finished cells are kept in the store and not computed again; after Ctrl-C the
    same command goes on where it stopped. Exit status: 0 all cells are done, 1 a cell failed, 2 a mistake in the
    command or in what was brought, 130 stopped by Ctrl-C.
    """
    from ..device import choose_device
    from ..loader import default_workers
    from ..plan import Request
    from ..runner import RunOptions
    from ..sr_files import parse_sr_weights

    load_plugins(plugins)
    enlarge = parse_sr_weights(sr_files, methods)
    request = Request(
        methods, datasets, detectors, weights, data_root, split, limit, invalid_boxes, degrade, config, enlarge
    )
    count = default_workers() if workers is None else workers
    options = RunOptions(choose_device(device), batch_size, count, redo, command_line(ctx), crop_border)
    try:
        groups = _plan(request, workers)
        if dry_run:
            _print_plan(groups, store)
            return
        outcomes = _run(groups, store, options)
    except KeyboardInterrupt:
        again = "finished cells are kept" if redo else "the same command goes on where it stopped"
        click.echo(f"lqbench: stopped; {again}.", err=True)
        ctx.exit(INTERRUPTED)
    _print_outcomes(outcomes, store)
    if any(outcome.state == "failed" for outcome in outcomes):
        ctx.exit(FAILED)


def _plan(request: Request, workers: int | None) -> Sequence[Group]:
    """Make the plan; scenes are rendered on as many processes as were asked for, else on all processors."""
    from rich.console import Console

    from ..device import usable_processors
    from ..plan import make_plan
    from ..progress import make_display, report_rendering

    processes = usable_processors() if workers is None else max(1, workers)
    with make_display(Console(stderr=True)) as display:
        return make_plan(request, processes=processes, on_render=report_rendering(display))


def _run(groups: Sequence[Group], path: Path, options: RunOptions) -> Sequence[Outcome]:
    """Compute the plan's cells."""
    from rich.console import Console

    from ...results.store import Store
    from ..progress import make_display
    from ..runner import run_cells

    store = Store.open(path)
    with make_display(Console(stderr=True)) as display:
        return run_cells(groups, store, options, display)


def _print_outcomes(outcomes: Sequence[Outcome], path: Path) -> None:
    """Print the table, what failed, where the records lie and what to type next."""
    from ...reports.terminal import print_table
    from ...results.store import Store
    from .console import table_console

    store = Store(path)
    print_table([outcome.record for outcome in outcomes], table_console())
    for outcome in outcomes:
        if outcome.state == "failed":
            click.echo(f"failed: traceback in {store.cell_path(outcome.record.cell) / 'record.json'}")
    stored = sum(outcome.state == "stored" for outcome in outcomes)
    if stored:
        click.echo(f"already done: {stored} of {len(outcomes)} cells (--redo computes them again)")
    click.echo(f"records: {path / 'cells'}")
    flag = "" if path == DEFAULT_STORE else f" --store {shlex.quote(str(path))}"
    click.echo(f"next: lqbench report{flag}")


def _print_plan(groups: Sequence[Group], path: Path) -> None:
    """Print every cell with its state in the store, which is neither made nor changed."""
    from ...results.store import Store

    store = Store(path)
    for group in groups:
        for job in group.jobs:
            state = "already done" if store.has(job.cell) else "to do"
            click.echo(f"{job.title} ({job.cell.split}, {len(job.dataset)} images): {state}  {job.cell.directory}")
