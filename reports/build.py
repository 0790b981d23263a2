"""Write a report: one Markdown file and one self-contained HTML page with the same content."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..results.atomic import write_bytes
from ..results.pictures import StoredPicture
from ..results.record import Record
from ..results.timing import TimingRecord
from .report import Report
from .text import code_block, markdown, markdown_table

TEMPLATES = Path(__file__).parent / "templates"


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
) -> ReportFiles:
    """Write ``report.md`` and ``report.html`` into a folder, which is made if absent.

    The same records, in any order, and the same pictures give the same bytes. Both files are rendered before either is
    written, and each is put in place by renaming, so that a reader never meets half a report.

    Args:
        records: At least one record.
        out: The folder.
        pictures: Stored pictures by the cell's key, for the page's gallery.
        timings: Timings, as ``lqbench time`` stores them.

    Raises:
        ValueError: There are no records.
        OSError: A picture cannot be read, or the folder cannot be made or written.
    """
    if not records:
        raise ValueError("a report needs at least one record")
    report = Report(records, pictures, timings)
    files = ReportFiles(markdown=out / "report.md", html=out / "report.html")
    texts = {files.markdown: render(report, "report.md.j2"), files.html: render(report, "report.html.j2")}
    out.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        write_bytes(path, text.encode())
    return files


def render(report: Report, template: str) -> str:
    """Return a template filled with a report; everything that comes from records is escaped."""
    script, style = _asset("report.js"), _asset("report.css")
    text = (
        _environment()
        .get_template(template)
        .render(report=report, script=script, style=style, script_hash=_csp_hash(script), style_hash=_csp_hash(style))
    )
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
    environment.globals.update(md_table=markdown_table)
    return environment


def _asset(name: str) -> Markup:
    """Return one of our own files, which goes into the page as it is."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704 - part of the package, no user input


def _csp_hash(text: str) -> str:
    """Return the Content-Security-Policy source that allows exactly this inline script or style."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
