"""Enlarging with a network and detecting in the result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lqbench.datasets.degradations.resize import to_float
from lqbench.datasets.errors import UserError
from lqbench.datasets.registry import load_target
from lqbench.datasets.types import Batch, ImageRecord, Sample
from lqbench.methods.contract import check_method
from lqbench.methods.source_hash import method_source, source_files
from lqbench.methods.sr.base import SrNetwork
from lqbench.methods.sr.catalog import build_sr
from lqbench.methods.sr.checkpoints import describe, save_sr
from lqbench.methods.sr_then_detect import named
from lqbench.methods.sr_then_detect.method import SrSettings, SrThenDetect, SrWeights
from lqbench.methods.weights import sha256_of

OPTIONS = {"stages": 2, "base": 4, "features": 4, "iterations": 1}


@pytest.fixture
def weights(tmp_path: Path) -> SrWeights:
    """Return a small network's weights of random values, which nevertheless makes about the bicubic image."""
    torch.manual_seed(0)
    network = build_sr("dbpn-res", 4, OPTIONS)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.1)
    path = tmp_path / "sr.safetensors"
    save_sr(network, describe(network, "dbpn-res"), path)
    return SrWeights(path=path, sha256=sha256_of(path), network="dbpn-res", scale=4)


def method(weights: SrWeights) -> SrThenDetect:
    made = named.Tdsr(SrSettings(detector="mini", sr=weights))
    made.setup("cpu", None)
    return made


def sample(size: tuple[int, int], clean: tuple[int, int], scale: tuple[float, float]) -> Sample:
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.integers(0, 256, (3, *size), np.uint8))
    return Sample(ImageRecord("a", 0, "a", clean, clean, size, scale, 0), image, None)


def test_it_keeps_the_contract(weights: SrWeights) -> None:
    check_method(named.Tdsr, SrSettings(detector="mini", sr=weights))


def test_an_exact_scale_is_cropped_and_not_resampled(weights: SrWeights) -> None:
    made = method(weights)
    one = sample((8, 10), (30, 40), (0.25, 0.25))
    view = made.view(one)
    assert view.image.shape == (3, 30, 40)
    assert view.scale == (0.25, 0.25)
    assert made._sr is not None
    with torch.inference_mode():
        whole = made._sr(to_float(one.image)[None])[0].clamp(0, 1)
    expected = (whole * 255 + 0.5).floor()[:, :30, :40]
    assert (view.image * 255 - expected).abs().max() <= 1
    assert ((view.image * 255).round() == view.image * 255).float().mean() > 0.99


@pytest.mark.parametrize(
    ("size", "clean"), [((8, 10), (33, 41)), ((8, 10), (20, 25)), ((8, 10), (8, 10)), ((1, 1), (3, 2))]
)
def test_other_scales_are_resized_to_the_clean_size(
    weights: SrWeights, size: tuple[int, int], clean: tuple[int, int]
) -> None:
    scale = (size[1] / clean[1], size[0] / clean[0])
    made = method(weights)
    view = made.view(sample(size, clean, scale))
    assert view.image.shape == (3, *clean)
    assert view.scale == scale
    assert view.image.min() >= 0
    assert view.image.max() <= 1


def test_what_is_restored_is_what_was_seen_and_is_computed_once(
    weights: SrWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = method(weights)
    assert made._sr is not None
    calls: list[Tensor] = []
    forward = made._sr.forward
    monkeypatch.setattr(made._sr, "forward", lambda low: calls.append(low) or forward(low))
    batch = Batch([sample((8, 8), (32, 32), (0.25, 0.25))], ("car",))
    made.detect(batch)
    restored = made.restore(batch)
    assert len(calls) == 1
    assert restored[0].dtype == torch.uint8
    assert torch.equal(to_float(restored[0]), made.view(batch.samples[0]).image)
    made.detect(batch)
    assert len(calls) == 2


def test_the_network_is_part_of_the_source_and_its_training_is_not(weights: SrWeights) -> None:
    settings = SrSettings(detector="mini", sr=weights)
    parts = named.Tdsr.parts(settings)
    assert all(issubclass(load_target(str(part), "network"), SrNetwork) for part in parts)
    files = set(source_files(named.Tdsr, None, parts))
    assert {"methods/sr/networks/dbpn.py", "methods/sr/base.py", "methods/sr_then_detect/method.py"} <= files
    assert not [name for name in files if name.startswith(("methods/tdsr/", "methods/training/"))]
    assert "methods/sr/networks/carn.py" not in files
    assert method_source(named.Tdsr, None, parts) != method_source(named.Tdsr, None, ())


def test_the_branches_of_classsr_are_part_of_the_source(weights: SrWeights) -> None:
    routed = weights.model_copy(update={"network": "classsr", "options": {"branch": "carn-m"}})
    files = set(source_files(named.Tdsr, None, named.Tdsr.parts(SrSettings(detector="mini", sr=routed))))
    assert {"methods/sr/networks/classsr.py", "methods/sr/networks/carn.py"} <= files


def test_the_path_is_no_part_of_the_key_and_the_content_is(weights: SrWeights) -> None:
    kept = SrSettings(detector="mini", sr=weights).model_dump(mode="json")["sr"]
    assert kept == {"sha256": weights.sha256, "network": "dbpn-res", "scale": 4, "options": {}}


def test_without_weights_it_says_what_is_missing() -> None:
    with pytest.raises(UserError, match="give one with --sr-weights"):
        named.Carn(SrSettings(detector="mini")).setup("cpu", None)


def test_the_cost_is_the_networks_and_grows_with_the_image(weights: SrWeights) -> None:
    made = method(weights)
    small = made.cost(sample((8, 8), (32, 32), (0.25, 0.25)))
    large = made.cost(sample((16, 16), (64, 64), (0.25, 0.25)))
    assert small is not None
    assert large is not None
    assert large.flops == 4 * small.flops > 0
    assert made._sr is not None
    assert small.parameters == sum(one.numel() for one in made._sr.parameters())
