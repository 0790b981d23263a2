"""Time left: estimates corrected by the pace, or images where nothing is estimated."""

from __future__ import annotations

import pytest

from lqbench.benchmark.eta import Work, duration, seconds_left


def test_before_anything_is_done_the_estimates_are_shared_by_the_workers():
    cells = [Work(100, 60.0), Work(100, 30.0), Work(50, 10.0, 50, 50, over=True)]
    assert seconds_left(cells, 0.0) == pytest.approx(90.0)
    assert seconds_left(cells, 5.0, workers=3) == pytest.approx(30.0)


def test_the_pace_corrects_the_estimates():
    # The first cell took twice what it was estimated at, so the second will.
    cells = [Work(100, 60.0, 0, 100, over=True), Work(10, 30.0)]
    assert seconds_left(cells, 120.0) == pytest.approx(60.0)


def test_what_was_there_before_the_run_says_nothing_of_its_pace():
    assert seconds_left([Work(100, 100.0, before=50, done=75)], 50.0) == pytest.approx(50.0)


def test_without_estimates_images_count():
    assert seconds_left([Work(100), Work(300)], 0.0) is None
    assert seconds_left([Work(100, done=50), Work(300)], 10.0) == pytest.approx(70.0)


def test_a_cell_without_an_estimate_weighs_as_much_an_image_as_the_others():
    cells = [Work(100, 200.0, 0, 100, over=True), Work(50)]
    assert seconds_left(cells, 200.0) == pytest.approx(100.0)


def test_a_failed_cell_takes_no_more_time():
    assert seconds_left([Work(100, 60.0, 0, 10, over=True)], 10.0) == 0.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (100_000, "1 d 3 h"), (-3, "0 s")],
)
def test_lengths_of_time_are_written_as_people_say_them(seconds: float, text: str):
    assert duration(seconds) == text
