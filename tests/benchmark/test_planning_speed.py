"""How long plans of large finished stores take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from lqbench.methods.catalog import method_registry


@pytest.fixture
def plan_speed(monkeypatch, load_script) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))  # the script imports its neighbour performance_page
    yield load_script("plan_speed.py")
    method_registry.cache_clear()


def test_the_script_measures_a_store_in_which_all_is_done(plan_speed, tmp_path):
    """A few cells in place of a thousand: the plan must find each of them done."""
    size = plan_speed.Size(methods=len(plan_speed.BUILT_IN) + 1, datasets=len(plan_speed.TRACKS), most=1.0)
    plan_speed.fill(tmp_path, size)
    taken = plan_speed.measure(tmp_path, size.cells)
    assert taken.wall > 0
    assert f"| {size.cells} | {size.methods} x {size.datasets} |" in plan_speed.section({size: taken}, 1)
    with pytest.raises(RuntimeError, match="the plan says"):
        plan_speed.measure(tmp_path, size.cells + 1)


@pytest.mark.benchmarks
@pytest.mark.parametrize("number", [0, 1], ids=["1000", "10000"])
def test_a_finished_store_is_planned_again_in_time(plan_speed, number):
    size = plan_speed.SIZES[number]
    taken = plan_speed.measured(size, rounds=3)
    print(size, taken)
    assert taken.wall < size.most
