"""The neck and the restoration decoder compute what the official code computes, under its own tensor names."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from lqbench.methods.aeris.config import Backbone, model_config
from lqbench.methods.aeris.convert import official_name
from lqbench.methods.aeris.net import AerisNet
from lqbench.methods.tensor_files import wanted_tensors

ABSOLUTE, RELATIVE = 1e-5, 1e-4


class Golden(NamedTuple):
    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def tensor(self, name: str) -> torch.Tensor:
        """Return one official parameter by the recipe of the golden vectors."""
        shape, salt = self.facts["parameters"][name], self.facts["salt"]
        draws = np.random.RandomState(zlib.crc32((salt + name).encode())).standard_normal(shape).astype(np.float32)
        return torch.from_numpy(np.asarray(self._scaled(name, draws), np.float32))

    def input(self, name: str) -> torch.Tensor:
        seed = zlib.crc32(f"{self.facts['salt']}/{name}".encode())
        shape = self.facts["inputs"][name]
        return torch.from_numpy(np.random.RandomState(seed).uniform(-1, 1, shape).astype(np.float32))

    @staticmethod
    def _scaled(name: str, draws: np.ndarray) -> np.ndarray:
        if name.endswith("running_mean"):
            return 0.1 * draws
        if name.endswith("running_var"):
            return 1 + 0.5 * abs(draws)
        if draws.ndim > 1:
            return draws / np.sqrt(np.prod(draws.shape[1:]))
        return 0.1 * draws if name.endswith("bias") else 1 + 0.1 * draws


def read(folder: Path, name: str) -> Golden:
    with np.load(folder / f"{name}.npz") as arrays:
        return Golden(json.loads((folder / f"{name}.json").read_text()), dict(arrays))


def load(net: AerisNet, golden: Golden, prefix: str) -> None:
    """Fill all of the network's tensors whose official names begin with a prefix; each must be there, and no other."""
    wanted = wanted_tensors(net)
    names = {name: official_name(name, net.config.neck) for name in wanted}
    ours = {name: official.removeprefix(prefix) for name, official in names.items() if official.startswith(prefix)}
    assert set(ours.values()) == set(golden.facts["parameters"])
    for name, official in ours.items():
        assert list(wanted[name].shape) == golden.facts["parameters"][official], official
        wanted[name].copy_(golden.tensor(official))
    net.eval()


def close(found: torch.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=ABSOLUTE, rtol=RELATIVE)


@pytest.mark.parametrize(
    ("name", "method", "backbone"),
    [
        ("neck_stage2_r18", "aeris", "resnet18"),
        ("neck_stage1_r18", "aeris-stage1", "resnet18"),
        ("neck_skip_swint", "centernet", "swin_t"),
    ],
)
def test_necks(name: str, method: str, backbone: Backbone, shared_golden: Path) -> None:
    golden = read(shared_golden, name)
    net = AerisNet(model_config(method, backbone), classes=1)
    with torch.no_grad():
        load(net, golden, "neck.")
        maps = net.neck([golden.input(f"c{level}") for level in range(4)])
        close(maps.quarter, golden.arrays["out0"])
        if net.restoration is not None:
            source = maps.sixteenth if net.restoration.level == 1 else maps.eighth
            close(net.restoration.up(source), golden.arrays["out1"])
    assert (net.restoration is None) == ("out1" not in golden.arrays)


@pytest.mark.parametrize("name", ["arrd_released", "arrd_small"])
def test_restoration_decoder_with_its_gradient(name: str, shared_golden: Path) -> None:
    golden = read(shared_golden, name)
    net = AerisNet(model_config("aeris", "mini"), classes=1)
    assert net.restoration is not None
    decoder = net.restoration.decoder
    with torch.no_grad():
        load(net, golden, "ARRD.")
    given = torch.from_numpy(golden.arrays["input"]).requires_grad_()
    _, _, height, width = golden.facts["output_shape"]
    output = decoder(given, (height, width))
    (output**2).mean().backward()
    step = height // golden.arrays["output"].shape[-1]
    close(output[..., ::step, ::step], golden.arrays["output"])
    assert given.grad is not None
    expected = golden.arrays["grad_input"]
    np.testing.assert_allclose(given.grad.numpy(), expected, rtol=RELATIVE, atol=RELATIVE * float(abs(expected).max()))
