"""Progress: a live table for terminals, few plain lines for files."""

from __future__ import annotations

import io
import re
import threading

from rich.console import Console

from lqbench.benchmark.live import LiveDisplay
from lqbench.benchmark.progress import Expected, LineDisplay, make_display, report_rendering


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def without_time(text: str) -> list[str]:
    return [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in text.splitlines()]


def lines_of(total, seconds_each, done=0):
    out, clock = io.StringIO(), Clock()
    with LineDisplay(Console(file=out, width=200), clock) as display:
        display.start("hr on [x]", done, total)
        for _ in range(total - done):
            clock.now += seconds_each
            display.advance("hr on [x]", 1)
        display.finish("hr on [x]", "done", "hr on [x]: finished")
    return without_time(out.getvalue())


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


def test_cells_that_run_at_once_are_counted_apart():
    out, clock = io.StringIO(), Clock()
    with LineDisplay(Console(file=out, width=200), clock) as display:
        display.start("a", 0, 20, "gpu0")
        display.start("b", 0, 40, "gpu1")
        clock.now = 1.0
        display.advance("a", 2)
        display.advance("b", 4)
        display.advance("c", 4)
        display.finish("a", "failed", "")
        display.advance("a", 10)
    assert without_time(out.getvalue()) == [
        "a: 20 images (gpu0)",
        "b: 40 images (gpu1)",
        "a: 2 of 20 images (2.0 a second, 9 s left)",
        "b: 4 of 40 images (4.0 a second, 9 s left)",
    ]


def test_no_image_is_lost_when_threads_report_at_once():
    out = io.StringIO()
    with LineDisplay(Console(file=out, width=200), Clock()) as display:
        display.start("a", 0, 4001)
        threads = [
            threading.Thread(target=lambda: [display.advance("a", 1) for _ in range(1000)], daemon=True)
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert display._running["a"].done == 4000


def test_the_plan_of_several_cells_is_one_line():
    out = io.StringIO()
    with LineDisplay(Console(file=out, width=200), Clock()) as display:
        display.plan(
            [Expected("a", 10, 5.0, "done"), Expected("b", 20, 60.0), Expected("c", 30, 40.0, "failed before")]
        )
        display.plan([Expected("a", 10), Expected("b", 20, 60.0)])
        display.plan([Expected("a", 10)])
    assert without_time(out.getvalue()) == [
        "3 cells: 1 done, 1 failed before, 1 to do; 50 images to go, about 1 min 40 s on one worker",
        "2 cells: 2 to do; 30 images to go",
    ]


def test_the_console_decides_on_the_display():
    assert isinstance(make_display(Console(file=io.StringIO())), LineDisplay)
    assert isinstance(make_display(Console(file=io.StringIO(), force_terminal=True)), LiveDisplay)


def test_rendering_shows_as_one_task():
    out = io.StringIO()
    with LineDisplay(Console(file=out, width=200), Clock()) as display:
        report = report_rendering(display)
        for done in range(1, 21):
            report("scenes-d", done, 20)
    lines = out.getvalue().splitlines()
    assert lines[0].endswith("rendering scenes for scenes-d: 20 images")
    assert len(lines) == 1 + 9
