"""Official checkpoints of LCP, tensor by tensor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from lqbench.benchmark.cli.main import main
from lqbench.datasets.errors import UserError
from lqbench.methods.lcp import convert as module
from lqbench.methods.lcp.checkpoint import load_weights
from lqbench.methods.lcp.config import LcpConfig, NetworkConfig
from lqbench.methods.lcp.convert import RELEASED_CLASSES, convert, official_name
from lqbench.methods.lcp.net import LcpNet
from lqbench.methods.mmdet_adapter.checkpoint import Checkpoint

CITY = RELEASED_CLASSES[8]


def official(config: NetworkConfig, classes: tuple[str, ...] = CITY, seed: int = 0) -> dict[str, Tensor]:
    state = LcpNet(config, classes, seed).model.state_dict()
    return {official_name(name): value for name, value in state.items()}


@pytest.fixture(scope="module")
def released() -> dict[str, Tensor]:
    """Return the names and shapes of LCP-50, without its 300 MB of numbers."""
    state = official(NetworkConfig(size=(64, 64), lcp=LcpConfig()))
    return {name: torch.zeros((), dtype=value.dtype).expand(value.shape) for name, value in state.items()}


def test_lcp_on_resnet_50_is_recognised(released: dict[str, Tensor]) -> None:
    for name in ("crux_learner.h_evaluation.2.conv3.bias", "backbone.catch_up_learner.layers.conv3.weight"):
        assert name in released
    assert "backbone.catch_up_fusion.bias" in released
    assert "backbone.layer4.2.conv3.weight" in released
    converted = convert(Checkpoint(Path("lcp.pth"), released, None))
    assert (converted.header.method, converted.header.classes, converted.named) == ("lcp", CITY, False)
    assert converted.header.network == NetworkConfig(lcp=LcpConfig())
    named = convert(Checkpoint(Path("lcp.pth"), released, tuple("abcdefgh")))
    assert (named.header.classes, named.named) == (tuple("abcdefgh"), True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crux_learner.h_evaluation.0.conv1.bias": None}, "missing is 'crux_learner.h_evaluation.0.conv1.bias'"),
        ({"discriminator.weight": torch.zeros(1)}, "unexpected is 'discriminator.weight'"),
        ({"backbone.catch_up_fusion.weight": torch.zeros(1)}, r"misshapen is .*of shape \(1,\)"),
        ({"roi_head.bbox_head.0.fc_cls.weight": None}, "is no Cascade R-CNN of mmdetection"),
        ({"roi_head.bbox_head.0.fc_cls.weight": torch.zeros(7, 1024)}, "tells 6 classes apart and names none"),
        ({"backbone.layer3.5.conv1.weight": None}, "has a backbone of 5 blocks"),
    ],
)
def test_every_tensor_is_accounted_for(
    released: dict[str, Tensor], change: dict[str, Tensor | None], message: str
) -> None:
    state = {name: value for name, value in (released | change).items() if value is not None}
    with pytest.raises(UserError, match=message):
        convert(Checkpoint(Path("lcp.pth"), state, None))


@pytest.mark.parametrize("lcp", [None, LcpConfig()])
def test_a_converted_network_computes_the_same(
    lcp: LcpConfig | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the narrow network in place of the published one, for its size."""
    monkeypatch.setattr(module, "_base", lambda path, given: "mini")
    source = LcpNet(NetworkConfig(base="mini", lcp=lcp), CITY, 3).eval()
    state = {f"module.{official_name(name)}": value for name, value in source.model.state_dict().items()}
    torch.save({"state_dict": state, "meta": {"CLASSES": CITY, "epoch": 24}}, tmp_path / "official.pth")
    out = tmp_path / "converted.safetensors"
    result = CliRunner().invoke(main, ["convert", "lcp", str(tmp_path / "official.pth"), "--out", str(out)])
    assert result.exit_code == 0, result.output
    method = "cascade-rcnn" if lcp is None else "lcp"
    assert result.output.startswith(f"{method} on mini: ")
    assert f"lqbench run --method {method} --weights {out} --dataset foggy-cityscapes" in result.output
    net, header = load_weights(out)
    assert (header.method, header.classes) == (method, CITY)
    image = torch.rand(3, 90, 150)
    found, wanted = net.detect(image), source.detect(image)
    assert found.xyxy.tolist() == wanted.xyxy.tolist()
    assert found.scores.tolist() == wanted.scores.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lcp", "nowhere.pth", "--out", "x.safetensors"), "nowhere.pth: there is no such checkpoint"),
        (("lcp", "text.pth", "--out", "x.safetensors"), "cannot be read as a checkpoint"),
        (("lcp", "text.pth", "--out", "x.pth"), "give a file name that ends in .safetensors"),
        (("lcp", "text.pth", "--out", "x.safetensors", "--as", "aeris"), "--as aeris is not for lcp"),
        (("aeris", "text.pth", "--out", "x.safetensors", "--classes", "a"), "--classes a is not for aeris"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("no checkpoint")
    texts = [str(tmp_path / text) if text == "text.pth" else text for text in arguments]
    result = CliRunner().invoke(main, ["convert", *texts])
    assert result.exit_code == 2
    assert re.search(message, result.stderr)
    assert "Traceback" not in result.output
