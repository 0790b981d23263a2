"""What tests of methods share: one thread, and a user who stops a training."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> Iterator[None]:
    """Compute on one thread: several test processes share few cores, and sums keep their order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType, Callable[[Any], Any], Any, int], None]:
    """Return a function that trains until Ctrl-C is pressed before a step, given (module, its training, request, step).

    The module is the one that builds the trainer.
    """
    from lightning.pytorch.callbacks import Callback

    class StopBefore(Callback):
        def __init__(self, step: int) -> None:
            self.step = step

        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            if trainer.global_step == self.step:
                raise KeyboardInterrupt

    def run(module: ModuleType, train: Callable[[Any], Any], wanted: Any, step: int) -> None:
        original = module.build_trainer
        monkeypatch.setattr(module, "build_trainer", partial(original, callbacks=(StopBefore(step),)))
        with pytest.raises(KeyboardInterrupt):
            train(wanted)
        monkeypatch.setattr(module, "build_trainer", original)
        assert not wanted.out.exists()

    return run


@pytest.fixture
def official_tensor() -> Callable[[Mapping[str, Any], str], Any]:
    """Return a function that makes an official parameter by the recipe of the golden vectors, given (facts, name)."""
    import torch

    def make(facts: Mapping[str, Any], name: str) -> torch.Tensor:
        shape = facts["parameters"][name]
        seed = zlib.crc32((facts["salt"] + name).encode())
        draws = np.random.RandomState(seed).standard_normal(shape).astype(np.float32)
        if name.endswith("running_mean"):
            draws = 0.1 * draws
        elif name.endswith("running_var"):
            draws = 1 + 0.5 * abs(draws)
        elif draws.ndim > 1:
            draws = draws / np.sqrt(np.prod(draws.shape[1:]))
        else:
            draws = 0.1 * draws if name.endswith("bias") else 1 + 0.1 * draws
        return torch.from_numpy(np.asarray(draws, np.float32))

    return make
