from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

SMALL: dict[str, dict[str, Any]] = {
    "dbpn": {"stages": 3, "base": 4, "features": 8},
    "dbpn-s": {"base": 4, "features": 8},
    "dbpnll": {"base": 2, "features": 4},
    "dbpn-res": {"stages": 3, "iterations": 2, "base": 4, "features": 8},
    "srresnet": {"features": 8, "blocks": 2},
    "srgan": {"features": 8, "blocks": 2},
    "msrresnet": {"features": 8, "blocks": 2},
    "edsr": {"features": 8, "blocks": 2},
    "rcan": {"features": 8, "groups": 2, "blocks": 2, "squeeze": 4},
    "rrdb": {"features": 8, "blocks": 2, "growth": 4},
    "esrgan": {"features": 8, "blocks": 2, "growth": 4},
    "bsrgan": {"features": 8, "blocks": 2, "growth": 4},
    "real-esrgan": {"features": 8, "blocks": 2, "growth": 4},
    "real-esrgan-compact": {"features": 8, "convolutions": 3},
    "swinir": {"features": 12, "depths": [2, 2], "heads": [2, 3], "window": 4, "image": 16},
    "carn": {"features": 8},
    "carn-m": {"features": 8},
    "vdsr": {"layers": 4, "features": 8},
    "srcnn": {"widths": [8, 4]},
    "fsrcnn": {"features": 8, "shrunk": 4, "mapping": 2},
}
"""Options that make each network tiny."""


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Seed the drawing of weights and keep to one thread, since the networks are tiny."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def small_options() -> dict[str, dict[str, Any]]:
    return SMALL


class Golden:
    """A golden vector: official weights by the recipe of its page, inputs and outputs."""

    def __init__(self, folder: Path, name: str) -> None:
        self.meta = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        self.arrays = dict(np.load(folder / f"{name}.npz"))

    def weights(self) -> dict[str, Tensor]:
        return {name: self._draw(name, shape) for name, shape in self.meta["parameters"].items()}

    def _draw(self, name: str, shape: list[int]) -> Tensor:
        seed = zlib.crc32((self.meta["salt"] + name).encode())
        drawn = np.random.RandomState(seed).standard_normal(shape).astype(np.float32)
        if len(shape) > 1:
            drawn = drawn / np.sqrt(np.prod(shape[1:]))
        elif name.endswith("bias"):
            drawn = 0.1 * drawn
        elif shape == [1]:
            drawn = 0.25 + 0.02 * drawn
        return torch.from_numpy(drawn.astype(np.float32))


@pytest.fixture
def golden(shared_golden: Path):
    return lambda name: Golden(shared_golden, name)
