"""``lqbench plan``: what a run would compute, what is done, what is missing, and how long it may take. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .asking import Asked, asking_options
from .options import load_plugins, plugin_option, store_option

if TYPE_CHECKING:
    from ..plan import Plan
    from ..states import CellStatus

ALL_ROWS = 200
SOME_ROWS = 20


@click.command()
@asking_options
@store_option
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(store: Path, plugins: tuple[Path, ...], as_json: bool, **asked: Any) -> None:
    """Show the cells of a selection and their states in the store.

    \b
    done     a result is there
    stale    a result of another version of method, weights or data is there
    failed   the last attempt failed
    damaged  the stored files cannot be used
    running  another launcher computes it
    to do    nothing is there
    blocked  data or weights are missing

    Nothing is computed and the store is not changed; embedded scenes are rendered where their boxes are not known yet.
    Times are those of earlier records of the same method.

    \b
    Examples:
      lqbench plan --method hr,lr,bicubic --dataset scenes-d,scenes-lr-x4
      lqbench plan --method "*" --dataset "scenes-*"
      lqbench plan --suite tdsr-table1
    """  # noqa: D301  click reads \b as "keep the lines of this paragraph"
    from ...results.store import Store
    from ..states import statuses

    load_plugins(plugins)
    plan = Asked.of(asked).plan(lenient=True)
    found = statuses(plan.groups, Store(store))
    if as_json:
        _print_json(plan, found)
    else:
        print_plan(plan, found)


def print_plan(plan: Plan, found: Sequence[CellStatus]) -> None:
    """Print a table of all cells, why some cannot be computed, and a closing line.

    Of a plan with more than ``ALL_ROWS`` cells only the first ``SOME_ROWS`` of each state are listed.
    """
    from rich.table import Table
    from rich.text import Text

    from .console import table_console

    rows = _rows(plan, found)
    many = len(rows) > ALL_ROWS
    listed: dict[str, int] = {}
    table = Table("cell", "split", "images", "state", "time", "", box=None, pad_edge=False)
    for row in rows:
        listed[row[3]] = listed.get(row[3], 0) + 1
        if not many or listed[row[3]] <= SOME_ROWS:
            table.add_row(*map(Text, row))
    table_console().print(table)
    for number, reason in enumerate(_reasons(plan), start=1):
        click.echo(f"lacks {number}: {reason}")
    if many:
        click.echo(f"listed: at most {SOME_ROWS} cells of each state; --json of `lqbench plan` lists all")
    click.echo(closing_line(plan, found))


def _rows(plan: Plan, found: Sequence[CellStatus]) -> list[tuple[str, ...]]:
    """Return the columns of the table: cell, split, images, state, time and what there is to say."""
    from ..eta import duration

    rows: list[tuple[str, ...]] = []
    for one in found:
        time = "" if one.seconds is None or one.state == "done" else duration(one.seconds)
        rows.append((one.job.title, one.job.cell.split, f"{len(one.job.dataset):,}", one.state, time, one.why))
    numbers = {reason: str(number) for number, reason in enumerate(_reasons(plan), start=1)}
    for blocked in plan.blocked:
        rows.append(
            (blocked.title, "", "", "blocked", "", f"lacks {', '.join(numbers[one] for one in blocked.reasons)}")
        )
    return rows


def _reasons(plan: Plan) -> list[str]:
    """Return what cells lack, each sentence once: many cells lack the same."""
    return list(dict.fromkeys(reason for blocked in plan.blocked for reason in blocked.reasons))


def closing_line(plan: Plan, found: Sequence[CellStatus]) -> str:
    """Return how many cells are in which state, and how long the rest may take."""
    from collections import Counter

    from ..eta import duration

    counts = Counter(one.state for one in found)
    parts = [f"{count} {state}" for state, count in counts.items()]
    parts += [f"{len(plan.blocked)} blocked"] if plan.blocked else []
    left = [one.seconds for one in found if one.state != "done"]
    known = [seconds for seconds in left if seconds is not None]
    time = f"; about {duration(sum(known))} of computing" if known else ""
    time += f" and {len(left) - len(known)} cells of unknown length" if known and len(known) < len(left) else ""
    return f"{len(found) + len(plan.blocked)} cells: {', '.join(parts) or 'none'}{time}"


def _print_json(plan: Plan, found: Sequence[CellStatus]) -> None:
    import json

    cells = [
        {
            "cell": one.job.cell.directory,
            "title": one.job.title,
            "images": len(one.job.dataset),
            "state": one.state,
            "why": one.why,
            "seconds": one.seconds,
        }
        for one in found
    ]
    blocked = [{"title": one.title, "reasons": list(one.reasons)} for one in plan.blocked]
    click.echo(json.dumps({"cells": cells, "blocked": blocked}, indent=1))
