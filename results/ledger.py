"""The claims ledger: every number that the papers print, with its source, beside which measured ones are set.

The numbers are data, in ``results/claims/*.yaml``, one file a paper or source; docs/claims.md describes the files.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from ..datasets.errors import UserError
from .ledger_files import read_paper
from .ledger_table import Claim, Ledger, LedgerTable, Paper

__all__ = ["Claim", "Ledger", "LedgerTable", "Paper", "load_ledger"]


def load_ledger(folder: Path | None = None) -> Ledger:
    """Read all files of published numbers.

    Args:
        folder: Folder of YAML files; those that come with the suite by default.

    Raises:
        UserError: There is no file, or one is wrong; file, table, row, column and field are named.
    """
    if folder is None:
        with as_file(files(__name__.rpartition(".")[0]).joinpath("claims")) as bundled:
            return _read(bundled, "claims/")
    return _read(folder, f"{folder}/")


def _read(folder: Path, called: str) -> Ledger:
    """Read a folder; ``called`` precedes file names in messages."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise UserError(f"{folder} holds no *.yaml of published numbers; name a folder that has some.")
    papers = [read_paper(path, called + path.name) for path in paths]
    return Ledger(tuple(sorted(papers, key=lambda paper: (not paper.main, paper.key))))
