"""Tables as text: what each format escapes, marks and keeps, and that LaTeX takes it."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.datasets.errors import UserError
from lqbench.reports.columns import MISSING
from lqbench.reports.formats import ENDINGS, FORMATS, grid_text
from lqbench.reports.grid import Grid, GridCell, GridRow, Heading
from lqbench.reports.latex import escape
from lqbench.reports.terminal_grid import terminal_text

HOSTILE = (
    "<script>x</script>",
    r"\input{/etc/passwd} & % $ # _ { } ~ ^",
    "[red]markup[/red] | `a` *b*",
    "=HYPERLINK(1)",
    "two\nlines",
)


def table(*, notes: tuple[str, ...] = ("A note.",)) -> Grid:
    """Two groups of rows, two headings under one, a best cell, a ceiling and two cells without a number."""
    headings = (
        Heading("method", "text"),
        Heading("AP (%)", group="HR"),
        Heading("AP50 (%)", group="HR"),
        Heading("PSNR (dB)"),
    )
    dash = GridCell(MISSING, note="Not run.")
    rows = (
        GridRow((GridCell("ours"), GridCell("34.0", 34.012, best=True, key="abc"), dash, GridCell("24.1", 24.1)), "4x"),
        GridRow((GridCell("hr"), GridCell("41.2", 41.2), dash, GridCell(MISSING)), "4x", "ceiling"),
        GridRow((GridCell("ours"), GridCell("20.5", 20.5), GridCell("30.1", 30.1), GridCell("-1.0", -1.0)), "8x"),
    )
    return Grid("table-1", "Table 1: results", headings, rows, notes)


def hostile_table() -> Grid:
    row = GridRow(tuple(GridCell(text, note=f"Why: {text}") for text in HOSTILE), group=HOSTILE[1])
    headings = tuple(Heading(text, "text", group=text) for text in HOSTILE)
    return Grid("hostile", HOSTILE[1], headings, (row,), HOSTILE)


def plain_table(rows: int, columns: int, width: int) -> Grid:
    headings = (Heading("method", "text"), *(Heading(f"c{i}".rjust(width, "x")) for i in range(columns)))
    cells = [(GridCell(f"m{row}"), *(GridCell(f"{row}.{i:03}", i) for i in range(columns))) for row in range(rows)]
    return Grid("plain", "Plain", headings, tuple(map(GridRow, cells)))


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_table_gives_the_same_text_and_ends_in_one_line_break(form: str) -> None:
    text = grid_text(table(), form)
    assert text == grid_text(table(), form)
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert "\r" not in text


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UserError, match="known are terminal, markdown, csv, latex"):
        grid_text(table(), "word")
    assert set(ENDINGS) < set(FORMATS)


def test_markdown_marks_best_groups_and_reasons() -> None:
    text = grid_text(table(), "markdown")
    assert "| method | HR: AP (%) | HR: AP50 (%) | PSNR (dB) |\n| --- | ---: | ---: | ---: |" in text
    assert text.index("| **4x** |") < text.index("| hr |") < text.index("| **8x** |")
    assert f"| ours | **34.0** | {MISSING}<sup>1</sup> | 24.1 |" in text
    assert text.count("Not run.") == 1
    assert text.endswith("A note.\n")


@pytest.mark.parametrize("form", ["markdown", "latex", "terminal"])
def test_a_footnote_repeats_nothing_that_its_row_says(form: str) -> None:
    headings = (Heading("a"), Heading("why", "text"))
    row = GridRow((GridCell(MISSING, note="no such cell"), GridCell("not measured: no such cell")))
    assert grid_text(Grid("f", "F", headings, (row,)), form).count("no such cell") == 1


def test_markdown_escapes_everything() -> None:
    text = grid_text(hostile_table(), "markdown")
    assert "<script>" not in text and "<sup>" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {len(HOSTILE) + 1}


def test_csv_holds_printed_and_raw_numbers() -> None:
    first, ceiling, last = read_csv(grid_text(table(), "csv"))
    assert (first["group"], first["kind"], ceiling["kind"], last["group"]) == ("4x", "", "ceiling", "8x")
    assert (first["HR: AP (%)"], first["HR: AP (%) [value]"], first["HR: AP (%) [best]"]) == ("34.0", "34.012", "yes")
    assert (first["HR: AP (%) [cell]"], ceiling["HR: AP (%) [best]"]) == ("abc", "")
    assert (first["HR: AP50 (%)"], first["HR: AP50 (%) [value]"]) == (MISSING, "")
    assert first["HR: AP50 (%) [note]"] == "Not run."
    assert last["PSNR (dB)"] == last["PSNR (dB) [value]"] == "-1.0"


def test_csv_names_no_group_or_kind_where_no_row_has_one() -> None:
    assert grid_text(plain_table(1, 1, 2), "csv").splitlines()[0] == "method,c0,c0 [value]"


def test_csv_columns_that_read_alike_are_numbered() -> None:
    """TDSR's Table 1 has two columns "bike": the bicycle, and the motorbike cut short."""
    headings = tuple(Heading(text, "text") for text in ("bike", "horse", "bike"))
    row = GridRow(tuple(GridCell(text) for text in "abc"))
    assert read_csv(grid_text(Grid("f", "F", headings, (row,)), "csv")) == [
        {"bike": "a", "horse": "b", "bike (2)": "c"}
    ]


