"""Write a report: one Markdown file and one self-contained HTML page with the same content."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..results.atomic import write_bytes
from ..results.pictures import StoredPicture
from ..results.record import Record
from ..results.timing import TimingRecord
from .formats import markdown_text
from .gallery_data import GalleryTrack
from .gallery_page import gallery_json
from .grid import GridRow, Heading
from .grid_parts import Footnotes, rows_with_group
from .report import Report
from .text import code_block, markdown, markdown_table

if TYPE_CHECKING:
    from ..benchmark.analysis.cells import CellAnalysis
    from ..results.ledger import Ledger

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("report.js", "gallery.js")
STYLES = ("report.css", "gallery.css")


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """The files of a report."""

    markdown: Path
    html: Path


def build_report(
    records: Sequence[Record],
    out: Path,
    pictures: Mapping[str, Sequence[StoredPicture]] | None = None,
    timings: Sequence[TimingRecord] = (),
    ledger: Ledger | None = None,
    analyses: Mapping[str, CellAnalysis] | None = None,
    gallery: Sequence[GalleryTrack] = (),
) -> ReportFiles:
    """Write ``report.md`` and ``report.html`` into a folder, which is made if absent.

    The same records, in any order, and the same pictures give the same bytes. Both files are rendered before either is
    written, and each is put in place by renaming, so that a reader never meets half a report.

    Args:
        records: At least one record.
        out: The folder.
        pictures: Stored pictures by the cell's key, for the page's gallery.
        timings: Timings, as ``lqbench time`` stores them.
        ledger: Published numbers, for the papers' tables.
        analyses: What ``benchmark.analysis.cells.analyse`` found, by the cell's key; for tests and figures.
        gallery: What ``benchmark.gallery.load_gallery`` found, for the page's gallery.

    Raises:
        ValueError: There are no records.
        OSError: A picture cannot be read, or the folder cannot be made or written.
    """
    if not records:
        raise ValueError("a report needs at least one record")
    return write_pages(Report(records, pictures, timings, ledger, analyses, gallery), out)


def write_pages(report: Report, out: Path) -> ReportFiles:
    """Write a report's two files; see ``build_report``."""
    files = ReportFiles(markdown=out / "report.md", html=out / "report.html")
    texts = {files.markdown: render(report, "report.md.j2"), files.html: render(report, "report.html.j2")}
    out.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        write_bytes(path, text.encode())
    return files


def render(report: Report, template: str) -> str:
    """Return a template filled with a report; everything that comes from records is escaped."""
    script, style = (_together(names) for names in (SCRIPTS, STYLES))
    hashes = {"script_hash": _csp_hash(script), "style_hash": _csp_hash(style)}
    text = _environment().get_template(template).render(report=report, script=script, style=style, **hashes)
    return text.rstrip("\n") + "\n"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(md=markdown, code_block=code_block)
    environment.globals.update(
        md_table=markdown_table,
        md_grid=lambda grid: Markup(markdown_text(grid).strip()),  # noqa: S704 - its cells are escaped
        footnotes=Footnotes,
        rows_with_group=rows_with_group,
        heading_groups=heading_groups,
        row_method=row_method,
        gallery_json=gallery_json,
        figure_source=figure_source,
    )
    return environment


def heading_groups(headings: Sequence[Heading]) -> list[tuple[str, int]]:
    """Return the headings above headings: (text, number of columns), empty texts for columns without; [] for none."""
    runs = [(name, len(list(members))) for name, members in groupby(heading.group for heading in headings)]
    return runs if any(name for name, _ in runs) else []


def row_method(row: GridRow, methods: Mapping[str, str]) -> str:
    """Return the method that all measured numbers of a row are of; empty where there are none, or several.

    Args:
        row: The row.
        methods: Names of methods by the cell's key.
    """
    found = {methods[cell.key] for cell in row.cells if cell.key in methods}
    return found.pop() if len(found) == 1 else ""


def figure_source(svg: str) -> str:
    """Return the ``data:`` address of a figure: an image of its own, so that its ids and styles stay its own."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _together(names: Sequence[str]) -> Markup:
    """Return some of our own files, one after the other, which go into the page as they are."""
    texts = [(TEMPLATES / name).read_text(encoding="utf-8") for name in names]
    return Markup("\n".join(texts))  # noqa: S704 - part of the package, no user input


def _csp_hash(text: str) -> str:
    """Return the Content-Security-Policy source that allows exactly this inline script or style."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
