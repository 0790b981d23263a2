from __future__ import annotations

from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def performance(load_script) -> ModuleType:
    return load_script("performance.py")


def test_the_page_states_every_measurement(performance: ModuleType) -> None:
    results = {
        job: performance.Measurement(wall, 0.9 * wall, 300.0)
        for job, wall in (("bootstrap", 10.0), ("matching", 1.0), ("faster", 5.0), ("reference", 30.0))
    }
    page = performance.page(results)
    assert "| lqbench: match once, weigh 1000 times | 10.0 s | 9.0 s | 300 MiB | measured |" in page
    assert "| pycocotools: evaluate 1000 times | 500 min | 450 min | 300 MiB | 2 measured, times 500 |" in page
    assert "1/500 of the one with\nfaster-coco-eval and 1/3000" in page


@pytest.mark.benchmarks
def test_a_thousand_replicates_of_coco_size_take_at_most_20_s_and_4_gb(performance: ModuleType) -> None:
    result = performance.measure_apart("bootstrap")
    print(result)
    assert result.cpu <= 20.0
    assert result.peak <= 4096.0
