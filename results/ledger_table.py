"""Published numbers: what one is, and the tables and papers that print them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from ..datasets.errors import UserError
from .cell import Cell


class Claim(BaseModel):
    """One number as a source prints it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paper: str
    """Key of the paper or other source, such as ``tdsr``."""
    table: str
    """Name of the table within it, such as ``table-1``."""
    group: str = ""
    """What the row stands under as printed, such as ``4x``; empty for nothing."""
    row: str
    """Heading of the row as printed."""
    column: str
    """Heading of the column as printed; where two read alike, the second has a name of its own."""
    dataset: str
    """The data as the paper names them."""
    protocol: str
    """How it was measured, saying which parts are unknown."""
    metric: str
    """Our name of the quantity: ``AP``, ``VOC07_AP50/aeroplane`` for a class, ``PSNR_unknown``, ``FPS``."""
    value: float
    """As printed, in ``unit``."""
    unit: str
    """``%``, ``dB``, ``1/s``, ``G`` or ``M`` (10^9, 10^6); empty for plain numbers."""
    precision: int
    """Decimals as printed."""
    source: str
    """Where it is printed, and the transcription it was taken from."""
    approximate: bool = False
    """Read off a figure."""
    note: str = ""
    """What a reader must know of it."""
    method: str = ""
    """Method of the suite that it is about; empty where the suite has none."""
    detector: str = ""
    """Detector of the suite behind that method; empty where the method brings its own, or none is the paper's."""
    settings: tuple[tuple[str, str], ...] = ()
    """Settings that the method must have to be the paper's, such as ``(("backbone", "swin_t"),)``."""
    track: str = ""
    """Dataset of the suite that it is measured on; empty where the suite has none."""
    other_split: bool = False
    """Whether it is of another split or protocol than the track: shown beside a measured number, never compared."""

    @property
    def text(self) -> str:
        """Return the number with the digits that are printed."""
        return f"{self.value:.{self.precision}f}"

    def fits(self, cell: Cell) -> bool:
        """Tell whether a cell measures what this number is about; how many images it has is not looked at."""
        stated = {key: str(value) for key, value in cell.method_settings.items()}
        return (
            (self.method, self.track) == (cell.method, cell.dataset)
            and self.detector in ("", cell.detector)
            and all(stated.get(key) == value for key, value in self.settings)
        )


@dataclass(frozen=True)
class LedgerTable:
    """A table of a paper, in its own order and shape.

    Attributes:
        paper: Key of the paper.
        name: Name within the paper, lower-case letters, digits and hyphens.
        title: What it shows.
        columns: Names of the columns with numbers, each once.
        headings: What is printed over each of them.
        rows: (group, row) of each row.
        claims: Its numbers, row by row; where nothing is printed there is no claim.
        text_columns: Headings of columns that hold words, such as the schedule of a training.
        texts: Words of each row, one for each text column.
        paired: Whether the groups share a cell in print, as in "(16.7:9.8)".
        notes: (row, column or group, what must be known of it); the former is empty where it is about the whole table.
    """

    paper: str
    name: str
    title: str
    columns: tuple[str, ...]
    headings: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    claims: tuple[Claim, ...]
    text_columns: tuple[str, ...] = ()
    texts: tuple[tuple[str, ...], ...] = ()
    paired: bool = False
    notes: tuple[tuple[str, str], ...] = ()

    def claim(self, group: str, row: str, column: str) -> Claim | None:
        """Return the number at a place; None where nothing is printed."""
        return self._places.get((group, row, column))

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Return the groups of rows, each once, in the order of the table."""
        return tuple(dict.fromkeys(group for group, _ in self.rows))

    @cached_property
    def _places(self) -> dict[tuple[str, str, str], Claim]:
        return {(claim.group, claim.row, claim.column): claim for claim in self.claims}


@dataclass(frozen=True)
class Paper:
    """A paper, or another source of numbers.

    Attributes:
        key: Short name, that of its file.
        title: What it is called.
        citation: Authors, title, place and year.
        url: Where it is; empty where none is known.
        tables: Its tables.
        main: Whether its tables are what the suite sets out to compute anew; others are there for comparison.
    """

    key: str
    title: str
    citation: str
    url: str
    tables: tuple[LedgerTable, ...]
    main: bool = False


@dataclass(frozen=True)
class Ledger:
    """All published numbers that the suite knows.

    Attributes:
        papers: The main ones first, each kind in the order of keys.
    """

    papers: tuple[Paper, ...]

    def paper(self, key: str) -> Paper:
        """Return a paper.

        Raises:
            UserError: There is none of this key; those there are, and a close one, are named.
        """
        known = {paper.key: paper for paper in self.papers}
        if key not in known:
            close = difflib.get_close_matches(key.lower(), known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else "."
            raise UserError(f"no paper {key!r} in the ledger of claims{hint} There are {', '.join(known)}.")
        return known[key]

    def tables(self, paper: str) -> list[LedgerTable]:
        """Return the tables of a paper.

        Raises:
            UserError: There is no such paper.
        """
        return list(self.paper(paper).tables)

    @property
    def claims(self) -> Iterator[Claim]:
        """Yield all numbers."""
        return (claim for paper in self.papers for table in paper.tables for claim in table.claims)
