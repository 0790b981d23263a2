"""``lqbench report --serve`` and ``--open``: the report in a browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click


def show(folder: Path, port: int | None, open_page: bool) -> None:
    """Open a report's page, or serve the folder until Ctrl-C, or both.

    Args:
        folder: Folder of a report.
        port: Port to serve on, 0 for any free one; None to open the file itself.
        open_page: Whether to open the page in the default browser.

    Raises:
        UserError: The port cannot be used.
    """
    from ...reports.serve import open_server, page_of

    if port is None:
        _open(page_of(folder))
        return
    with open_server(folder, port) as server:
        click.echo(f"serving {folder} at {server.address} on this machine only; end with Ctrl-C")
        try:
            if open_page:
                _open(server.address)
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("no longer served.")


def _open(address: str) -> None:
    """Open an address in the default browser, or say how to."""
    if not webbrowser.open(address):
        click.echo(f"no browser could be started; open {address} yourself.")
