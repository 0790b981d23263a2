"""``lqbench data status``: which datasets are ready on this machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import click

from ..options import data_root_option


@dataclass(frozen=True)
class Status:
    """A dataset on this machine.

    Attributes:
        name: Its name.
        state: "ready" where the default split can be run, else "missing".
        ready: Splits that can be run.
        absent: Splits that something is missing for.
        missing: One sentence for each thing that is missing, over all splits.
        licence: Its licence.
    """

    name: str
    state: str
    ready: tuple[str, ...]
    absent: tuple[str, ...]
    missing: tuple[str, ...]
    licence: str


@click.command()
@click.argument("tracks", nargs=-1, metavar="[TRACK]...")
@data_root_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(tracks: tuple[str, ...], data_root: Path | None, as_json: bool) -> None:
    """Say which splits of which datasets are ready.

    For datasets named, also what is missing, where to get it and where to put it.
    """
    from ....datasets.catalog import dataset_registry

    found = [status_of(name, data_root) for name in tracks or dataset_registry()]
    if as_json:
        import json

        click.echo(json.dumps([asdict(status) for status in found], indent=2, ensure_ascii=False))
        return
    _print_table(found)
    if tracks:
        for line in dict.fromkeys(line for status in found for line in status.missing):
            click.echo(line)
    elif any(status.absent for status in found):
        click.echo("`lqbench data status TRACK` says where to get what is missing and where to put it.")


def status_of(name: str, data_root: Path | None) -> Status:
    """Look for what every split of a dataset needs.

    Raises:
        UserError: The name is unknown, or a data root does not exist.
    """
    from ....datasets.catalog import dataset_spec
    from ....datasets.requirements import missing_requirements

    spec = dataset_spec(name)
    missing = {split: missing_requirements(spec, data_root, split) for split in spec.splits}
    return Status(
        spec.name,
        "missing" if missing[spec.default_split] else "ready",
        tuple(split for split, lines in missing.items() if not lines),
        tuple(split for split, lines in missing.items() if lines),
        tuple(dict.fromkeys(line for lines in missing.values() for line in lines)),
        spec.licence,
    )


def _print_table(found: list[Status]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from ..console import table_console

    table = Table("dataset", "state", "ready splits", "missing splits", box=box.SIMPLE_HEAD, pad_edge=False)
    for status in found:
        splits = (", ".join(status.ready), ", ".join(status.absent))
        table.add_row(*(Text(text) for text in (status.name, status.state, *splits)))
    table_console().print(table)
