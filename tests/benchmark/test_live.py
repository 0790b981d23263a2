"""The live table: what it shows, and that it fits any terminal."""

from __future__ import annotations

import io
import threading

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from lqbench.benchmark.live import LiveDisplay
from lqbench.benchmark.progress import Expected, report_rendering


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def shown(display: LiveDisplay, width: int = 100, height: int = 24) -> list[str]:
    """Return the table as it is drawn, without colours."""
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(display)
    return [line.rstrip() for line in captured.get().splitlines()]


def started(cells: int, running: int, *, worker: str = "") -> LiveDisplay:
    clock = Clock()
    display = LiveDisplay(Console(file=io.StringIO(), force_terminal=True), clock)
    display.plan([Expected(f"method-{i} on scenes-d", 100, 10.0) for i in range(cells)])
    for i in range(running):
        display.start(f"method-{i} on scenes-d", 0, 100, worker)
    clock.now = 5.0
    for i in range(running):
        display.advance(f"method-{i} on scenes-d", 50)
    return display


def test_the_summary_counts_cells_by_state():
    display = started(6, 2)
    display.finish("method-0 on scenes-d", "failed", "")
    display.finish("method-2 on scenes-d", "stored", "")
    display.finish("method-3 on scenes-d", "busy", "")
    # 10 s of estimated work were done in 5 s; 5 s of the running cell and 20 s of the others are left.
    assert shown(display)[0] == ("1 done, 1 running, 2 to do, 1 failed, 1 elsewhere, 20.0 images/s, 12 s left")


def test_cells_that_were_done_before_count_as_done_and_take_no_time():
    display = LiveDisplay(Console(file=io.StringIO(), force_terminal=True), Clock())
    display.plan([Expected("a", 10, 5.0, "done"), Expected("b", 10, 5.0, "failed before")])
    assert shown(display) == ["1 done, 1 to do, 5 s left"]


def test_a_running_cell_has_a_row_with_its_worker_images_and_pace():
    (row,) = shown(started(1, 1, worker="gpu3"))[1:]
    assert row.startswith("method-0 on scenes-d")
    assert [part for part in row.split() if part in ("gpu3", "50/100", "10.0/s")] == ["gpu3", "50/100", "10.0/s"]


def test_the_cells_that_ended_last_are_shown_the_latest_first():
    display = started(6, 5)
    for i in range(5):
        display.finish(f"method-{i} on scenes-d", "failed" if i == 3 else "done", "")
    assert shown(display)[1:] == [
        "done   method-4 on scenes-d",
        "failed method-3 on scenes-d",
        "done   method-2 on scenes-d",
    ]


def test_more_cells_than_lines_are_counted():
    lines = shown(started(40, 20), height=10)
    assert len(lines) == 9
    assert lines[-1] == "... and 13 more"
    assert sum("50/100" in line for line in lines) == 7


def test_a_cell_that_was_tried_again_runs_again():
    display = started(2, 1)
    display.finish("method-0 on scenes-d", "busy", "")
    display.start("method-0 on scenes-d", 60, 100)
    lines = shown(display)
    assert "1 running" in lines[0]
    assert "60/100" in lines[1]


def test_shards_have_rows_and_count_as_their_cell():
    display = started(2, 0)
    display.start("method-0 on scenes-d [0-63]", 0, 64, "w1")
    display.start("method-0 on scenes-d [64-99]", 16, 36, "w2")
    display._clock.now += 2.0  # type: ignore[attr-defined]
    display.advance("method-0 on scenes-d [0-63]", 34)
    lines = shown(display)
    # 34 of 100 images are 3.4 s of estimated work, done in 2 s; of both cells 15 s of it are left.
    assert lines[0] == "0 done, 1 running, 1 to do, 17.0 images/s, 9 s left"
    assert [line.split()[4:] for line in lines[1:]] == [
        ["w1", lines[1].split()[5], "34/64", "17.0/s"],
        ["w2", lines[2].split()[5], "16/36"],
    ]
    display.finish("method-0 on scenes-d [0-63]", "busy", "")
    assert [line.split()[3] for line in shown(display)[1:]] == ["[64-99]"]
    display.finish("method-0 on scenes-d [64-99]", "busy", "")
    assert shown(display)[0].startswith("0 done, 2 to do")
    display.finish("method-0 on scenes-d", "done", "")
    assert shown(display)[0].startswith("1 done, 1 to do")


def test_without_a_plan_there_are_rows_but_no_summary():
    display = LiveDisplay(Console(file=io.StringIO(), force_terminal=True), Clock())
    report = report_rendering(display)
    report("scenes-d", 1, 2)
    assert [line.split()[-1] for line in shown(display)] == ["1/2"]
    report("scenes-d", 2, 2)
    assert shown(display) == []


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(40, 180),
    height=st.integers(3, 60),
    cells=st.integers(1, 40),
    running=st.integers(0, 40),
    title=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=80),
)
def test_it_fits_every_terminal(width: int, height: int, cells: int, running: int, title: str):
    display = LiveDisplay(Console(file=io.StringIO(), force_terminal=True), Clock())
    display.plan([Expected(f"{title}{i}", 1000 * i) for i in range(cells)])
    for i in range(min(cells, running)):
        display.start(f"{title}{i}", i, 123456, "a-node-with-a-long-name:gpu7" if i % 2 else "")
        display.advance(f"{title}{i}", i)
    for i in range(min(cells, running) // 2):
        display.finish(f"{title}{i}", "done", "")
    lines = shown(display, width, height)
    assert len(lines) <= height - 1
    assert max(cell_len(line) for line in lines) <= width


def test_messages_stay_and_the_table_goes():
    out = io.StringIO()
    with LiveDisplay(Console(file=out, force_terminal=True, width=100)) as display:
        display.start("hr on [bold]", 5, 20)
        display.advance("hr on [bold]", 5)
        display._live.refresh()
        display.finish("hr on [bold]", "done", "hr on [bold]: finished")
    assert "10/20" in out.getvalue()
    assert "hr on [bold]: finished" in out.getvalue()


def test_threads_that_report_and_print_do_not_block_the_one_that_draws():
    with LiveDisplay(Console(file=io.StringIO(), force_terminal=True, width=80)) as display:
        display.plan([Expected(f"cell {i}", 50) for i in range(4)])

        def work(title: str) -> None:
            display.start(title, 0, 50)
            for _ in range(50):
                display.advance(title, 1)
                display.line(title)
            display.finish(title, "done", title)

        threads = [threading.Thread(target=work, args=(f"cell {i}",), daemon=True) for i in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            display._live.refresh()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)
    assert shown(display)[0].startswith("4 done, 0 to do")
