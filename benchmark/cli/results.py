"""``lqbench results``: look into stored results. Sub-commands are imported when they are called."""

from __future__ import annotations

import importlib

import click

COMMANDS = (
    *("calibration", "errors", "frame", "quality", "ranking", "recovered", "robustness", "transfer"),
    *("export", "import", "prune"),
)
MODULES = {"import": "import_file"}
"""Where a command's name cannot be that of a module."""


class ResultsGroup(click.Group):
    """Commands that live in modules of their own name in ``results_commands``, as an attribute ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"{__package__}.results_commands.{MODULES.get(cmd_name, cmd_name)}").command


@click.group(cls=ResultsGroup)
def command() -> None:
    """Look into stored results: errors, calibration, ranks, robustness, and one table of all numbers.

    Also exchange detections with other tools, and tidy a store up. Runs no model and reads no image.
    """
