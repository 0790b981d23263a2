"""``lqbench data fetch``: download what may be had without registration."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import data_root_option
from .options import resumable, split_option

MEGABYTE = 1_000_000


@click.command()
@click.argument("track")
@data_root_option
@split_option
@click.option(
    "--mirror", default="", metavar="URL", help="Folder that has the archives, in place of the set's own site."
)
@click.option("--keep", is_flag=True, help="Keep the archives after they are unpacked.")
def command(track: str, data_root: Path | None, split: str | None, mirror: str, keep: bool) -> None:
    """Download and unpack what TRACK still needs: COCO 2017 or PASCAL VOC 2007.

    A stopped download goes on where it was. Other data sets ask for registration: `lqbench data status TRACK` says
    where to get them.
    """
    from ....datasets.catalog import dataset_spec
    from ....datasets.prepare.fetch import fetch
    from ....datasets.prepare.verify import chosen_split

    spec = dataset_spec(track)
    with resumable("the same command goes on where it stopped"):
        root = fetch(spec, chosen_split(spec, split), data_root, _Lines(), mirror=mirror, keep=keep)
    click.echo(f"{spec.name} is ready in {root}")


class _Lines:
    """Says on standard error how far a download is: at each tenth of it, or each hundred megabytes."""

    def __init__(self) -> None:
        self._shown = 0

    def start(self, title: str) -> None:
        """Begin a download."""
        self._shown = 0
        self.line(title)

    def progress(self, done: int, total: int) -> None:
        """Show the bytes from time to time."""
        step = max(total // 10, MEGABYTE) if total else 100 * MEGABYTE
        if done - self._shown >= step or done == total:
            self._shown = done
            whole = f" of {total / MEGABYTE:.1f}" if total else ""
            self.line(f"{done / MEGABYTE:.1f}{whole} MB")

    def line(self, text: str) -> None:
        """Say something."""
        click.echo(text, err=True)
