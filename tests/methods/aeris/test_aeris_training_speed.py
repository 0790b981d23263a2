"""What the degradation inside the model costs, on demand: ``pytest -m benchmarks -s`` on a machine at rest."""

from __future__ import annotations

import time
from statistics import median

import pytest
import torch

from lqbench.methods.aeris.data import TrainBatch
from lqbench.methods.aeris.fit import AerisTraining
from lqbench.methods.aeris.net import AerisNet
from lqbench.methods.aeris.recipe import load_recipe
from lqbench.methods.aeris.transform import InModelDegradation
from lqbench.methods.memory import keep_freed_memory

STEPS = 30
MOST, MOST_AT_FULL_SIZE = 1.10, 1.25
"""Time of a step with the degradation over that of one without."""


def batch_of(count: int, side: int, device: torch.device) -> TrainBatch:
    random = torch.Generator().manual_seed(0)
    low = torch.rand(40, 2, generator=random) * side / 2
    boxes = torch.cat([low, low + 4 + torch.rand(40, 2, generator=random) * (side / 2 - 4)], dim=1)
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=random)
    labels = torch.randint(0, 10, (40,), generator=random)
    return TrainBatch(*(one.to(device) for one in (images, boxes, labels, torch.arange(40) % count)))


def seconds(module: AerisTraining, batch: TrainBatch) -> float:
    """Return the median time of a whole training step."""
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-3)
    times = []
    for step in range(STEPS):
        started = time.perf_counter()
        total = module.losses(batch, step).total(module.recipe.losses)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        if batch.images.is_cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return median(times[3:])


@pytest.mark.benchmarks
@pytest.mark.parametrize(("sixteenths", "most"), [(None, MOST), ((16,), MOST_AT_FULL_SIZE)], ids=["drawn", "full size"])
def test_a_step_with_the_degradation_costs_little_more(sixteenths: tuple[int, ...] | None, most: float) -> None:
    """Also where nothing is made smaller, so that the network's own saving does not hide the degradation's cost."""
    keep_freed_memory()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recipe = load_recipe("aeris-wo-arrd", "mini")
    config = recipe.degradation.model_copy(update={} if sixteenths is None else {"sixteenths": sixteenths})
    net = AerisNet(recipe.network("aeris-wo-arrd"), 10).to(device)
    batch = batch_of(recipe.batch, recipe.crops.size, device)
    without = seconds(AerisTraining(net, recipe, None), batch)
    degraded = seconds(AerisTraining(net, recipe, InModelDegradation(config, 0)), batch)
    print(f"\n{device}: step {without * 1e3:.0f} ms, with degradation {degraded * 1e3:.0f} ms")
    assert degraded < most * without
