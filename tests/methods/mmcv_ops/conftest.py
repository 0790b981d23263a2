"""mmcv's operators as mmdet calls them, on every device there is."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch

from lqbench.methods.mmcv_ops.install import install


@pytest.fixture(scope="session")
def ops() -> ModuleType:
    """Return ``mmcv.ops``; its own compiled operators are tested in place of the stand-in where there are any."""
    install()
    import mmcv.ops

    return mmcv.ops


@pytest.fixture(params=["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
def device(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def draw(device: str):
    """Return a function that draws float64 numbers from [low, high), the same for every device."""
    generator = torch.Generator().manual_seed(7)

    def uniform(*shape: int, low: float = -1.0, high: float = 1.0) -> torch.Tensor:
        return (torch.rand(*shape, generator=generator, dtype=torch.float64) * (high - low) + low).to(device)

    return uniform
