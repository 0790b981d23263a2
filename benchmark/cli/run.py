"""``lqbench run``: compute what is missing of a comparison, then print its table."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .asking import Asked, asking_options
from .engine_options import engine_options, make_engine, threads_of
from .main import INTERRUPTED, MISTAKE, command_line
from .options import DEFAULT_STORE, load_plugins, plugin_option, store_option
from .plan import closing_line, print_plan

if TYPE_CHECKING:
    from ...results.runs import SkippedCell
    from ...results.store import Store
    from ..engines.base import Engine
    from ..plan import Blocked, Group, Plan
    from ..runner import CellOutcome, RunOptions
    from ..states import CellStatus, Policy
    from ..trackers import Tracker

FAILED = 1


@click.command()
@asking_options
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--batch-size", type=click.IntRange(1, 1024), default=4, show_default=True, help="Images per call.")
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    help="Processes that load images; 0 loads in this one. Results are the same for any number.  "
    "[default: 0 on one or two processors and on ray and slurm, else the processors, at most 4]",
)
@store_option
@click.option(
    "--only-missing", "policy", flag_value="only-missing", default=True, help="Compute what is not done.  [default]"
)
@click.option(
    "--only-stale", "policy", flag_value="only-stale", help="Compute only what has changed since it was done."
)
@click.option("--always", "policy", flag_value="always", help="Compute finished cells again.")
@click.option("--never", "policy", flag_value="never", help="Compute nothing; print what is done.")
@click.option("--skip-blocked", is_flag=True, help="Leave out cells whose data or weights are missing, and name them.")
@click.option(
    "--crop-border",
    type=click.IntRange(0, 64),
    default=0,
    show_default=True,
    help="Pixels at each border that PSNR and SSIM leave out; super-resolution papers leave out as many as the scale. "
    "The metrics' names state it; finished cells keep what they have.",
)
@engine_options
@click.option(
    "--track", type=click.Choice(["mlflow", "wandb"]), help="Also log every cell to MLflow or Weights & Biases."
)
@plugin_option
@click.option("--dry-run", is_flag=True, help="Print the plan, and stop; see `lqbench plan`.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    device: str,
    batch_size: int,
    workers: int | None,
    store: Path,
    policy: Policy,
    skip_blocked: bool,
    crop_border: int,
    track: str | None,
    plugins: tuple[Path, ...],
    dry_run: bool,
    engine: str,
    jobs: int | None,
    address: str | None,
    slurm: tuple[str, ...],
    threads: int | None,
    shard_images: int | None,
    **asked: Any,
) -> None:
    """Compare methods on datasets.

    Every method runs on every dataset. Finished cells are kept in the store and not computed again; after Ctrl-C the
    same command goes on where it stopped. Exit status: 0 all cells are done, 1 a cell failed, 2 a mistake in the
    command or in what was brought, 130 stopped by Ctrl-C.

    \b
    Examples:
      lqbench run --method hr,lr,bicubic --dataset scenes-d
      lqbench run --method "aeris*" --dataset "scenes-*" --engine ray --jobs 2
    """  # noqa: D301  click reads \b as "keep the lines of this paragraph"
    from ...results.store import Store
    from ..device import choose_device
    from ..loader import default_workers
    from ..runner import RunOptions
    from ..states import statuses

    load_plugins(plugins)
    chosen = make_engine(engine, jobs, address, slurm)
    wanted = Asked.of(asked)
    try:
        plan = wanted.plan(lenient=wanted.wide or skip_blocked, workers=workers)
        found = statuses(plan.groups, Store(store))
        if dry_run:
            print_plan(plan, found)
            return
        count = workers if workers is not None else default_workers() if engine == "inline" else 0
        cut = shard_images if shard_images is not None else chosen.shard_images
        options = RunOptions(
            choose_device(device), batch_size, count, policy == "always", command_line(ctx), crop_border,
            tuple(path.resolve() for path in plugins), cut, engine=engine,
            jobs=chosen.jobs,
            threads=threads_of(engine, threads, slurm),
        )  # fmt: skip
        launch = _Launch(store, options, chosen, track, plan.blocked)
        outcomes = launch.run(_narrowed(plan.groups, found, policy), found)
    except KeyboardInterrupt:
        again = "finished cells are kept" if policy == "always" else "the same command goes on where it stopped"
        click.echo(f"lqbench: stopped; {again}.", err=True)
        ctx.exit(INTERRUPTED)
    _print_outcomes(outcomes, store)
    _print_left_out(plan, found, outcomes)
    ctx.exit(_status(outcomes))


def _narrowed(groups: Sequence[Group], found: Sequence[CellStatus], policy: Policy) -> list[Group]:
    """Return the cells that a policy computes, and those that are done and belong into the table."""
    kept = {one.job.cell.key for one in found if one.state == "done" or one.wanted(policy)}
    chosen = [replace(group, jobs=tuple(job for job in group.jobs if job.cell.key in kept)) for group in groups]
    return [group for group in chosen if group.jobs]


class _Launch:
    """One run: its note in the store, its display, its tracker."""

    def __init__(
        self, path: Path, options: RunOptions, engine: Engine, track: str | None, blocked: Sequence[Blocked]
    ) -> None:
        self._path = path
        self._blocked = blocked
        self._options = options
        self._engine = engine
        self._track = track

    def run(self, groups: Sequence[Group], found: Sequence[CellStatus]) -> Sequence[CellOutcome]:
        """Compute the plan's cells."""
        from ...results.runs import BROKEN, ENDED, STOPPED, end_run, new_run, write_run
        from ...results.store import Store

        if not groups:
            return []
        tracker = self._tracker()
        store = Store.open(self._path)
        note = new_run(
            self._options.command,
            self._options.engine,
            self._engine.jobs,
            _planned(groups, found, self._options),
            _skipped(self._blocked),
        )
        write_run(self._path, note)
        state = BROKEN
        try:
            if tracker is not None:
                tracker.begin(note)
            outcomes = self._compute(groups, store, note.id, found, tracker)
            state = ENDED
        except KeyboardInterrupt:
            state = STOPPED
            raise
        finally:
            self._engine.close()
            if tracker is not None:
                tracker.end(state)
            end_run(self._path, note, state)
        return outcomes

    def _tracker(self) -> Tracker | None:
        from ..trackers import make_tracker

        return make_tracker(self._track, self._path) if self._track else None

    def _compute(
        self, groups: Sequence[Group], store: Store, run: str, found: Sequence[CellStatus], tracker: Tracker | None
    ) -> Sequence[CellOutcome]:
        from rich.console import Console

        from ..progress import make_display
        from ..runner import run_cells

        estimates = {one.job.cell.directory: one.seconds for one in found if one.seconds is not None}
        with make_display(Console(stderr=True)) as display:
            return run_cells(
                groups,
                store,
                replace(self._options, run=run),
                display,
                self._engine,
                estimates,
                _tell(tracker),
                {one.job.cell.key for one in found if one.state == "done"},
            )


