"""``lqbench data verify``: is a dataset what it should be?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..options import data_root_option
from .options import resumable, showing_progress, split_option, worker_count, workers_option

if TYPE_CHECKING:
    from ....datasets.prepare.finding import Finding

WRONG = 1
COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}


@click.command()
@click.argument("track", metavar="TRACK|FOLDER")
@data_root_option
@split_option
@click.option("--subset", is_flag=True, help="Fewer images than published are no problem.")
@workers_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
@click.pass_context
def command(
    ctx: click.Context,
    track: str,
    data_root: Path | None,
    split: str | None,
    subset: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Check TRACK as it lies here, or a FOLDER that `lqbench data build` wrote.

    Counts, classes, boxes, areas, every image, files in two splits, checksums. Exit status: 0 nothing is wrong, 1
    something is (one line each), 2 a mistake in the command or no data.
    """
    from ....datasets.prepare.verify import verify

    processes = worker_count(workers)
    with resumable("nothing was changed"), showing_progress(f"decoding images of {track}") as report:
        found = list(
            verify(track, data_root=data_root, split=split, subset=subset, workers=processes, on_progress=report)
        )
    wrong = sum(finding.state == "problem" for finding in found)
    if as_json:
        content = {"dataset": track, "problems": wrong, "findings": [asdict(finding) for finding in found]}
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))
    else:
        _print(found)
        click.echo(f"{track}: {wrong or 'no'} problem{'' if wrong == 1 else 's'}")
    if wrong:
        ctx.exit(WRONG)


def _print(found: Iterable[Finding]) -> None:
    for finding in found:
        state = click.style(f"{finding.state:<9}", fg=COLOURS[finding.state])
        click.echo(f"{state}{finding.check:<13}{finding.text}")
