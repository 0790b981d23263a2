"""What the restoration branch costs at test time: nothing, since it is not run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import pytest
import torch

from lqbench.methods.aeris.config import Backbone, model_config
from lqbench.methods.aeris.decode import find_objects
from lqbench.methods.aeris.net import AerisNet

ROUNDS = 15
SIZE = (256, 320)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]

pytestmark = pytest.mark.benchmarks


def seconds(run: Callable[[], object], device: str) -> float:
    start = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(runs: Sequence[Callable[[], object]], device: str) -> list[float]:
    """Return the median seconds of each, measured in turns so that a busy machine slows all alike."""
    for run in runs:
        run()
    turns = [[seconds(run, device) for run in runs] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*turns, strict=True)]


def network(method: str, backbone: Backbone, device: str) -> AerisNet:
    return AerisNet(model_config(method, backbone), classes=80).eval().to(device)


def detecting(method: str, backbone: Backbone, device: str) -> Callable[[], object]:
    net, image = network(method, backbone, device), torch.rand(3, *SIZE, device=device)

    def run() -> object:
        with torch.inference_mode():
            return find_objects(net, image).scores.cpu()

    return run


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("backbone", ["mini", "resnet18"])
def test_aeris_is_as_fast_as_the_same_network_without_the_branch(backbone: Backbone, device: str) -> None:
    runs = [detecting(method, backbone, device) for method in ("aeris", "centernet-control")]
    aeris, plain = compare(runs, device)
    print(f"{backbone} on {device}: {1000 * aeris:.2f} ms an image, without the branch {1000 * plain:.2f} ms")
    assert aeris <= 1.05 * plain


@pytest.mark.parametrize("device", DEVICES)
def test_aeris_beside_the_published_baseline_and_the_branch_always_run(device: str) -> None:
    """The baseline's neck has no skip connections and so narrower layers; the released code runs the branch always."""
    backbone: Backbone = "resnet18"
    net, image = network("aeris", backbone, device), torch.rand(1, 3, 288, 352, device=device)

    def with_branch() -> object:
        with torch.inference_mode():
            return net.forward_with_restoration(image, (512, 512))[0].heatmap_logits.cpu()

    runs = [detecting("aeris", backbone, device), detecting("centernet", backbone, device), with_branch]
    aeris, published, branch = (1000 * value for value in compare(runs, device))
    print(f"{device}: aeris {aeris:.2f} ms, published centernet {published:.2f} ms, branch always run {branch:.2f} ms")
    assert aeris <= 1.5 * published
    assert branch > aeris
