"""Published tables transcribed a second time: parsed out of the papers' texts by code, and sums of their columns."""

from __future__ import annotations

import re

TABLE_1_COLUMNS = [
    *("PSNR", "AP", "aero", "bike", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "table", "dog"),
    *("horse", "bike", "person", "plant", "sheep", "sofa", "train", "tv"),
]
TABLE_1_SUMS = [
    *(275.03, 547.9, 695.5, 588.19, 475.4, 375.71, 244.25, 709.9, 691.6, 656.6, 335.7, 478.99, 568.13, 621.6),
    *(674.59, 657.19, 642.92, 251.09, 465.08, 663.07, 569.24, 592.99),
]
"""Of each column over the 15 rows of TDSR's Table 1."""
TABLE_2_SUMS = {
    "HR": {"": 164.3},
    "LR": {"4x": 55.5, "8x": 12.8},
    "Bicubic": {"4x": 55.8, "8x": 14.1},
    "DBPN": {"4x": 8.3, "8x": 0.4},
    "SRGAN": {"4x": 4.4, "8x": 0.4},
    "SR-FT": {"4x": 94.2, "8x": 31.4},
    "SR-FT+": {"4x": 96.9, "8x": 33.6},
    "TDSR": {"4x": 113.1, "8x": 66.0},
}
"""Of each column over the six metrics of TDSR's Table 2."""
AERIS_SUMS = {"AP": 110.2, "AP_S": 14.9, "AP_M": 96.2, "AP_L": 264.9}
LCP_SUMS = {"AP": 104.4, "AP50": 174.3, "AP75": 108.4}
FIGURE_SUMS = {"fog": (212.7, 34.5), "rain": (197.4, 32.8), "underwater": (403.6, 37.2)}
"""AP and frames a second over the points of a scene in LCP's Fig. 1(b)."""


def tdsr_table_1(paper: str) -> tuple[list[str], dict[tuple[str, str], list[str]]]:
    """Return printed headings of numbers and the numbers of each (scale, method)."""
    lines = [line.split("\t") for line in paper.splitlines() if line.count("\t") == 24]
    rows, scale = {}, ""
    for line in lines[1:]:
        scale = line[0].replace("\N{MULTIPLICATION SIGN}", "x") or scale
        rows[scale, line[1]] = line[3:]
    return lines[0][3:], rows


def tdsr_table_2(paper: str) -> dict[tuple[str, str], list[str]]:
    """Return the numbers of each (line, column): one, or those at 4x and 8x."""
    lines = [line.split("\t") for line in paper.splitlines() if line.startswith(("\tHR\tLR", "AP@"))]
    headings = lines[0][1:]
    return {
        (line[0], heading): re.findall(r"\d+\.\d+", cell)
        for line in lines[1:]
        for heading, cell in zip(headings, line[1:], strict=True)
    }


def markdown_rows(text: str, start: str, stop: str) -> list[list[str]]:
    """Return the cells of the Markdown table lines between two phrases, without the line of dashes."""
    part = text[text.index(start) :]
    part = part[: part.index(stop)]
    lines = [line.strip().strip("|") for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")] for line in lines if set(line) - set("|- ")]


def classsr_rows(slides: str) -> tuple[list[list[str]], list[str]]:
    """Return the numbers of the seven rows that are whole, and the torn entries around them; shares without brackets.

    The first entry of the seventh row reads "26.39dB 3 TAB 2.60G": the tab splits 32.60G.
    """
    number = r"(?<![\w.])\d+(?:\.\d+)?(?:dB|[MG%])"
    before, table = slides.split("Test2K\tFLOPs")
    lines = [line for line in table.replace("3\t2.60G", "32.60G").splitlines() if line.count("\t") > 4][1:]
    left = before[before.index("\n1.5M\n") :].split("SRResNet-O")[0]
    torn = left + table[table.index("19.49G") : table.index("#### **Path-Restore")]
    return [re.findall(number, line) for line in lines[:7]], re.findall(number, torn)


def path_restore_rows(slides: str) -> dict[str, list[str]]:
    """Return the numbers of the two methods."""
    plain = slides.replace("<b>", "").replace("</b>", "")
    lines = [line.split("\t") for line in plain.splitlines() if line.startswith(("DnCNN", "Path-Restore\t"))]
    return {line[0].split(" ")[0]: line[1:] for line in lines}
