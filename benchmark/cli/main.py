"""``lqbench``: the command group. Commands are imported when they are called, so that ``--help`` needs no torch."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

import click

from ... import __version__
from ...datasets.errors import UserError
from ..waiting import wait_briefly

COMMANDS = (
    *("run", "plan", "time", "status", "report", "compare", "score", "show", "list"),
    *("doctor", "train", "convert", "results", "merge", "data"),
)
ARGUMENTS = "lqbench.arguments"
"""Key of the context's ``meta`` that holds the command line's words."""
MISTAKE, INTERRUPTED = 2, 130


class LazyGroup(click.Group):
    """Commands that live in modules of their own name beside this one, as an attribute ``command``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the command line for the records, then parse it."""
        ctx.meta[ARGUMENTS] = tuple(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"{__package__}.{cmd_name}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, suggesting a close one for a wrong name."""
        close = difflib.get_close_matches(args[0], COMMANDS, n=1) if args[0] not in COMMANDS else []
        if close:
            ctx.fail(f"no such command {args[0]!r}; did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a user's mistake is told without a traceback."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            for line in str(error).splitlines():
                click.echo(f"lqbench: {line}", err=True)
            ctx.exit(MISTAKE)
        except KeyboardInterrupt:
            click.echo("lqbench: stopped.", err=True)
            ctx.exit(INTERRUPTED)


def command_line(ctx: click.Context) -> tuple[str, ...]:
    """Return the words of the command line, ``lqbench`` first."""
    return ("lqbench", *ctx.find_root().meta.get(ARGUMENTS, ()))


HELP = """Compare object detectors on low-quality images.

\b
Start with:
  lqbench run --method hr,lr,bicubic --dataset scenes-d
  lqbench report
"""


@click.group(
    name="lqbench",
    cls=LazyGroup,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "LQBENCH", "max_content_width": 120},
)
@click.version_option(__version__, prog_name="lqbench", message="%(prog)s %(version)s")
def main() -> None:
    """Entry point of the console script ``lqbench``."""
    wait_briefly()


if __name__ == "__main__":
    main()
