"""What is timed, what is kept, and what tables say of it; measuring itself is replaced."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from rich.console import Console

from lqbench.benchmark.timing.job import Result, TimingOptions, default_threads, timed_images
from lqbench.benchmark.timing.launch import Measured, death
from lqbench.benchmark.timing.session import time_cells
from lqbench.datasets.errors import UserError
from lqbench.reports.timing import COLUMNS, MARK, print_timings, timing_tables
from lqbench.results.record import Provenance
from lqbench.results.timing import LATENCY_COLUMNS, Surroundings, read_timings, timing_path

MS = 1_000_000
QUIET = Surroundings(quiet=True, seconds=3.0, others_cpu=0.01)
NOISY = Surroundings(quiet=False, reasons=("others computed",), seconds=3.0, others_cpu=1.5)
OPTIONS = TimingOptions(threads=2, limit=8)
PROVENANCE = Provenance(lqbench_version="0", python="3", platform="p", cpu="c", device="cpu")


class Measure:
    """Gives each method the milliseconds that a test wrote down for it."""

    def __init__(self, times=None, surroundings: Surroundings | None = QUIET, result=None):
        self.times = times or {}
        self.surroundings = surroundings
        self.result = result or Result(setup_s=0.5, load_ms=2.0, provenance=PROVENANCE)
        self.jobs = []

    def __call__(self, job):
        self.jobs.append(job)
        if self.result.error or self.result.mistake:
            return Measured(self.result)
        time = self.times.get(job.method.card.name, 10)
        rows = [("detect", 0, index, 1, (time + index) * MS) for index in range(8)]
        return Measured(self.result, pd.DataFrame(rows, columns=list(LATENCY_COLUMNS)), self.surroundings)


@pytest.fixture
def group(make_group, make_method, dataset):
    return make_group(make_method(), dataset)


def test_a_timing_is_recorded_with_all_its_latencies(tmp_path, group, messages):
    measure = Measure()
    (outcome,) = time_cells([group], tmp_path, OPTIONS, messages, measure)
    record = outcome.record
    assert outcome.state == "measured"
    assert record.cell == group.jobs[0].cell
    assert record.latency is not None
    assert record.latency.median_ms == pytest.approx(13.5)
    assert (record.latency.low_ms, record.latency.high_ms) == pytest.approx((10, 17))
    assert (record.setup_s, record.load_ms) == (0.5, 2.0)
    assert (record.conditions.images, record.conditions.threads, record.conditions.warm_up) == (8, 2, 5)
    assert read_timings(tmp_path) == [record]
    assert measure.jobs[0].dataset is group.jobs[0].dataset
    assert any("median 13.5 ms a call" in line for line in messages.lines)


def test_a_quiet_timing_is_kept_and_again_measures_it(tmp_path, group, messages):
    measure = Measure()
    time_cells([group], tmp_path, OPTIONS, messages, measure)
    (second,) = time_cells([group], tmp_path, OPTIONS, messages, measure)
    assert second.state == "stored"
    assert len(measure.jobs) == 1
    (third,) = time_cells([group], tmp_path, TimingOptions(threads=2, limit=8, again=True), messages, measure)
    assert third.state == "measured"


@pytest.mark.parametrize("first", [Measure(surroundings=NOISY), Measure(surroundings=None)])
def test_a_disturbed_timing_is_measured_anew(tmp_path, group, messages, first):
    (outcome,) = time_cells([group], tmp_path, OPTIONS, messages, first)
    assert not outcome.record.quiet
    assert "not comparable" in messages.lines[-1]
    (second,) = time_cells([group], tmp_path, OPTIONS, messages, Measure())
    assert second.state == "measured"
    assert [record.quiet for record in read_timings(tmp_path)] == [True]


@pytest.mark.parametrize("other", [{"limit": 4}, {"repeat": 2}, {"warm_up": 0}])
def test_another_way_of_timing_is_measured_anew_in_the_same_place(tmp_path, group, messages, other):
    time_cells([group], tmp_path, OPTIONS, messages, Measure())
    options = TimingOptions(**{"threads": 2, "limit": 8, **other})
    (second,) = time_cells([group], tmp_path, options, messages, Measure())
    assert second.state == "measured"
    assert len(read_timings(tmp_path)) == 1


def test_other_threads_and_batch_sizes_are_other_timings(tmp_path, group, messages):
    for options in (OPTIONS, TimingOptions(threads=1, limit=8), TimingOptions(threads=2, limit=8, batch_size=4)):
        (outcome,) = time_cells([group], tmp_path, options, messages, Measure())
        assert outcome.state == "measured"
    assert len(read_timings(tmp_path)) == 3


def test_a_failure_is_recorded_and_the_others_go_on(tmp_path, make_group, make_method, dataset, messages):
    groups = [make_group(make_method(name), dataset) for name in ("bad", "good")]
    bad = Measure(result=Result(error="Traceback\nValueError: no"))

    def measure(job):
        return bad(job) if job.method.card.name == "bad" else Measure()(job)

    outcomes = time_cells(groups, tmp_path, OPTIONS, messages, measure)
    assert [outcome.state for outcome in outcomes] == ["failed", "measured"]
    assert outcomes[0].record.error.endswith("ValueError: no")
    assert "fake" not in messages.lines[-1]
    assert {record.cell.method: record.status for record in read_timings(tmp_path)} == {"bad": "failed", "good": "done"}
    assert any(line.endswith("failed: ValueError: no") for line in messages.lines)


def test_a_mistake_of_the_user_stops_with_its_sentence(tmp_path, group, messages):
    with pytest.raises(UserError, match=r"photo\.png is broken"):
        time_cells([group], tmp_path, OPTIONS, messages, Measure(result=Result(mistake="photo.png is broken.")))
    assert read_timings(tmp_path) == []


def test_a_batch_larger_than_all_images_is_refused(tmp_path, group, messages):
    with pytest.raises(UserError, match=r"--batch-size 16 is more than the 8 images of coco-d"):
        time_cells([group], tmp_path, TimingOptions(limit=8, batch_size=16), messages, Measure())


def test_a_damaged_timing_is_told(tmp_path, group, messages):
    (outcome,) = time_cells([group], tmp_path, OPTIONS, messages, Measure())
    path = timing_path(tmp_path, outcome.record.cell, outcome.record.conditions) / "timing.json"
    path.write_text(json.dumps({"version": 1}))
    with pytest.raises(UserError, match="--again"):
        time_cells([group], tmp_path, OPTIONS, messages, Measure())
    again = TimingOptions(threads=2, limit=8, again=True)
    assert time_cells([group], tmp_path, again, messages, Measure())[0].state == "measured"


@pytest.mark.parametrize(("images", "batch", "timed"), [(100, 1, 32), (20, 8, 16), (100, 5, 30), (7, 8, 0)])
def test_images_make_whole_batches(images, batch, timed):
    assert timed_images(images, TimingOptions(batch_size=batch)) == timed


@pytest.mark.parametrize(("given", "expected"), [("3", 3), (" 2 ", 2)])
def test_threads_are_those_of_the_environment(monkeypatch, given, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert default_threads() == expected


@pytest.mark.parametrize("given", ["", "0", "many", "2,4"])
def test_other_values_leave_the_processors(monkeypatch, given):
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    monkeypatch.setattr("lqbench.benchmark.device.usable_processors", lambda: 5)
    assert default_threads() == 5


def test_the_end_of_a_process_is_one_sentence_after_its_last_lines():
    log = "\n".join(f"line {number}" for number in range(50))
    told = death(-9, log).splitlines()
    assert told[-1] == "the process that measured was killed by SIGKILL (as Linux does when memory runs out) " + (
        "before it was done"
    )
    assert told[0] == "line 30"
    assert "status 3" in death(3, "")
    assert "signal 200" in death(-200, "")


@pytest.fixture
def records(tmp_path, make_group, make_method, dataset, messages):
    """A fast disturbed method, a slow quiet one, a quiet one of twice its median, and one that fails."""
    times = {"fast": 1, "slow": 10, "slower": 23.5}
    found = []
    for name in ("fast", "slower", "slow", "bad"):
        surroundings = NOISY if name == "fast" else QUIET
        result = Result(error="ValueError: no") if name == "bad" else None
        group = make_group(make_method(name), dataset)
        found += time_cells([group], tmp_path, OPTIONS, messages, Measure(times, surroundings, result))
    return [outcome.record for outcome in found]


def test_a_disturbed_row_is_marked_and_compared_with_nothing(records):
    (table,) = timing_tables(records)
    ratio = list(COLUMNS).index("\N{MULTIPLICATION SIGN} fastest")
    assert [row.label for row in table.rows] == ["slow", "slower", f"fast{MARK}"]
    assert [row.texts[ratio] for row in table.rows] == ["1.00", "2.00", "\N{EN DASH}"]
    assert [row.comparable for row in table.rows] == [True, True, False]
    assert table.notes == ("fast * is not comparable: others computed.", "bad failed: ValueError: no")


def test_without_a_quiet_timing_nothing_is_compared(records):
    (table,) = timing_tables([record for record in records if not record.quiet])
    assert all(text != "1.00" for row in table.rows for text in row.texts)


@pytest.mark.parametrize(
    "other",
    [
        {"threads": 1},
        {"batch_size": 2},
        {"cpu": "another"},
        {"precision": "bfloat16"},
        {"images": 4},
        {"device": "mps"},
    ],
)
def test_other_conditions_make_another_table(records, other):
    changed = records[1].model_copy(update={"conditions": records[1].conditions.model_copy(update=other)})
    tables = timing_tables([records[2], changed])
    assert [len(table.rows) for table in tables] == [1, 1]


def test_tables_are_printed_with_their_conditions_and_notes(records):
    console = Console(width=160)
    with console.capture() as capture:
        print_timings(records, console)
    text = capture.get()
    assert "coco-d, val2017: 8 images" in text
    assert "2 threads, batch 1, float32" in text
    assert "fast * is not comparable: others computed." in text
    assert "GFLOP" not in text, "a column in which nothing is known is left out"


def test_names_are_no_markup(records):
    cell = records[0].cell.model_copy(update={"method": "[red]x"})
    console = Console(width=160)
    with console.capture() as capture:
        print_timings([records[0].model_copy(update={"cell": cell})], console)
    assert "[red]x" in capture.get()


def test_nothing_is_printed_of_nothing():
    console = Console(width=160)
    with console.capture() as capture:
        print_timings([], console)
    assert capture.get() == ""