def _tell(tracker: Tracker | None) -> Callable[[CellOutcome], None]:
    """Return what hands a cell's record to a tracker, unless it was there before."""

    def tell(outcome: CellOutcome) -> None:
        if tracker is not None and outcome.state != "stored":
            tracker.cell(outcome.record)

    return tell


def _planned(groups: Sequence[Group], found: Sequence[CellStatus], options: RunOptions) -> list[Any]:
    """Return the cells of a run for its note, which ``lqbench status`` reads."""
    from ...results.runs import PlannedCell

    known = {one.job.cell.key: one for one in found}
    return [
        PlannedCell(
            directory=job.cell.directory,
            title=job.title,
            images=len(job.dataset),
            seconds=known[job.cell.key].seconds,
            state="done again" if options.redo and known[job.cell.key].state == "done" else known[job.cell.key].state,
        )
        for group in groups
        for job in group.jobs
    ]


def _skipped(blocked: Sequence[Blocked]) -> list[SkippedCell]:
    """Return what a run leaves out for its note, which ``lqbench report`` reads."""
    from ...results.runs import SkippedCell

    return [SkippedCell(method=one.method, dataset=one.dataset, reason=" ".join(one.reasons)) for one in blocked]


def _print_outcomes(outcomes: Sequence[CellOutcome], path: Path) -> None:
    """Print the table, what failed, where the records lie and what to type next."""
    from ...reports.terminal import print_table
    from ...results.logs import log_path
    from ...results.store import Store
    from .console import table_console

    store = Store(path)
    records = [outcome.record for outcome in outcomes]
    print_table(records, table_console())
    for record in [one.record for one in outcomes if one.state == "failed" and not one.mistake]:
        click.echo(
            f"failed: traceback in {store.cell_path(record.cell) / 'record.json'}, log in "
            f"{log_path(path, record.cell.directory)}"
        )
    stored = sum(outcome.state == "stored" for outcome in outcomes)
    if stored:
        click.echo(f"already done: {stored} of {len(outcomes)} cells (--always computes them again)")
    if records:
        click.echo(f"records: {path / 'cells'}")
        flag = "" if path == DEFAULT_STORE else f" --store {shlex.quote(str(path))}"
        click.echo(f"next: lqbench report{flag}")


def _print_left_out(plan: Plan, found: Sequence[CellStatus], outcomes: Sequence[CellOutcome]) -> None:
    """Name the cells that were not computed, and why; then the mistakes that made cells fail."""
    for blocked in plan.blocked:
        click.echo(f"left out: {blocked.title}: {' '.join(blocked.reasons)}", err=True)
    dealt = {outcome.record.cell.key for outcome in outcomes}
    alone = [one for one in found if one.job.cell.key not in dealt]
    if alone:
        click.echo(f"left alone: {len(alone)} cells that these options do not compute ({closing_line(plan, found)})")
    mistakes = [outcome.record.error for outcome in outcomes if outcome.mistake]
    for line in dict.fromkeys(line for error in mistakes for line in error.splitlines()):
        click.echo(f"lqbench: {line}", err=True)


def _status(outcomes: Sequence[CellOutcome]) -> int:
    """Return the exit status: a mistake of the user counts more than a failure."""
    if any(outcome.mistake for outcome in outcomes):
        return MISTAKE
    return FAILED if any(outcome.state == "failed" for outcome in outcomes) else 0
