from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lqbench.datasets.errors import UserError
from lqbench.methods.sr.catalog import build_sr
from lqbench.methods.sr.checkpoints import load_sr
from lqbench.methods.sr.networks.dbpn import BackProjection, Dbpn, DbpnRes

GOLDEN = {"dbpn_t7_x4": ("dbpn", 7, 4), "dbpn_t7_x2": ("dbpn", 7, 2), "dbpn_t2_x4": ("dbpn-s", 2, 4)}


def gradients(network: BackProjection, low: Tensor) -> list[Tensor]:
    """Return output, input gradient and all weights' gradients of the mean of the squared output."""
    network.zero_grad()
    low = low.clone().requires_grad_()
    high = network(low)
    high.square().mean().backward()
    collected = [high.detach(), low.grad, *(parameter.grad for parameter in network.parameters())]
    return [value.clone() for value in collected if value is not None]


def assert_close(given: list[Tensor], wanted: list[Tensor]) -> None:
    assert len(given) == len(wanted)
    for one, other in zip(given, wanted, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5 * float(other.abs().max()))


def prepared(tmp_path: Path, golden: Callable[[str], Any], name: str, prefix: str = "") -> tuple[Path, Any]:
    vector = golden(name)
    torch.save({prefix + key: value for key, value in vector.weights().items()}, tmp_path / "weights.pth")
    return tmp_path / "weights.pth", vector


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_checkpoints_load_and_give_the_golden_output_and_gradient(
    tmp_path: Path, golden: Callable[[str], Any], name: str, prefix: str
) -> None:
    path, vector = prepared(tmp_path, golden, name, prefix)
    network, header = load_sr(path)
    expected, stages, scale = GOLDEN[name]
    assert (header.network, header.options["stages"], header.scale) == (expected, stages, scale)
    assert isinstance(network, Dbpn)
    for plain in (False, True):
        network.plain = plain
        high, gradient = gradients(network, torch.from_numpy(vector.arrays["input"]))[:2]
        np.testing.assert_allclose(high.numpy(), vector.arrays["output"], rtol=1e-4, atol=1e-5)
        wanted = vector.arrays["grad_input"]
        np.testing.assert_allclose(gradient.numpy(), wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
        with torch.no_grad():
            again = network(torch.from_numpy(vector.arrays["input"]))
        np.testing.assert_allclose(again.numpy(), vector.arrays["output"], rtol=1e-4, atol=1e-5)


def test_parameter_counts_are_the_official_ones(shared_golden: Path) -> None:
    counts = json.loads((shared_golden / "dbpn_parameter_counts.json").read_text(encoding="utf-8"))["counts"]
    names = {"dbpns": "dbpn-s", "dbpn": "dbpn", "dbpn_v1": "dbpnll"}
    with torch.device("meta"):
        for key, wanted in counts.items():
            name, scale = key.split(" x")
            network = build_sr(names[name], int(scale))
            assert sum(parameter.numel() for parameter in network.parameters()) == wanted


@pytest.mark.parametrize(("scale", "wanted"), [(2, 5_946_614), (4, 10_419_446), (8, 23_198_966)])
def test_the_recurrent_network_has_as_many_parameters_as_published(scale: int, wanted: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in DbpnRes(scale).parameters()) == wanted


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("kind", ["dbpn", "dbpn-res"])
def test_the_quick_form_equals_the_plain_one(kind: str, scale: int, small_options: dict[str, Any]) -> None:
    network = build_sr(kind, scale, small_options[kind])
    assert isinstance(network, BackProjection)
    low = torch.rand(2, 3, 5, 6)
    network.plain = True
    wanted = gradients(network, low)
    network.plain = False
    assert_close(gradients(network, low), wanted)
    network.memory_format = torch.contiguous_format
    assert_close(gradients(network, low), wanted)
    with torch.no_grad():
        assert_close([network(low)], wanted[:1])


def test_checkpointing_changes_no_gradient_and_keeps_less(small_options: dict[str, Any]) -> None:
    network = Dbpn(4, **small_options["dbpn"])
    low = torch.rand(1, 3, 4, 5)
    kept: list[int] = []

    def run() -> list[Tensor]:
        kept.append(0)

        def note(value: Tensor) -> Tensor:
            kept[-1] += value.numel()
            return value

        with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
            return gradients(network, low)

    wanted = run()
    network.checkpointing = True
    assert_close(run(), wanted)
    assert kept[1] < kept[0]


def test_the_slope_of_a_prelu_may_be_negative_or_zero(small_options: dict[str, Any]) -> None:
    network = Dbpn(2, **small_options["dbpn"])
    slopes = [p for name, p in network.named_parameters() if name.endswith("act.weight")]
    with torch.no_grad():
        for index, slope in enumerate(slopes):
            slope.fill_((-0.5, 0.0, 0.5)[index % 3])
    low = torch.rand(1, 3, 3, 3)
    quick = gradients(network, low)
    network.plain = True
    assert_close(quick, gradients(network, low))


def test_the_bicubic_image_belongs_to_the_recurrent_network_only() -> None:
    """A D-DBPN whose last convolution is silent is black; the recurrent network then gives the bicubic image."""
    low = torch.rand(1, 3, 6, 5)
    plain, recurrent = Dbpn(4, stages=2, base=4, features=4), DbpnRes(4, stages=2, base=4, features=4)
    for network in (plain, recurrent):
        network.output_conv.requires_grad_(False)
        network.output_conv.layer.weight.zero_()
        assert not [name for name in vars(network) if "residual" in name]
        assert "residual" not in inspect.signature(type(network)).parameters
    assert not plain(low).any()
    bicubic = F.interpolate(low, scale_factor=4, mode="bicubic", antialias=True)
    assert torch.equal(recurrent(low), bicubic)


def test_weights_of_one_are_refused_as_those_of_the_other(tmp_path: Path) -> None:
    torch.save(Dbpn(2, stages=3, base=4, features=4).state_dict(), tmp_path / "plain.pth")
    torch.save(DbpnRes(2, stages=4, base=4, features=4).state_dict(), tmp_path / "recurrent.pth")
    with pytest.raises(UserError, match="holds weights of 'dbpn', not of 'dbpn-res'"):
        load_sr(tmp_path / "plain.pth", "dbpn-res")
    with pytest.raises(UserError, match="holds weights of 'dbpn-res', not of 'dbpn'"):
        load_sr(tmp_path / "recurrent.pth", "dbpn")
    with pytest.raises(UserError, match="iterations must differ from stages"):
        build_sr("dbpn-res", 2, {"stages": 3, "iterations": 3})


def test_initial_weights_are_as_published() -> None:
    network = build_sr("dbpn", 4)
    state = network.state_dict()
    for name, fan_in in {
        "feat0.conv.weight": 27,
        "feat1.conv.weight": 256,
        "down3.conv.conv.weight": 3 * 64,
        "up1.up_conv1.deconv.weight": 64 * 64,
        "output_conv.conv.weight": 448 * 9,
    }.items():
        assert float(state[name].std()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.06), name
    assert all(not value.any() for name, value in state.items() if name.endswith("bias"))
    assert {float(value) for name, value in state.items() if name.endswith("act.weight")} == {0.25}
