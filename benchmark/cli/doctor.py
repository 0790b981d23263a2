"""``lqbench doctor``: does the installation work, and what of the data and weights is there?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import data_root_option, store_option

if TYPE_CHECKING:
    from ..doctor import Finding

BROKEN = 1
COLOURS = {"ok": "green", "missing": "yellow", "broken": "red"}


@click.command()
@data_root_option
@store_option
@click.pass_context
def command(ctx: click.Context, data_root: Path | None, store: Path) -> None:
    """Check packages, devices, data roots, weights and the store, and say what to do.

    Exit status: 0 if lqbench works here, even without the data sets that have to be brought; 1 if something is broken.
    """
    from ..doctor import examine

    told: set[str] = set()
    broken = False
    for finding in examine(store, data_root):
        _print(finding, told)
        broken |= finding.state == "broken"
    if broken:
        ctx.exit(BROKEN)


def _print(finding: Finding, told: set[str]) -> None:
    """Print one finding and, indented, what to do about it; advice in ``told`` was given before."""
    state = click.style(f"{finding.state:<8}", fg=COLOURS[finding.state])
    click.echo(f"{state}{finding.section:<10}{finding.text}")
    for advice in finding.advice:
        for line in advice.splitlines():
            if line not in told:
                click.echo(f"{'':<18}{line}")
            told.add(line)
