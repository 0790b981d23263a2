"""``lqbench report``: the stored results as tables, figures and a page, for reading and for passing on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...datasets.errors import UserError
from .options import datasets_option, names_option, split_names, store_option

if TYPE_CHECKING:
    from .report_input import Input
    from .report_output import Choices

DEFAULT_OUT = Path(".lqbench/report")
PORT = 8765


@click.command()
@names_option("--method", "methods", help="Only cells of these methods.")
@datasets_option(help="Only cells on these datasets.")
@store_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_OUT,
    envvar="LQBENCH_REPORT",
    show_default=True,
    show_envvar=True,
    help="Folder for report.html, report.md, tables/ and figures/; an older report in it is replaced.",
)
@names_option("--figures", help="Formats of figures/: svg, pdf, png, or none.  [default: svg]")
@names_option(
    "--paper",
    "papers",
    help="Print these papers' tables (tdsr, aeris, lcp, ..., or all), published beside "
    "measured, and write nothing. Needs no store.",
)
@click.option(
    "--paper-weights",
    "vouched",
    multiple=True,
    callback=split_names,
    metavar="SHA256[,SHA256...]",
    help="Weights that are a paper's own, by sha256: only cells with them may be said to reproduce its numbers.",
)
@names_option("--table", "tables", help="Print these tables and write nothing: matrix, or matrix-intervals.")
@click.option("--format", "form", metavar="NAME", help="Of what is printed: terminal, markdown, csv or latex.")
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    nargs=2,
    metavar="STORE_A STORE_B",
    help="Print the cells of two stores side by side, with tested differences, and write nothing.",
)
@click.option(
    "--leaderboard",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write one JSON file a method, leaderboard.json and a table in README.md there, for a repository of results.",
)
@click.option("--serve", is_flag=True, help="Then show the report to browsers on this machine, until Ctrl-C.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Port of --serve; 0 for any free one.",
)
@click.option("--open", "open_page", is_flag=True, help="Then open the page in the default browser.")
def command(
    *,
    methods: tuple[str, ...],
    datasets: tuple[str, ...],
    store: Path,
    out: Path,
    figures: tuple[str, ...],
    papers: tuple[str, ...],
    vouched: tuple[str, ...],
    tables: tuple[str, ...],
    form: str | None,
    compare: tuple[Path, Path] | None,
    leaderboard: Path | None,
    serve: bool,
    port: int,
    open_page: bool,
) -> None:
    """Write the stored results as one HTML page, one Markdown file, tables and figures.

    Runs no model and reads no image of a dataset. The page is a single file that opens offline; it holds some of the
    pictures that `lqbench show` wrote of these cells. Cells are analysed first (a bootstrap over images); what was
    analysed is kept in the store.
    """
    from .report_input import Input
    from .report_output import Choices

    _refuse_mixtures(bool(papers or tables), compare is not None, leaderboard is not None, serve or open_page)
    if form and not (papers or tables or compare):
        raise UserError("--format is that of printed tables; add --paper, --table or --compare.")
    choices = Choices.checked(papers, tables, form, figures)
    given = Input(store, methods, datasets, vouched, bool(choices.figures))
    if compare is not None:
        from .report_stores import print_comparison

        print_comparison(compare, methods, datasets, choices.form)
    elif leaderboard is not None:
        from .report_output import leaderboard_lines

        click.echo("\n".join(leaderboard_lines(given, leaderboard)))
    elif papers or tables:
        _print(given, choices)
    else:
        _write(given, out, choices)
        if serve or open_page:
            from .report_serving import show

            show(out, port if serve else None, open_page)


def _refuse_mixtures(prints: bool, compares: bool, ranks: bool, shows: bool) -> None:
    """Refuse options that ask for two different things at once."""
    asked = {"--paper and --table": prints, "--compare": compares, "--leaderboard": ranks, "--serve and --open": shows}
    named = [name for name, wanted in asked.items() if wanted]
    if len(named) > 1:
        raise UserError(f"{', '.join(named)} do different things; give one of them at a time.")


def _print(given: Input, choices: Choices) -> None:
    from .report_output import echo_grids, wanted_grids

    echo_grids(wanted_grids(given, choices), choices.form)


def _write(given: Input, out: Path, choices: Choices) -> None:
    from .report_output import write_report

    for line in write_report(given, out, choices.figures):
        click.echo(line)
