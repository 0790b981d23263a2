"""Progress: bars for terminals, few plain lines for files."""

from __future__ import annotations

import io
import re

from rich.console import Console

from lqbench.benchmark.progress import BarDisplay, LineDisplay, make_display, report_rendering


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def lines_of(total, seconds_each, done=0):
    out, clock = io.StringIO(), Clock()
    with LineDisplay(Console(file=out, width=200), clock) as display:
        display.start("hr on [x]", done, total)
        for _ in range(total - done):
            clock.now += seconds_each
            display.advance(1)
        display.finish("hr on [x]: finished")
    return [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in out.getvalue().splitlines()]


def test_a_fast_cell_prints_a_line_for_each_tenth():
    lines = lines_of(1000, 0.001)
    assert len(lines) == 1 + 9 + 1
    assert lines[0] == "hr on [x]: 1000 images"
    assert lines[1] == "hr on [x]: 100 of 1000 images (1000.0 a second, 1 s left)"
    assert lines[-1] == "hr on [x]: finished"


def test_a_slow_cell_prints_a_line_every_ten_seconds():
    assert len(lines_of(20, 4.0)) == 1 + 9 + 1
    assert len(lines_of(100, 5.0)) == 1 + 49 + 1


def test_a_resumed_cell_counts_its_pace_from_where_it_resumed():
    lines = lines_of(20, 1.0, done=16)
    assert lines[0] == "hr on [x]: 20 images, 16 of them done before"
    assert lines[1] == "hr on [x]: 18 of 20 images (1.0 a second, 2 s left)"


def test_the_console_decides_on_the_display():
    assert isinstance(make_display(Console(file=io.StringIO())), LineDisplay)
    assert isinstance(make_display(Console(file=io.StringIO(), force_terminal=True)), BarDisplay)


def test_a_terminal_shows_the_count_and_keeps_the_closing_line():
    out = io.StringIO()
    with BarDisplay(Console(file=out, force_terminal=True, width=100)) as display:
        display.start("hr on [bold]", 5, 20)
        display.advance(5)
        display._progress.refresh()
        display.finish("hr on [bold]: finished")
    assert "10/20" in out.getvalue()
    assert "hr on [bold]: finished" in out.getvalue()


def test_rendering_shows_as_one_task():
    out = io.StringIO()
    with LineDisplay(Console(file=out, width=200), Clock()) as display:
        report = report_rendering(display)
        for done in range(1, 21):
            report("scenes-d", done, 20)
    lines = out.getvalue().splitlines()
    assert lines[0].endswith("rendering scenes for scenes-d: 20 images")
    assert len(lines) == 1 + 9
