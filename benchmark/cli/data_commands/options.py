"""Options and messages that the commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ....datasets.errors import UserError
from ..options import add_options

if TYPE_CHECKING:
    from pathlib import Path

    from ....datasets.dataset import Dataset
    from ...progress import Display

INTERRUPTED = 130
Progress = Callable[[int, int], None]

split_option = click.option("--split", default=None, help="Split to take; the dataset's default else.")
limit_option = click.option(
    "--limit", type=click.IntRange(min=1), default=None, help="Take the first so many images of the split."
)
degrade_option = click.option(
    "--degrade",
    default="",
    metavar="TEXT",
    help='Degrade further, such as "blur(iso,var=2.4)|down(4)|noise(25)".',
)
invalid_boxes_option = click.option(
    "--invalid-boxes",
    type=click.Choice(("error", "drop")),
    default="error",
    show_default=True,
    help="End at boxes without an area or outside of their image, or leave them out and count them.",
)
workers_option = click.option(
    "--workers", type=click.IntRange(min=1), default=None, help="Processes to use; all usable processors else."
)


def worker_count(workers: int | None) -> int:
    """Return the number of processes: what was asked for, else all usable processors."""
    from ...device import usable_processors

    return workers or usable_processors()


@contextmanager
def showing_progress(title: str) -> Iterator[Progress]:
    """Yield a function to be told (done, total), which shows it on standard error under a title."""
    from rich.console import Console

    from ...progress import make_display

    with make_display(Console(stderr=True)) as display:
        yield _Shown(title, display)
        display.finish(title, "done", "")


class _Shown:
    """Turns counts so far into what a display wants; a count that falls begins a new bar."""

    def __init__(self, title: str, display: Display) -> None:
        self._title, self._display = title, display
        self._done: int | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._done is None or done < self._done:
            self._display.finish(self._title, "done", "")
            self._done = done if done != 1 else 0
            self._display.start(self._title, self._done, total)
        self._display.advance(self._title, done - self._done)
        self._done = done


@contextmanager
def resumable(message: str) -> Iterator[None]:
    """End with status 130 and a sentence when the user presses Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"lqbench: stopped; {message}.", err=True)
        raise SystemExit(INTERRUPTED) from None


def open_shown(name: str, *, workers: int, **options: Any) -> Dataset:
    """Open a dataset; scenes that are not in the cache yet are rendered with progress."""
    from ....datasets.dataset import open_dataset

    with showing_progress(f"rendering scenes for {name}") as report:
        return open_dataset(name, workers=workers, on_progress=report, **options)


def quoted(path: Path) -> str:
    """Return a path as it is written in a shell."""
    import shlex

    return shlex.quote(str(path))


def images_options(count_help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds the options that say of which images to make pictures; ``refuse_both`` checks them.

    Args:
        count_help: On the option that says how many.
    """
    options = (
        click.option("--images", type=click.IntRange(min=1), help=count_help),
        click.option(
            "--image",
            "image_ids",
            multiple=True,
            metavar="ID",
            help="Id of an image to show in their place; may be repeated.",
        ),
    )
    return lambda command: add_options(command, options)


def refuse_both(images: int | None, image_ids: Sequence[str]) -> None:
    """Refuse that images are both counted and named.

    Raises:
        UserError: They are.
    """
    if images is not None and image_ids:
        raise UserError("--images and --image exclude each other; say how many images, or which.")
