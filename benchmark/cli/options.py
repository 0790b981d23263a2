"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

DEFAULT_STORE = Path(".lqbench/store")


def split_names(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of a repeatable option whose values may be comma lists, each once, in the order given."""
    names = [name.strip() for value in values for name in value.split(",")]
    if any(not name for name in names):
        raise click.BadParameter("an empty name; write names separated by single commas, such as hr,lr")
    return tuple(dict.fromkeys(names))


def split_datasets(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return dataset names like ``split_names``; commas that belong to a name, as in its choices, stay."""
    from ...datasets.names import split_dataset_names

    names = [name for value in values for name in split_dataset_names(value)]
    if any(not name for name in names):
        raise click.BadParameter("an empty name; write names separated by single commas, such as coco-d,voc-lr-x4")
    return tuple(dict.fromkeys(names))


def names_option(*declarations: str, **attributes: Any) -> Callable[[Any], Any]:
    """Return an option that takes a comma list of names and may be repeated."""
    return click.option(*declarations, multiple=True, callback=split_names, metavar="NAME[,NAME...]", **attributes)


def datasets_option(**attributes: Any) -> Callable[[Any], Any]:
    """Return the option ``--dataset``, a comma list of dataset names that may be repeated."""
    return click.option(
        "--dataset", "datasets", multiple=True, callback=split_datasets, metavar="NAME[,NAME...]", **attributes
    )


def add_options(command: Callable[..., Any], options: Sequence[Callable[[Any], Any]]) -> Callable[..., Any]:
    """Return a command with options, which its help lists in this order."""
    for option in reversed(options):
        command = option(command)
    return command


store_option = click.option(
    "--store",
    type=click.Path(path_type=Path),
    default=DEFAULT_STORE,
    envvar="LQBENCH_STORE",
    show_default=True,
    show_envvar=True,
    help="Folder of finished cells.",
)

data_root_option = click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder of the data sets you brought. Else LQBENCH_DATA, else data_root in the user configuration file.",
)

plugin_option = click.option(
    "--plugin",
    "plugins",
    type=click.Path(path_type=Path),
    multiple=True,
    help="File or folder of a method of yours; may be repeated.",
)


def load_plugins(plugins: tuple[Path, ...]) -> None:
    """Register the methods of the plug-ins named on the command line.

    Raises:
        UserError: A plug-in does not exist, cannot be imported or defines no method.
    """
    from ...methods.catalog import load_plugin

    for path in plugins:
        load_plugin(path)
