"""``lqbench merge``: join stores that were filled in different places."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

EXAMPLE = """\b
Example:
  lqbench merge .lqbench/store /mnt/node1/store /mnt/node2/store
"""


@click.command(short_help="Copy the cells of stores into another one.", epilog=EXAMPLE)
@click.argument("target", type=click.Path(path_type=Path))
@click.argument("sources", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="SOURCE [SOURCE...]")
def command(target: Path, sources: tuple[Path, ...]) -> None:
    """Copy finished and failed cells, ground truth, pictures and timings of each SOURCE store into the store TARGET.

    Everything is checked before anything is copied: cells of one dataset that were computed on different contents of
    it, two different results of one cell, or a damaged cell end the merge with nothing changed. Cells that TARGET
    holds with equal results are passed over. Unfinished work is not copied. Stopped in between, the same command goes
    on. Exit status: 0 merged, 2 refused.
    """
    from ...results.merging import merge, plan_merge

    plan = plan_merge(target, sources)
    copied = sum(1 for _ in merge(plan))
    click.echo(f"copied {copied} cells into {target}")
    if plan.equal:
        click.echo(f"already there with equal results: {plan.equal}")
    if plan.passed_over:
        click.echo(f"failed cells of which there was something already: {plan.passed_over}")
    click.echo(f"next: lqbench report --store {shlex.quote(str(target))}")
