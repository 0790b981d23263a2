"""``lqbench data``: datasets on this machine. Sub-commands are imported when they are called."""

from __future__ import annotations

import importlib

import click

COMMANDS = ("status", "fetch", "verify", "preview", "build", "convert", "favour")


class DataGroup(click.Group):
    """Commands that live in modules of their own name in ``data_commands``, as an attribute ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"{__package__}.data_commands.{cmd_name}").command


@click.group(cls=DataGroup)
def command() -> None:
    """Bring, check, look at, convert and store datasets.

    TRACK is a name of `lqbench list datasets`, one with choices (foggy-cityscapes:beta=0.01), or data of your own
    (coco:PATH, voc:PATH).
    """
