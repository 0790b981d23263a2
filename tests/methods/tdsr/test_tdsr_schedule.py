"""The notation of TDSR's loss schedules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lqbench.methods.tdsr.schedule import LossSchedule, Phase, parse_schedule


def test_the_published_schedule_reads_as_printed() -> None:
    schedule = parse_schedule("100k:1:0+200k:1:0.01")
    assert schedule.phases == (Phase(100_000, 1, 0), Phase(200_000, 1, 0.01))
    assert schedule.iterations == 300_000
    assert schedule.needs_task
    assert schedule.at(99_999).beta == 0
    assert schedule.at(100_000).beta == 0.01
    assert schedule.at(10**9).beta == 0.01


def test_the_control_has_as_many_iterations_and_no_task() -> None:
    control = parse_schedule("100k:1:0+200k:1:0")
    assert control.iterations == parse_schedule("100k:1:0+200k:1:0.01").iterations
    assert not control.needs_task


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("100k:0", "write iterations:alpha:beta"),
        ("", "write iterations:alpha:beta"),
        ("100k:1:0:2", "write iterations:alpha:beta"),
        ("x:1:0", "write iterations:alpha:beta"),
        ("10:a:0", "no numbers"),
        ("0:1:0", "whole number of iterations"),
        ("0.5:1:0", "whole number of iterations"),
        ("10:-1:0", "0 or above"),
        ("10:1:nan", "0 or above"),
        ("10:1:inf", "0 or above"),
    ],
)
def test_mistakes_are_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_schedule(text)


@given(
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 10), st.floats(0, 10)), min_size=1, max_size=4),
    st.integers(0, 300),
)
def test_each_step_is_of_the_phase_that_holds_it(phases: list[tuple[int, float, float]], step: int) -> None:
    schedule = parse_schedule("+".join(f"{count}:{alpha!r}:{beta!r}" for count, alpha, beta in phases))
    assert schedule == LossSchedule(tuple(Phase(*phase) for phase in phases))
    every = [Phase(*phase) for phase in phases for _ in range(phase[0])]
    assert schedule.at(step) == every[min(step, len(every) - 1)]
