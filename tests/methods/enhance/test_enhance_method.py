"""Enhancing an image and detecting in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lqbench.datasets.degradations.resize import to_float, to_uint8
from lqbench.datasets.errors import UserError
from lqbench.datasets.types import Batch, ImageRecord, Sample
from lqbench.methods.base import Method, MethodSettings
from lqbench.methods.bicubic.method import resized
from lqbench.methods.contract import check_method
from lqbench.methods.enhance.aod import AodNet
from lqbench.methods.enhance.checkpoints import save_restorer
from lqbench.methods.enhance.classic import ClaheThenDetect, DcpThenDetect, OpeningThenDetect, UdcpThenDetect
from lqbench.methods.enhance.dehaze import dehaze
from lqbench.methods.enhance.learnt import AodThenDetect, RestorerFile, RestorerSettings, RestoreThenDetect
from lqbench.methods.enhance.method import EnhanceThenDetect
from lqbench.methods.enhance.settings import DehazeSettings
from lqbench.methods.source_hash import source_files
from lqbench.methods.weights import sha256_of

CLASSIC: list[type[EnhanceThenDetect]] = [DcpThenDetect, UdcpThenDetect, ClaheThenDetect, OpeningThenDetect]


@pytest.fixture
def weights(tmp_path: Path) -> RestorerFile:
    torch.manual_seed(0)
    path = tmp_path / "aod.safetensors"
    save_restorer(AodNet(), {}, path)
    return RestorerFile(path=path, sha256=sha256_of(path), network="aod")


def sample(size: tuple[int, int], clean: tuple[int, int] | None = None) -> Sample:
    clean = clean or size
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, *size), np.uint8))
    scale = (size[1] / clean[1], size[0] / clean[0])
    return Sample(ImageRecord("a", 0, "a", clean, clean, size, scale, 0), image, None)


def ready(method: type[Method], settings: MethodSettings | None = None) -> EnhanceThenDetect:
    made = method(settings or method.settings_type(detector="mini"))
    assert isinstance(made, EnhanceThenDetect)
    made.setup("cpu", None)
    return made


@pytest.mark.parametrize("method", CLASSIC)
def test_methods_without_a_network_keep_the_contract(method: type[EnhanceThenDetect]) -> None:
    check_method(method, method.settings_type(detector="mini"))


@pytest.mark.parametrize("method", [AodThenDetect, RestoreThenDetect])
def test_methods_with_a_network_keep_the_contract(method: type[Method], weights: RestorerFile) -> None:
    check_method(method, RestorerSettings(detector="mini", restorer=weights))


@pytest.mark.parametrize("method", [*CLASSIC, AodThenDetect, RestoreThenDetect])
def test_cards_say_what_is_restored(method: type[Method]) -> None:
    assert (method.card.kind, method.card.restores, method.card.needs_clean) == ("restore-then-detect", True, False)


def test_the_detector_sees_the_enhanced_image_in_8_bits() -> None:
    made, one = ready(DcpThenDetect), sample((40, 50))
    view = made.view(one)
    expected = to_uint8(dehaze(to_float(one.image), DehazeSettings()))
    assert torch.equal(view.image, to_float(expected))
    assert view.scale == (1.0, 1.0)
    assert torch.equal(made.restore(Batch([one], ("car",)))[0], expected)


@pytest.mark.parametrize(("size", "clean"), [((20, 30), (40, 60)), ((19, 30), (38, 61)), ((1, 1), (3, 2))])
def test_a_smaller_image_is_enhanced_in_its_size_and_restored_in_the_clean_one(
    size: tuple[int, int], clean: tuple[int, int]
) -> None:
    made, one = ready(ClaheThenDetect), sample(size, clean)
    view = made.view(one)
    assert view.image.shape == (3, *size)
    (restored,) = made.restore(Batch([one], ("car",)))
    assert restored.shape == (3, *clean)
    assert torch.equal(restored, resized(to_uint8(view.image), clean))


def test_each_image_is_enhanced_once_for_detection_and_restoration(monkeypatch: pytest.MonkeyPatch) -> None:
    made, calls = ready(ClaheThenDetect), []
    enhance = made.enhance
    monkeypatch.setattr(made, "enhance", lambda image: calls.append(image) or enhance(image))
    batch = Batch([sample((32, 32)), sample((32, 40))], ("car",))
    made.detect(batch)
    made.restore(batch)
    assert len(calls) == 2
    made.detect(batch)
    assert len(calls) == 4


def test_what_a_network_gives_is_clipped_and_rounded(weights: RestorerFile) -> None:
    made, one = ready(AodThenDetect, RestorerSettings(detector="mini", restorer=weights)), sample((24, 20))
    net = AodNet()
    torch.manual_seed(0)
    net = AodNet()
    with torch.inference_mode():
        expected: Tensor = to_uint8(net(to_float(one.image)[None])[0])
    assert torch.equal(made.restore(Batch([one], ("car",)))[0], expected)


def test_the_cost_is_the_networks(weights: RestorerFile) -> None:
    made = ready(AodThenDetect, RestorerSettings(detector="mini", restorer=weights))
    cost = made.cost(sample((10, 12)))
    assert cost is not None
    assert cost.parameters == 1761
    assert cost.flops == 2 * (1761 - 15) * 10 * 12
    assert ready(DcpThenDetect).cost(sample((10, 12))) is None


def test_the_content_of_the_file_is_in_the_key_and_its_path_is_not(weights: RestorerFile) -> None:
    kept = RestorerSettings(restorer=weights).model_dump(mode="json")["restorer"]
    assert kept == {"sha256": weights.sha256, "network": "aod"}


def test_the_source_holds_what_enhances_and_no_training() -> None:
    classic, learnt = set(source_files(DcpThenDetect, None)), set(source_files(AodThenDetect, None))
    assert {
        "methods/enhance/dehaze.py",
        "methods/enhance/settings.py",
        "methods/enhance/method.py",
        "datasets/degradations/weather/airlight.py",
        "datasets/degradations/weather/guided_filter.py",
    } <= classic
    assert {"methods/enhance/aod.py", "methods/enhance/checkpoints.py"} <= learnt - classic
    assert not [name for name in learnt if name.startswith("methods/training/") or name.endswith("enhance/train.py")]


def test_without_weights_it_says_what_is_missing() -> None:
    with pytest.raises(UserError, match="give one with --sr-weights"):
        ready(AodThenDetect)
