"""``lqbench time``: how fast methods are, measured apart from how well they detect."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .asking import behind_options
from .main import INTERRUPTED, command_line
from .options import (
    DEFAULT_STORE,
    datasets_option,
    load_plugins,
    names_option,
    plugin_option,
    store_option,
)

if TYPE_CHECKING:
    from ..plan import Group
    from ..request import Request
    from ..timing.job import TimingOptions
    from ..timing.session import TimingOutcome

FAILED = 1


@click.command()
@names_option("--method", "methods", required=True, help="Methods to time; see `lqbench list methods`.")
@datasets_option(required=True, help="Datasets whose images to time them on; see `lqbench list datasets`.")
@behind_options
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="Images to time, spread evenly over the dataset.",
)
@click.option("--batch-size", type=click.IntRange(1, 1024), default=1, show_default=True, help="Images per call.")
@click.option(
    "--warm-up", type=click.IntRange(0, 10_000), default=5, show_default=True, help="Calls before the timed ones."
)
@click.option(
    "--repeat",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="Timed passes over the images. More images tell more: further passes average the machine's noise alone.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    help="Threads of one operation.  [default: OMP_NUM_THREADS, else the processors that may be used]",
)
@store_option
@click.option("--again", is_flag=True, help="Measure also what was measured undisturbed before.")
@plugin_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    methods: tuple[str, ...],
    datasets: tuple[str, ...],
    detectors: tuple[str, ...],
    config: str | None,
    weights: Path | None,
    sr_files: tuple[str, ...],
    data_root: Path | None,
    split: str | None,
    limit: int,
    batch_size: int,
    warm_up: int,
    repeat: int,
    device: str,
    threads: int | None,
    store: Path,
    again: bool,
    plugins: tuple[Path, ...],
) -> None:
    """Measure how fast methods are.

    Each method is timed in a process of its own, on images that are in memory already. Leave the machine alone
    meanwhile: a timing during which others computed is marked, compared with nothing, and measured anew by the next
    call. Exit status: 0 all were timed, 1 one failed, 2 a mistake in the command or in what was brought, 130 stopped by
    Ctrl-C.
    """
    from ..device import choose_device
    from ..request import Request
    from ..sr_files import parse_sr_weights
    from ..timing.job import TimingOptions, default_threads

    load_plugins(plugins)
    request = Request(
        methods=methods,
        datasets=datasets,
        detectors=detectors,
        weights=weights,
        data_root=data_root,
        split=split,
        config=config,
        sr_weights=parse_sr_weights(sr_files, methods),
    )
    options = TimingOptions(
        device=choose_device(device),
        threads=threads or default_threads(),
        batch_size=batch_size,
        limit=limit,
        warm_up=warm_up,
        repeat=repeat,
        again=again,
        plugins=tuple(path.expanduser().resolve() for path in plugins),
        command=command_line(ctx),
    )
    try:
        outcomes = _time(request, options, store)
    except KeyboardInterrupt:
        click.echo("lqbench: stopped; finished timings are kept.", err=True)
        ctx.exit(INTERRUPTED)
    _print_outcomes(outcomes, store)
    click.echo(f"next: {_next(ctx)}")
    if any(outcome.state == "failed" for outcome in outcomes):
        ctx.exit(FAILED)


def _time(request: Request, options: TimingOptions, path: Path) -> Sequence[TimingOutcome]:
    """Make the plan and time its cells."""
    from rich.console import Console

    from ...results.store import Store
    from ..device import usable_processors
    from ..plan import make_plan
    from ..progress import make_display, report_rendering
    from ..timing.session import time_cells

    with make_display(Console(stderr=True)) as display:
        groups: Sequence[Group] = make_plan(request, processes=usable_processors(), on_render=report_rendering(display))
        return time_cells(groups, Store.open(path).path, options, display)


def _print_outcomes(outcomes: Sequence[TimingOutcome], path: Path) -> None:
    """Print the tables, what failed, where the records lie and what to type next."""
    from ...reports.timing import print_timings
    from ...results.timing import timing_path
    from .console import table_console

    print_timings([outcome.record for outcome in outcomes], table_console())
    for outcome in outcomes:
        if outcome.state == "failed":
            folder = timing_path(path, outcome.record.cell, outcome.record.conditions)
            click.echo(f"failed: what it said last is in {folder / 'timing.json'}")
    stored = sum(outcome.state == "stored" for outcome in outcomes)
    if stored:
        click.echo(f"already timed: {stored} of {len(outcomes)} (--again measures them anew)")
    if any(outcome.state == "measured" and not outcome.record.quiet for outcome in outcomes):
        click.echo(
            "disturbed: the same command measures the rows marked with * anew; leave the machine alone meanwhile"
        )
    click.echo(f"records: {path / 'timings'}")


def _next(ctx: click.Context) -> str:
    """Return the command that computes how well the same methods detect on the same data."""
    given = ctx.params
    words = ["lqbench", "run", "--method", ",".join(given["methods"]), "--dataset", ",".join(given["datasets"])]
    if given["detectors"]:
        words += ["--detector", ",".join(given["detectors"])]
    for name in ("config", "weights", "data_root", "split"):
        if given[name] is not None:
            words += [f"--{name.replace('_', '-')}", str(given[name])]
    for option, values in (("--sr-weights", given["sr_files"]), ("--plugin", given["plugins"])):
        words += [word for value in values for word in (option, str(value))]
    return shlex.join(words if given["store"] == DEFAULT_STORE else [*words, "--store", str(given["store"])])
