"""The ledger equals its sources, number by number, where the papers' texts are at hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lqbench.results.ledger import LedgerTable, load_ledger


def texts(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        pytest.skip(f"no folder {folder} of the papers' texts")
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


@pytest.fixture(scope="module")
def papers(shared_data) -> dict[str, str]:
    return texts(shared_data.parent / "papers")


@pytest.fixture(scope="module")
def research(shared_data) -> dict[str, str]:
    return texts(shared_data.parent / "research")


@pytest.fixture(scope="module")
def parse(load_script):
    return load_script("results/ledger_samples.py")


def table(paper: str, name: str) -> LedgerTable:
    return next(one for one in load_ledger().tables(paper) if one.name == name)


def printed(one: LedgerTable, group: str, row: str, unit: bool = False) -> list[str]:
    """Return a row of the ledger as it would be printed."""
    claims = [one.claim(group, row, column) for column in one.columns]
    return [claim.text + (claim.unit if unit else "") if claim else "-" for claim in claims]


def rows_of(one: LedgerTable) -> dict[tuple[str, str], list[str]]:
    return {(group, row): printed(one, group, row) for group, row in one.rows}


def test_table_1_of_tdsr(papers, parse):
    one = table("tdsr", "table-1")
    headings, rows = parse.tdsr_table_1(papers["tdsr_paper.txt"])
    assert list(one.headings) == headings
    assert list(one.rows) == list(rows)
    assert rows_of(one) == rows


def test_table_2_of_tdsr(papers, parse):
    one = table("tdsr", "table-2")
    cells = parse.tdsr_table_2(papers["tdsr_paper.txt"])
    found = {
        (row, column): [claim.text for group in one.groups if (claim := one.claim(group, row, column))]
        for _, row in one.rows
        for column in one.columns
    }
    assert len(cells) == 48
    assert found == cells


def test_table_of_aeris(research, parse):
    rows = parse.markdown_rows(research["aeris.md"], "### 4.1", "No AP50/AP75")
    assert rows[0][2:] == list(table("aeris", "coco-d").columns)
    assert {("", row[0]): row[2:] for row in rows[1:]} == rows_of(table("aeris", "coco-d"))
    assert "AERIS = 13.0 AP in Table 3(d)" in research["aeris.md"]


def test_table_of_lcp(papers, parse):
    one = table("lcp", "readme")
    lines = [line.strip("|").split("|") for line in papers["lcp_readme.txt"].splitlines() if line.startswith("| LCP")]
    found = [[cell.strip() for cell in line] for line in lines]
    ours = [
        [row, *words[:2], *printed(one, group, row), words[2]]
        for (group, row), words in zip(one.rows, one.texts, strict=True)
    ]
    assert ours == found


def test_points_of_lcp(research, parse):
    rows = parse.markdown_rows(research["lcp.md"], "### 4.3", "Categories in the legend")[1:]
    found = {(scene, method.rstrip("*")): [ap, fps] for scene, method, _, ap, fps in rows}
    assert len(found) == 25
    assert rows_of(table("lcp", "figure-1b")) == found


def test_table_of_classsr(papers, parse):
    """The transcription of the slide is torn: names and parameters are apart, and so is the last row."""
    one = table("classsr", "large-images")
    rows, torn = parse.classsr_rows(papers["restoration_and_understanding_slides.txt"])
    ours = [[text for text in printed(one, group, row, unit=True) if text != "-"] for group, row in one.rows]
    parameters = [row.pop(0) for row in ours[4:]]
    assert ours[:7] == rows
    assert sorted(parameters + ours[7]) == sorted(torn)


def test_branches_and_pictures_of_classsr(papers):
    slides = papers["restoration_and_understanding_slides.txt"]
    branches = table("classsr", "branches")
    for group, row in branches.rows:
        line = next(line for line in slides.splitlines() if line.startswith(f"{row}\t"))
        cells = [re.sub("^\\W$|_", "-", cell) for cell in line.split("\t")[1:5]]
        assert [text.strip() for text in cells] == printed(branches, group, row, unit=True)
    for claim in table("classsr", "pictures").claims:
        assert claim.text in slides, claim


def test_table_of_path_restore(papers, parse):
    one = table("path-restore", "denoising")
    rows = parse.path_restore_rows(papers["restoration_and_understanding_slides.txt"])
    ours = {row: [text.removesuffix("dB") for text in printed(one, group, row, unit=True)] for group, row in one.rows}
    assert ours == rows


def test_tables_of_srod(research, parse):
    rows = parse.markdown_rows(research["tdsr.md"], "### 1.8", "Agreement with PAPER")[1:]
    found = [re.findall(r"\d+\.\d+", cell) for _, cell in rows]
    ours = rows_of(table("srod", "voc2007")).values()
    assert [[text for text in row if text != "-"] for row in [*ours][1:]] == found[1:]
    assert next(iter(ours)) == ["77.34", "76.99"] == found[0]
    sweep = parse.markdown_rows(research["tdsr.md"], "alpha/beta sweep", "=> monotone")[1:]
    assert {("", row[0]): [*row[1:], "-"] for row in sweep} == dict(list(rows_of(table("srod", "sweep")).items())[:-1])
    assert "(fine-tuned DBPN): 57.0" in research["tdsr.md"]


def test_neighbours_of_lcp(research, parse):
    rows = parse.markdown_rows(research["lcp.md"], "### 4.4", "UODD (LHDP")[1:]
    found = [number for row in rows for cell in row[1:8] for number in re.findall(r"\d+\.\d+", cell)]
    ours = [claim.text for key in ("lhdp", "endiff", "lqit") for claim in table(key, "urpc2020").claims]
    assert sorted(ours) == sorted(found)
    uodd = research["lcp.md"][research["lcp.md"].index("UODD (LHDP") :].splitlines()[0]
    assert [claim.text for claim in table("lhdp", "uodd").claims] == re.findall(r"\d+\.\d+", uodd)


def test_d_dbpn_without_what_is_from_memory(research, parse):
    one = table("dbpn", "benchmarks")
    rows = parse.markdown_rows(research["tdsr.md"], "### 2.4", "source: 2x/4x/8x")
    for scale, *cells in rows[1:]:
        found = [part for cell in cells for part in (cell.split("/") if "[mem]" not in cell else ("-", "-"))]
        ours = [text.removeprefix("0") if text.startswith("0.") else text for text in printed(one, "", scale)]
        assert ours == found


@pytest.mark.parametrize(
    ("paper", "name", "file"),
    [
        ("basicsr", "models", "tdsr.md"),
        ("mmdet", "centernet", "aeris.md"),
        ("robust-detection", "leaderboard", "anchors.md"),
        ("ssd", "voc2007", "tdsr.md"),
        ("ssd", "coco", "tdsr.md"),
        ("telod", "abstract", "aeris.md"),
    ],
)
def test_numbers_told_in_sentences_are_there(research, paper, name, file):
    words = set(re.findall(r"\d+(?:\.\d+)?", research[file]))
    assert [claim.text for claim in table(paper, name).claims if claim.text not in words] == []
