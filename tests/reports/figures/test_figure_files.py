"""Figures as files: the same bytes at every run, fit for a page, and inert whatever the records say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from defusedxml import ElementTree

from lqbench.reports.figures import FigureFile, all_figures
from lqbench.reports.figures.style import INK, PALETTE
from lqbench.reports.figures.svg import standalone
from lqbench.reports.figures.text import distinct, listed, shortened

KINDS = ("ranks", "gap-recovered", "sweep-", "quality", "pareto-flops", "pareto-latency", "errors", "classes-")
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)> $\\frac{1}$ & id="y" url(#z) \x00\x1b\n\u202e'


@pytest.fixture(scope="module")
def figures(maker: Any, matrix: list[Any]) -> list[FigureFile]:
    return made(maker, matrix)


def made(maker: Any, records: list[Any], *, backward: bool = False) -> list[FigureFile]:
    way = -1 if backward else 1
    analyses = {record.cell.key: maker.analysis(record) for record in records[::way] if record.metrics}
    timings = [maker.timing(record, 10.0 + len(record.cell.method)) for record in records[::way] if record.metrics]
    return all_figures(records[::way], analyses, timings)


def test_every_kind_is_there_in_a_fixed_order_under_a_name_of_its_own(figures: list[FigureFile]) -> None:
    names = [figure.name for figure in figures]
    places = [min(place for place, name in enumerate(names) if name.startswith(kind)) for kind in KINDS]
    assert places == sorted(places)
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]{1,80}", name) for name in names)


def test_the_order_of_records_and_a_users_settings_change_no_byte(
    maker: Any, matrix: list[Any], figures: list[FigureFile]
) -> None:
    again = made(maker, matrix, backward=True)
    assert again == figures
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "savefig.dpi": 30, "text.parse_math": True}):
        assert [figure.svg for figure in again] == [figure.svg for figure in figures]


@pytest.mark.parametrize("kind", ["errors-", "classes-", "sweep-"])
def test_files_have_the_same_bytes_at_every_run(
    kind: str, maker: Any, matrix: list[Any], figures: list[FigureFile], tmp_path: Path
) -> None:
    one = next(figure for figure in figures if figure.name.startswith(kind))
    other = next(figure for figure in made(maker, matrix, backward=True) if figure.name == one.name)
    first, second = one.save(tmp_path / "a"), other.save(tmp_path / "b")
    assert [path.name for path in first] == [f"{one.name}.{each}" for each in ("svg", "pdf", "png")]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(path.name for path in first)
    assert first[0].read_text().startswith("<?xml")
    assert first[1].read_bytes().startswith(b"%PDF") and b"CreationDate" not in first[1].read_bytes()


def test_an_unknown_format_is_refused_before_anything_is_written(figures: list[FigureFile], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not as gif"):
        figures[0].save(tmp_path / "new", ("svg", "gif"))
    assert not (tmp_path / "new").exists()


def test_drawing_leaves_no_trace_in_matplotlibs_settings(figures: list[FigureFile]) -> None:
    before = dict(mpl.rcParams)
    assert figures[0]._render("svg")
    assert dict(mpl.rcParams) == before


def test_figures_of_one_page_share_no_id_and_reach_out_to_nothing(figures: list[FigureFile]) -> None:
    ids = [each for figure in figures for each in re.findall(r'\bid="([^"]*)"', figure.svg)]
    assert len(ids) == len(set(ids)) > 100
    for figure in figures:
        own = set(re.findall(r'\bid="([^"]*)"', figure.svg))
        used = set(re.findall(r'(?:href="|url\()#([^")]*)', figure.svg))
        assert used <= own
        outside = re.findall(r"https?://[^\"' ]*", figure.svg)
        assert set(outside) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_text_and_axes_take_the_pages_colour_and_no_rule_leaves_the_figure(figures: list[FigureFile]) -> None:
    for figure in figures:
        assert "currentColor" in figure.svg and INK not in figure.svg
        assert "<style" not in figure.svg and "<?xml" not in figure.svg and "<metadata" not in figure.svg
        root = ElementTree.fromstring(figure.svg)
        assert (root.get("role"), root.get("aria-label")) == ("img", figure.alt)


def test_a_file_of_its_own_has_a_white_background() -> None:
    assert standalone('<?xml?>\n<svg a="b">\n<g/></svg>') == (
        '<?xml?>\n<svg a="b">\n <rect width="100%" height="100%" fill="#ffffff"/>\n<g/></svg>'
    )


def test_colours_are_told_from_light_and_dark_pages() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for colour in PALETTE:
        assert (luminance("#ffffff") + 0.05) / (luminance(colour) + 0.05) >= 3
        assert (luminance(colour) + 0.05) / (luminance("#14171c") + 0.05) >= 3


def test_names_from_records_are_inert(maker: Any, samples: Any, recwarn: pytest.WarningsRecorder) -> None:
    names = [f"{HOSTILE}{place}" for place in range(3)]
    classes = {HOSTILE: 0.1, "_hidden": 0.2, "$x^{$": 0.3, "日本": None}
    records = [
        maker.record(
            name, f"{HOSTILE}-x{scale}", 0.2 + 0.1 * place, gflops=1.0 + place, per_class=classes, detector="_d"
        )
        for scale in (4, 8)
        for place, name in enumerate([*names, "hr", "lr", "_under"])
    ]
    records = [r.model_copy(update={"dataset_facts": {**r.dataset_facts, "title": HOSTILE}}) for r in records]
    figures = made(maker, [*records, *samples.hostile_records()])
    assert {name for name in KINDS if any(f.name.startswith(name) for f in figures)} >= {"sweep-", "classes-", "ranks"}
    for figure in figures:
        root = ElementTree.fromstring(figure.svg)
        kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert kinds <= {"svg", "g", "path", "use", "defs", "text", "tspan", "clipPath", "rect", "pattern"}
        assert not any(name.startswith("on") for element in root.iter() for name in element.keys())  # noqa: SIM118
        assert all(" " <= letter != "\u202e" for letter in figure.title + figure.alt + figure.caption)
    texts = [e.text or "" for f in figures for e in ElementTree.fromstring(f.svg).iter() if e.tag.endswith("text")]
    assert "_under" in texts and "_hidden" in texts and "$x^{$" in texts
    assert any(text.startswith("<script>") for text in texts)
    assert not list(recwarn)


def test_letters_that_the_font_lacks_warn_nobody(maker: Any, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    records = [maker.record("hr", per_class={"日本": 0.1, "b": 0.2})]
    all_figures(records)[0].save(tmp_path, ["png", "pdf"])
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_matplotlib_is_imported_only_to_draw() -> None:
    code = (
        "import sys, lqbench.reports.figures as figures; figures.all_figures([]); "
        "assert not {'matplotlib', 'torch'} & {*sys.modules}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_long_texts_keep_their_ends_and_equal_ones_are_told_apart() -> None:
    assert shortened("short") == "short"
    cut = shortened("a-very-long-name-of-a-method-trained-on-x4", 20)
    assert len(cut) == 20 and cut.startswith("a-very") and cut.endswith("on-x4") and "…" in cut
    assert shortened("two\nlines\x00\u202e here") == "two lines here"
    alike = distinct(["a" * 40 + "b" * 40, "a" * 41 + "b" * 40], 20)
    assert len(set(alike)) == 2 and max(map(len, alike)) <= 20
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c"
    assert listed([*"abcdefgh"]) == "a, b, c, d, e, f and 2 more"
