"""What each kind of figure shows, and when there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lqbench.reports.figures import FigureFile, all_figures
from lqbench.reports.figures.classes import class_figures, class_values
from lqbench.reports.figures.data import Interval, range_text
from lqbench.reports.figures.parameters import sweeps_of
from lqbench.reports.figures.pareto import flops_figures, latency_figures, pareto_front
from lqbench.reports.figures.quality import quality_figures, rank_correlation
from lqbench.reports.figures.ranks import largest_block, rank_figures
from lqbench.reports.figures.recovered import recovered_figures, share_interval
from lqbench.reports.figures.rowchart import MOST_ROWS, Group, pages
from lqbench.reports.figures.style import drawing
from lqbench.reports.figures.sweep import sweep_figures
from lqbench.reports.figures.tide import tide_figures
from lqbench.results.record import Record


def drawn(figure: FigureFile) -> Any:
    with drawing("test"):
        return figure.draw()


def lines(figure: FigureFile) -> list[list[float]]:
    """The heights of all lines with markers in the frame."""
    return [list(line.get_ydata()) for line in drawn(figure).axes[0].lines if line.get_marker() != "None"]


def test_nothing_is_drawn_of_nothing(samples: Any) -> None:
    assert all_figures([]) == []
    assert all_figures([samples.failed("lr", "broken"), samples.record("hr")]) == []


def test_figures_need_no_analyses(maker: Any, matrix: list[Record]) -> None:
    figures = all_figures(matrix)
    assert not any(figure.name.startswith("errors") for figure in figures)
    assert {figure.name.split("-")[0] for figure in figures} >= {"sweep", "quality", "gap", "pareto", "ranks"}
    shown = [f for f in figures if f.name.split("-")[0] in ("sweep", "quality", "gap", "pareto")]
    assert all("No intervals" in figure.caption and figure.svg for figure in shown)


def test_a_sweep_has_a_curve_and_a_band_for_each_method(maker: Any, matrix: list[Record]) -> None:
    (figure,) = sweep_figures(maker.tracks(matrix))
    assert figure.title == "AP against down-sampling factor: coco-lr"
    assert "at down-sampling factor 4, 8: from 10.0 % (lr at 4) to 50.0 % (hr at 8)" in figure.alt
    assert "50 bootstrap replicates" in figure.caption and "coco-lr-x4 (128 images)" in figure.caption
    axes = drawn(figure).axes[0]
    assert sorted(lines(figure)) == [
        [pytest.approx(100 * ap - 10), pytest.approx(100 * ap)] for ap in (0.2, 0.3, 0.35, 0.4, 0.5)
    ]
    assert len(axes.collections) == 5
    assert drawn(sweep_figures(maker.tracks(matrix, analysed=False))[0]).axes[0].collections[:] == []


def test_a_method_without_a_number_at_a_scale_has_no_point_there(maker: Any) -> None:
    given = [("a", 4, 0.3), ("a", 8, 0.2), ("b", 4, 0.25), ("c", 4, 0.4), ("c", 8, None)]
    records = [
        maker.record(
            method, f"coco-lr-x{factor}", ap or 0.0, settings={"factor": factor}, values={} if ap else {"AP": None}
        )
        for method, factor, ap in given
    ]
    (figure,) = sweep_figures(maker.tracks(records))
    assert lines(figure) == [[pytest.approx(30), pytest.approx(20)]]
    assert "Not drawn, for there is a number at fewer than two points: b and c." in figure.caption


@pytest.mark.parametrize(
    ("names", "facts", "parameter", "numbers"),
    [
        (
            ("fog", "fog:beta=0.01"),
            ({"options": {"beta": "0.02"}}, {"options": {"beta": "0.01"}}),
            "beta",
            [0.01, 0.02],
        ),
        (("voc-lr-x4", "voc-lr-x8"), ({"settings": {}}, {"settings": {}}), "factor", [4, 8]),
        (("a+noise(10)", "a+noise(25)"), ({"recipe": "noise(10)"}, {"recipe": "noise(25)"}), "noise", [10, 25]),
        (
            ("a+blur(iso,var=1)|down(4)", "a+blur(iso,var=2.4)|down(4)"),
            ({"recipe": "blur(iso,var=1)|down(4)"}, {"recipe": "blur(iso,var=2.4)|down(4)"}),
            "blur.var",
            [1, 2.4],
        ),
        (
            ("a+corrupt(fog,1)", "a+corrupt(fog,3)"),
            ({"recipe": "corrupt(fog,1)"}, {"recipe": "corrupt(fog,3)"}),
            "corrupt.2",
            [1, 3],
        ),
    ],
)
def test_the_number_that_tells_tracks_apart_is_found(
    names: Sequence[str], facts: Sequence[dict[str, Any]], parameter: str, numbers: list[float], maker: Any
) -> None:
    records = [
        maker.record("lr", name, **{"settings": {"n": 1}, **fact}) for name, fact in zip(names, facts, strict=True)
    ]
    (sweep,) = sweeps_of(maker.tracks(records).each)
    assert (sweep.parameter, [number for number, _ in sweep.points]) == (parameter, numbers)


def test_tracks_that_differ_in_more_than_one_number_are_no_family(maker: Any) -> None:
    both = [maker.record("lr", f"a-x{n}", settings={"factor": n, "noise": 10 * n}) for n in (4, 8)]
    kinds = [
        maker.record("lr", f"a+corrupt({kind},3)", settings={}, recipe=f"corrupt({kind},3)") for kind in ("fog", "snow")
    ]
    other = [maker.record("lr", name, settings={}) for name in ("coco:a", "coco:b")]
    assert sweeps_of(maker.tracks([*both, *kinds, *other]).each) == []


def test_the_front_holds_whom_no_other_beats() -> None:
    assert pareto_front([(1, 10), (2, 20), (3, 15), (2, 5), (4, 20)]) == [0, 1]
    assert pareto_front([(1, 10), (1, 10)]) == [0, 1]
    assert pareto_front([(3, 30), (1, 10), (2, 30)]) == [1, 2]
    assert pareto_front([]) == []


def test_every_point_off_the_front_is_beaten_and_none_on_it() -> None:
    points = [tuple(pair) for pair in np.random.default_rng(0).integers(0, 12, (60, 2)).tolist()]
    front = set(pareto_front(points))
    for place, (cost, score) in enumerate(points):
        beaten = any(c <= cost and s >= score and (c < cost or s > score) for c, s in points)
        assert beaten == (place not in front)


def test_flops_are_drawn_where_two_methods_tell_them(maker: Any, matrix: list[Record]) -> None:
    figures = flops_figures(maker.tracks(matrix))
    assert [figure.name for figure in figures] == [
        f"pareto-flops-{name}" for name in ("coco-d", "coco-lr-x4", "coco-lr-x8")
    ]
    assert "On the Pareto front: bicubic and tdsr." in figures[0].alt
    assert "25.0 % (bicubic) to 35.0 % (tdsr)" in figures[0].alt and "no cost: lr" in figures[0].caption
    assert len(lines(figures[0])) == 3
    few = [record for record in matrix if record.cell.method in ("hr", "lr", "tdsr")]
    assert flops_figures(maker.tracks(few)) == []


def test_only_comparable_latencies_share_a_figure(maker: Any, matrix: list[Record]) -> None:
    track = [record for record in matrix if record.cell.dataset == "coco-d"]
    tracks = maker.tracks(track)
    by_name = {record.cell.method: record for record in track}
    fast, slow = maker.timing(by_name["lr"], 10), maker.timing(by_name["tdsr"], 30)
    disturbed = maker.timing(by_name["bicubic"], 1, quiet=False)
    (figure,) = latency_figures(tracks, [slow, disturbed, fast])
    assert "10.0 ms (lr) to 30.0 ms (tdsr)" in figure.alt and "2 threads" in figure.caption
    assert len(lines(figure)) == 2
    assert latency_figures(tracks, [fast, maker.timing(by_name["tdsr"], 30, threads=1)]) == []
    assert latency_figures(tracks, [fast, maker.timing(by_name["hr"], 30)]) == []


def test_quality_has_a_point_for_each_method_and_track(maker: Any, matrix: list[Record]) -> None:
    (figure,) = quality_figures(maker.tracks(matrix))
    assert "9 points" in figure.alt and "PSNR-Y (dB): 24.0 dB" in figure.alt
    assert "Rank correlation" not in figure.caption
    assert sorted(map(len, lines(figure))) == [3, 3, 3]
    more = [maker.record(f"m{n}", ap=0.2 + 0.01 * n, values={"PSNR_Y": 30.0 - n}) for n in range(4)]
    (stated,) = quality_figures(maker.tracks(more))
    assert "coco-d \N{MINUS SIGN}1.00" in stated.caption
    perfect = [maker.record(f"m{n}", values={"PSNR_Y": 100.0}) for n in range(4)]
    assert quality_figures(maker.tracks(perfect)) == []


def test_rank_correlation_is_spearmans() -> None:
    assert rank_correlation([1, 2, 3], [1, 2, 3]) is None
    assert rank_correlation([1, 1, 1, 1], [1, 2, 3, 4]) is None
    assert rank_correlation([1, 2, 2, 5], [1, 3, 3, 4]) == pytest.approx(1.0)
    assert rank_correlation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) == pytest.approx(0.8)


def test_the_share_of_the_gap_comes_with_a_paired_interval(maker: Any) -> None:
    records = [maker.record("hr", ap=0.5), maker.record("lr", ap=0.1), maker.record("tdsr", ap=0.3)]
    tracks = maker.tracks(records)
    (figure,) = recovered_figures(tracks)
    assert "50 % (tdsr on coco-d)" in figure.alt
    entries = {entry.name: entry for entry in tracks.each[0].entries}
    share = share_interval(entries["tdsr"], entries["lr"], entries["hr"], "AP")
    assert share is not None and share.value == pytest.approx(50) and share.low < 50 < share.high
    # Replicates that move all three alike leave the share where it is: the interval is paired.
    common = 0.02 * np.random.default_rng(0).standard_normal(40)
    for entry in entries.values():
        assert entry.analysis is not None
        entry.analysis.replicates["AP"] = np.concatenate([[entry.stored("AP")], entry.stored("AP") + common])
    paired = share_interval(entries["tdsr"], entries["lr"], entries["hr"], "AP")
    assert paired is not None and (paired.low, paired.high) == (pytest.approx(50), pytest.approx(50))


def test_without_a_gap_or_an_end_of_it_no_share_is_drawn(maker: Any) -> None:
    flat = [maker.record("hr", ap=0.3), maker.record("lr", ap=0.3), maker.record("tdsr", ap=0.3)]
    assert recovered_figures(maker.tracks(flat)) == []
    assert recovered_figures(maker.tracks(flat[1:])) == []
    other = [maker.record("hr", detector="x"), maker.record("lr", detector="y"), maker.record("tdsr", detector="y")]
    assert recovered_figures(maker.tracks(other)) == []


def test_missing_classes_are_hatched_and_never_zero(maker: Any) -> None:
    records = [
        maker.record("hr", per_class={"cat": 0.5, "dog": None, "none": None}),
        maker.record("lr", per_class={"cat": 0.0, "dog": 0.2, "none": None}),
    ]
    tracks = maker.tracks(records)
    frame = class_values(tracks.each[0])
    assert list(frame.index) == ["cat", "dog"]
    assert math.isnan(frame.at["dog", "hr"]) and frame.at["cat", "lr"] == 0.0
    (figure,) = class_figures(tracks)
    assert "0.0 % (lr on cat) to 50.0 % (hr on cat); 1 fields without a number" in figure.alt
    assert "Hatched: no number." in figure.caption and "no object of theirs: none." in figure.caption
    axes = drawn(figure).axes[0]
    hatched = [patch for patch in axes.patches if patch.get_hatch()]
    assert len(hatched) == 1 and hatched[0].get_path().get_extents().bounds == (0, 1, 1, 1)
    assert sorted(text.get_text() for text in axes.texts if text.get_text()[0].isdigit()) == ["0.0", "20.0", "50.0"]
    assert class_figures(maker.tracks([maker.record("hr", per_class={"cat": 0.5})])) == []


def test_errors_stand_by_severity_in_families_and_by_track_elsewhere(maker: Any, matrix: list[Record]) -> None:
    by_severity, by_track = tide_figures(maker.tracks(matrix))
    assert by_severity.title == "Errors by down-sampling factor: coco-lr"
    assert "10 cells" in by_severity.alt and "5 cells" in by_track.alt
    assert "1.0 (class; " in by_track.alt and "6.0 (missed; " in by_track.alt
    widths = sorted({round(bar.get_width(), 6) for bar in drawn(by_track).axes[0].patches})
    assert widths == [1, 2, 3, 4, 5, 6]
    assert len({bar.get_hatch() for bar in drawn(by_track).axes[0].patches}) == 6


def test_cells_without_known_errors_have_no_bars(maker: Any, matrix: list[Record]) -> None:
    tracks = maker.tracks([record for record in matrix if record.cell.dataset == "coco-d"])
    for entry in tracks.each[0].entries:
        assert entry.analysis is not None
        entry.analysis.tide = {**entry.analysis.tide, "Cls": math.nan} if entry.name == "lr" else entry.analysis.tide
    (figure,) = tide_figures(tracks)
    assert "4 cells" in figure.alt and "no analysis: lr" in figure.caption


def test_ranks_are_over_equal_coverage_without_ceilings(maker: Any, matrix: list[Record]) -> None:
    (figure,) = rank_figures(maker.tracks(matrix))
    assert "4 methods over 3 tracks: 1.00 (tdsr) to 4.00 (lr)" in figure.alt
    assert "critical difference" in figure.caption and "hr" not in figure.alt
    partial = [r for r in matrix if (r.cell.method, r.cell.dataset) != ("classsr", "coco-d")]
    (fewer,) = rank_figures(maker.tracks(partial))
    assert "3 methods over 3 tracks" in fewer.alt and "classsr" in fewer.caption
    one = [record for record in matrix if record.cell.dataset == "coco-d"]
    assert rank_figures(maker.tracks(one)) == []


def test_the_largest_block_has_no_gap() -> None:
    scores = pd.DataFrame({"x": [1.0, 2, 3], "y": [1.0, 2, math.nan], "z": [math.nan, 1, math.nan]}, index=[*"abc"])
    block = largest_block(scores)
    assert (list(block.index), list(block.columns)) == (["a", "b"], ["x", "y"])
    assert largest_block(pd.DataFrame()).empty


def test_long_charts_are_parted_between_groups() -> None:
    groups = [Group(str(number), tuple((str(row), row) for row in range(20))) for number in range(5)]
    parts = pages(groups)
    assert [[group.heading for group in part] for part in parts] == [["0", "1"], ["2", "3"], ["4"]]
    assert all(sum(group.height for group in part) <= MOST_ROWS for part in parts)


def test_a_label_of_two_detectors_is_named_with_each(maker: Any) -> None:
    records = [maker.record("lr", detector=name) for name in ("a", "b")] + [maker.record("hr", detector="a")]
    names = [entry.name for entry in maker.tracks(records).each[0].entries]
    assert sorted(names) == ["hr", "lr · a", "lr · b"]


def test_ranges_name_both_ends_and_skip_what_is_missing() -> None:
    assert range_text({"a": 1.0, "b": math.nan, "c": 3.04}, "%") == "1.0 % (a) to 3.0 % (c)"
    assert range_text({"b": math.nan}, "%") == "no number"
    assert not Interval(math.nan).known and not Interval(1.0, 0.5).has_ends
