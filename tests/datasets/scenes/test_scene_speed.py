"""Speed of the renderer, measured on demand: ``pytest -m benchmarks``."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lqbench.datasets.scenes.source import ScenesSource


@pytest.mark.benchmarks
def test_time_of_a_hundred_scenes_on_two_processes(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if "benchmarks" not in str(request.config.getoption("markexpr")):
        pytest.skip("a measurement; ask for it with -m benchmarks")
    monkeypatch.setenv("LQBENCH_CACHE", str(tmp_path))
    source = ScenesSource("val", 100, 512)
    start = time.perf_counter()
    source.ensure(workers=2)
    print(f"\n100 scenes of 512 x 512 on 2 processes: {time.perf_counter() - start:.1f} s")
    assert source.missing() == []