@pytest.mark.parametrize("text", ["=1+1", "+cmd|x", "-2 [1, 3]", "@SUM(A1)", " =1", "\t=1", "\r\n=1", "-inf"])
def test_csv_disarms_text_that_a_spreadsheet_would_run(text: str) -> None:
    grid = Grid("f", "F", (Heading(text, "text"),), (GridRow((GridCell(text),)),))
    heading, cell = csv.reader(io.StringIO(grid_text(grid, "csv"), newline=""))
    assert heading == cell == ["'" + re.sub(r"\s", " ", text.replace("\r\n", " "))]


@pytest.mark.parametrize("text", ["-1.5", "+0.25", "-1e-05", "a=b", "x-y", MISSING, ""])
def test_csv_leaves_numbers_and_harmless_text_alone(text: str) -> None:
    grid = Grid("f", "F", (Heading("h", "text"),), (GridRow((GridCell(text),)),))
    assert list(csv.reader(io.StringIO(grid_text(grid, "csv"))))[1] == [text]


def test_the_terminal_shows_best_groups_and_reasons() -> None:
    lines = grid_text(table(), "terminal").splitlines()
    assert lines[0] == "Table 1: results"
    assert any(line.split() == ["ours", "34.0*", f"{MISSING}¹", "24.1"] for line in lines)
    assert lines.index("4x") < lines.index("8x")
    assert "¹ Not run." in lines and "* best of its column, by more than chance." in lines


def test_the_terminal_obeys_no_markup() -> None:
    assert "[red]markup[/red]" in grid_text(hostile_table(), "terminal")


def test_a_wide_table_is_parted_not_cut() -> None:
    grid = plain_table(3, 40, 12)
    text = terminal_text(grid, 60)
    assert max(map(len, text.splitlines())) <= 60
    for row in grid.rows:
        for cell in row.cells[1:]:
            assert cell.text in text
    assert text.count("method") > 5
    assert "…" not in text
    assert len(terminal_text(grid).splitlines()) < len(text.splitlines())


def test_a_column_wider_than_the_terminal_is_printed_whole() -> None:
    long = "x" * 100
    grid = Grid("w", "W", (Heading("a", "text"), Heading("b")), (GridRow((GridCell("y"), GridCell(long))),))
    assert long in terminal_text(grid, 40)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 30), st.integers(1, 20), st.integers(20, 120))
def test_every_number_is_printed_at_any_width(rows: int, columns: int, heading: int, width: int) -> None:
    grid = plain_table(rows, columns, heading)
    words = terminal_text(grid, width).split()
    assert {cell.text for row in grid.rows for cell in row.cells} <= set(words)


def tabular(text: str) -> list[str]:
    """Return the lines between the rules of a table in LaTeX."""
    found = re.search(r"\\toprule\n(.*)\\bottomrule", text, re.DOTALL)
    assert found is not None
    return [line.strip() for line in found[1].splitlines()]


def width_of(line: str) -> int:
    """Return how many columns a line fills."""
    cells = re.split(r"(?<!\\)&", line)
    spans = [re.match(r"\s*\\multicolumn\{(\d+)\}", cell) for cell in cells]
    return sum(int(span[1]) if span else 1 for span in spans)


@pytest.mark.parametrize("grid", [table(), hostile_table()], ids=["usual", "hostile"])
def test_latex_is_balanced_and_every_line_fills_the_columns(grid: Grid) -> None:
    text = grid_text(grid, "latex")
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert text.count(r"\begin{") == text.count(r"\end{")
    rows = [line for line in tabular(text) if line.endswith(r"\\")]
    assert {width_of(line) for line in rows} == {len(grid.headings)}


def test_latex_uses_booktabs_and_bold_for_best_alone() -> None:
    text = grid_text(table(), "latex")
    lines = tabular(text)
    assert r"\multicolumn{2}{c}{HR}" in lines[0] and lines[1] == r"\cmidrule(lr){2-3}"
    assert text.count(r"\textbf{") == 1 and r"\textbf{34.0}" in text
    assert r"\textsuperscript{1} Not run.\par" in text
    assert lines.count(r"\midrule") == 2
    assert "|" not in text


def test_latex_escapes_what_means_something_to_it() -> None:
    assert escape(r"\x{a}_b^c~#$%&") == (r"\textbackslash{}x\{a\}\_b\textasciicircum{}c\textasciitilde{}\#\$\%\&")
    assert escape("--x [1]*") == "-{}-x {[}1{]}{*}"
    assert escape("a\nb\x00c") == "a b c"
    assert escape(f"±1 {MISSING} β") == r"$\pm$1 -- $\beta$"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX is installed")
def test_latex_compiles(tmp_path: Path) -> None:
    body = "\n".join(grid_text(grid, "latex") for grid in (table(), hostile_table(), table(notes=())))
    document = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{body}\end{{document}}"
    (tmp_path / "t.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
