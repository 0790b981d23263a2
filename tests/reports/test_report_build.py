"""The written report: same bytes for the same records, everything escaped, Markdown and HTML well formed."""

from __future__ import annotations

import io
import random
import re
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from lqbench.reports.build import build_report
from lqbench.reports.chart import bar_chart
from lqbench.reports.cost_chart import cost_chart
from lqbench.reports.tables import comparison_tables
from lqbench.reports.terminal import print_table
from lqbench.reports.text import code_block, markdown, markdown_table

VOID = {"meta", "link", "line", "rect", "circle", "br", "img", "input"}


class Structure(HTMLParser):
    """Checks that tags are nested rightly and collects ids, links and tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given[name]) for name in ("href", "src") if name in given]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def structure(html: str) -> Structure:
    parser = Structure()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def test_same_records_in_any_order_give_the_same_bytes(samples: ModuleType, tmp_path: Path) -> None:
    records = samples.sample_records()
    first = build_report(records, tmp_path / "a")
    random.Random(5).shuffle(records)
    second = build_report(records, tmp_path / "b")
    assert first.html.read_bytes() == second.html.read_bytes()
    assert first.markdown.read_bytes() == second.markdown.read_bytes()


def test_a_second_report_replaces_the_first_and_leaves_nothing_else(samples: ModuleType, tmp_path: Path) -> None:
    build_report([samples.record("lr", 0.1)], tmp_path)
    files = build_report([samples.record("bicubic", 0.1)], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.md"]
    assert "| bicubic |" in files.markdown.read_text(encoding="utf-8")


def test_nothing_is_written_without_records(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one record"):
        build_report([], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_page_is_nested_rightly_and_its_links_stay_inside(samples: ModuleType, tmp_path: Path) -> None:
    page = structure(build_report(samples.sample_records(), tmp_path).html.read_text(encoding="utf-8"))
    assert len(page.ids) == len(set(page.ids))
    inside = {f"#{name}" for name in page.ids}
    assert set(page.links) - inside == {"data:,"}
    referenced = {name for _, given in page.tags for name in str(given.get("aria-labelledby") or "").split() if name}
    assert referenced <= set(page.ids)


def test_every_heading_cell_has_a_scope_and_every_table_a_caption(samples: ModuleType, tmp_path: Path) -> None:
    page = structure(build_report(samples.sample_records(), tmp_path).html.read_text(encoding="utf-8"))
    assert all(given.get("scope") in {"col", "row", "colgroup", "rowgroup"} for tag, given in page.tags if tag == "th")
    names = [tag for tag, _ in page.tags]
    assert names.count("caption") == names.count("table") > 0


def test_hostile_names_stay_text_on_the_page(samples: ModuleType, tmp_path: Path) -> None:
    clean = structure(build_report(samples.records_with_costs(), tmp_path / "a").html.read_text(encoding="utf-8"))
    html = build_report(samples.hostile_records(), tmp_path / "b").html.read_text(encoding="utf-8")
    page = structure(html)
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in clean.tags}
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(name.startswith("on") for _, given in page.tags for name in given)
    assert all(link.startswith("#") or link == "data:," for link in page.links)


def test_hostile_names_stay_text_in_markdown(samples: ModuleType, tmp_path: Path) -> None:
    text = build_report(samples.hostile_records(), tmp_path).markdown.read_text(encoding="utf-8")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    flat = [child for token in tokens for child in [token, *(token.children or [])]]
    html = {token.content.strip() for token in flat if token.type in {"html_block", "html_inline"}}
    assert all(re.fullmatch(r"</?details>(<summary>[^<]*</summary>)?|</?sup>", block) for block in html)
    assert not any(token.type in {"link_open", "image", "em_open"} for token in flat)


def test_markdown_tables_have_as_many_cells_in_each_row(samples: ModuleType, tmp_path: Path) -> None:
    records = [*samples.sample_records(), *samples.hostile_records()]
    text = build_report(records, tmp_path).markdown.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert html.count("<table>") == len(tables) > 4
    assert html.count("<tr>") == len(rows) - len(tables)
    assert "\n\n\n" not in text


def test_the_report_says_what_was_run_on_what(samples: ModuleType, tmp_path: Path) -> None:
    files = build_report(samples.sample_records(), tmp_path)
    for text in (files.html.read_text(encoding="utf-8"), files.markdown.read_text(encoding="utf-8")):
        for part in (
            "subset: 128 of 5000 images",
            "lqbench run --method bicubic --dataset coco-d",
            "acbc519e2b7f, clean working tree",
            "Example CPU 2.60 GHz",
            "torch 2.12.0",
            "RuntimeError: out of memory",
            "measured in pixels of the degraded image",
            "faster-coco-eval 1.8.0",
            "929 boxes; 4 class names",
            "https://cocodataset.org",
            samples.sha("weights"),
        ):
            assert part in text


def test_markdown_escapes() -> None:
    assert markdown("a|b <i> *x* `y` AP_S _z_\nnext") == r"a\|b &lt;i&gt; \*x\* \`y\` AP_S \_z\_ next"
    assert markdown_table(["a", "b"], [["1|2", "3"]]) == "| a | b |\n| --- | ---: |\n| 1\\|2 | 3 |"
    assert code_block("a ``` b").splitlines()[0] == "````text"


def test_bars_start_at_zero_and_missing_values_have_none(samples: ModuleType) -> None:
    records = [samples.record("hr", 0.4), samples.record("lr", 0.2), samples.failed("x", "E")]
    chart = bar_chart(comparison_tables(records))
    assert [bar.width for bar in chart.bars] == [
        pytest.approx(2 * chart.bars[1].width, abs=0.02),
        chart.bars[1].width,
        0,
    ]
    assert [tick.text for tick in chart.ticks] == ["0", "10", "20", "30", "40"]
    assert chart.ticks[-1].at == pytest.approx(chart.left + chart.bars[0].width)
    assert chart.description == "hr: 40.0; lr: 20.0; x: failed."


def test_the_cost_chart_places_points_by_cost_and_metric(samples: ModuleType) -> None:
    costs = {"a": (1.0, 0.20), "b": (10.0, 0.30), "c": (100.0, 0.25)}
    records = [samples.costly(name, ap, gflops) for name, (gflops, ap) in costs.items()]
    chart = cost_chart(comparison_tables([*records, samples.record("hr", 0.9), samples.failed("x", "E")]))
    assert chart is not None
    a, b, c = chart.points
    assert [(point.number, point.label) for point in chart.points] == [(1, "a"), (2, "b"), (3, "c")]
    assert b.x - a.x == pytest.approx(c.x - b.x, abs=0.02) and c.x > b.x
    assert a.y - c.y == pytest.approx(c.y - b.y, abs=0.02) and a.y > c.y
    at = {tick.text: tick.at for tick in (*chart.x_ticks, *chart.y_ticks)}
    assert (at["1"], at["100"], at["20"], at["30"]) == (a.x, c.x, a.y, b.y)
    assert chart.description.startswith("a: AP 20.0\N{NO-BREAK SPACE}% at 1.00\N{NO-BREAK SPACE}GFLOPs; ")
    inside = [chart.left < p.x < chart.right and chart.top <= p.y < chart.bottom for p in chart.points]
    assert all(inside)


@pytest.mark.parametrize("gflops", [0.0, None])
def test_fewer_than_two_rows_with_a_cost_make_no_chart(samples: ModuleType, gflops: float | None) -> None:
    other = samples.record("lr", 0.1) if gflops is None else samples.costly("lr", 0.1, gflops)
    assert cost_chart(comparison_tables([samples.costly("a", 0.2, 3.0), other])) is None


@settings(max_examples=40, deadline=None)
@given(
    costs=st.lists(st.floats(1e-6, 1e7), min_size=2, max_size=6, unique=True),
    aps=st.lists(st.floats(0, 1), min_size=6, max_size=6),
)
def test_every_point_lies_between_the_outermost_grid_lines(
    samples: ModuleType, costs: list[float], aps: list[float]
) -> None:
    records = [samples.costly(f"m{i}", ap, gflops) for i, (gflops, ap) in enumerate(zip(costs, aps, strict=False))]
    chart = cost_chart(comparison_tables(records))
    assert chart is not None and len(chart.points) == len(costs)
    assert 2 <= len(chart.x_ticks) <= 16 and 2 <= len(chart.y_ticks) <= 8
    for point in chart.points:
        assert chart.x_ticks[0].at - 0.01 <= point.x <= chart.x_ticks[-1].at + 0.01
        assert chart.y_ticks[-1].at - 0.01 <= point.y <= chart.y_ticks[0].at + 0.01


def test_the_page_holds_a_cost_chart_and_the_provenance_of_costs(samples: ModuleType, tmp_path: Path) -> None:
    html = build_report(samples.records_with_costs(), tmp_path).html.read_text(encoding="utf-8")
    page = structure(html)
    assert len(page.ids) == len(set(page.ids))
    assert sum(tag == "circle" for tag, _ in page.tags) == 3
    assert "classsr · retinanet: AP 31.0\N{NO-BREAK SPACE}% at 0.0312\N{NO-BREAK SPACE}GFLOPs" in html
    assert "200\N{NO-BREAK SPACE}GFLOPs at most, with 112,940 parameters" in html


def test_the_terminal_shows_costs_and_leaves_quality_in_rgb_to_the_page(samples: ModuleType) -> None:
    quality = {"PSNR_Y": 24.8, "SSIM_Y": 0.71, "PSNR_RGB": 23.5, "SSIM_RGB": 0.7}
    records = [samples.costly("a", 0.2, 3.0), samples.record("b", metrics=samples.coco_metrics(0.2, **quality))]
    buffer = io.StringIO()
    print_table(records, Console(file=buffer, width=160))
    text = buffer.getvalue()
    assert "FLOPs/image" in text and "3.00" in text and "PSNR-Y" in text
    assert "RGB" not in text
    assert max(map(len, text.splitlines())) < 160


def test_the_terminal_table_prints_names_literally(samples: ModuleType) -> None:
    buffer = io.StringIO()
    records = [samples.record("[bold]m[/bold]", 0.25), samples.failed("lr", "E: [red]no")]
    print_table(records, Console(file=buffer, width=140))
    text = buffer.getvalue()
    assert "[bold]m[/bold]" in text and "25.0" in text and "subset: 128 of 5000 images" in text
    assert "lr failed: E: [red]no" in text
