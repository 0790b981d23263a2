"""Training AOD-Net end to end on a few toy images."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lqbench.datasets.errors import UserError
from lqbench.datasets.types import Boxes, ImageRecord, Sample
from lqbench.methods.enhance import train
from lqbench.methods.enhance.aod import AodNet
from lqbench.methods.enhance.checkpoints import load_restorer
from lqbench.methods.enhance.pairs import Pairs, read_pair
from lqbench.methods.enhance.recipe import PairConfig, load_recipe
from lqbench.methods.enhance.train import train_restorer
from lqbench.methods.training import opening
from lqbench.methods.training.request import FitRequest

SIZE = (40, 48)


class Toy:
    """Noise in fog, with what training asks of a dataset."""

    classes = ("car",)
    split = "train"
    has_clean = True
    why_no_clean = ""

    def __init__(self, count: int, sizes: tuple[tuple[int, int], ...] = (SIZE,), scale: float = 1.0) -> None:
        self.spec = SimpleNamespace(name="toy", version="1", degradation="fog")
        self.fingerprint = hashlib.sha256(f"{count}".encode()).hexdigest()
        self.records = tuple(self.record(index, sizes[index % len(sizes)], scale) for index in range(count))
        self.boxes = (Boxes.empty(),) * count

    @staticmethod
    def record(index: int, clean: tuple[int, int], scale: float) -> ImageRecord:
        size = (round(clean[0] * scale), round(clean[1] * scale))
        return ImageRecord(f"{index}", index, f"toy/{index}", clean, clean, size, (scale, scale), index)

    def __len__(self) -> int:
        return len(self.records)

    def sample(self, index: int, *, clean: bool = False) -> Sample:
        record = self.records[index]
        image = torch.from_numpy(np.random.default_rng(index).integers(0, 200, (3, *record.clean_size), np.uint8))
        return Sample(record, (image * 0.5 + 100).to(torch.uint8), image if clean else None)


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Toy(6))


def use(monkeypatch: pytest.MonkeyPatch, source: Any) -> None:
    monkeypatch.setattr(opening, "open_dataset", lambda name, **_: source)
    monkeypatch.setattr(opening, "dataset_spec", lambda name: SimpleNamespace(splits=("train",)))


def request(out: Path, *changes: str, **fields: Any) -> FitRequest:
    fields = {"device": "cpu"} | fields
    return FitRequest("aod-then-detect", "toy", "tiny", out, overrides=changes, **fields)


def test_the_same_seed_gives_the_same_bytes_and_a_card(tmp_path: Path) -> None:
    first = train_restorer(request(tmp_path / "a.safetensors", command=("lqbench", "train")))
    again = train_restorer(request(tmp_path / "b.safetensors", "cache=true"))
    assert first.read_bytes() == again.read_bytes()
    assert not list((tmp_path / "b.work").glob("*.u8"))
    other = train_restorer(request(tmp_path / "c.safetensors", seed=1))
    assert other.read_bytes() != first.read_bytes()
    assert load_restorer(first, "aod")[1] == "aod"
    card = json.loads((tmp_path / "a.json").read_text())
    assert (card["name"], card["dataset"], card["images"], card["steps"]) == ("aod-then-detect", "toy", 4, 4)
    assert card["command"] == ["lqbench", "train"]
    assert card["validation"]["images"] == 2
    assert card["validation"]["degraded"]


def test_it_learns_to_remove_the_fog(tmp_path: Path) -> None:
    out = train_restorer(request(tmp_path / "a.safetensors", "optimiser.learning_rate=0.01", epochs=60))
    network, _ = load_restorer(out)
    degraded, clean = read_pair(Toy(7), 6) / 255  # type: ignore[arg-type]
    with torch.inference_mode():
        restored = network(degraded[None])[0]
    assert (restored - clean).square().mean() < 0.3 * (degraded - clean).square().mean()


@pytest.mark.parametrize("step", [1, 3])
def test_stopping_and_resuming_changes_nothing(tmp_path: Path, interrupted: Any, step: int) -> None:
    whole = train_restorer(request(tmp_path / "whole.safetensors", "run.checkpoint_steps=1"))
    stopped = request(tmp_path / "stopped.safetensors", "run.checkpoint_steps=1")
    interrupted(train, train_restorer, stopped, step)
    assert train_restorer(replace(stopped, resume=True)).read_bytes() == whole.read_bytes()


def test_degraded_and_clean_are_cut_and_mirrored_alike() -> None:
    source: Any = Toy(1)
    pair = read_pair(source, 0)
    pairs = Pairs(lambda place: pair.permute(0, 2, 3, 1).numpy(), 1, PairConfig(window=16), seed=0)
    found = [pairs[epoch, 0] for epoch in range(8)]
    assert {tuple(one.shape) for one in found} == {(2, 3, 16, 16)}
    assert all(torch.equal(one[0], (one[1] * 0.5 + 100).to(torch.uint8)) for one in found)
    assert len({one.numpy().tobytes() for one in found}) == 8
    assert torch.equal(pairs[3, 0], found[3])
    whole = Pairs(lambda place: pair.permute(0, 2, 3, 1).numpy(), 1, PairConfig(mirror=1), seed=0)
    assert torch.equal(whole[0, 0], pair.flip(-1))


def test_whole_images_may_be_learnt_from(tmp_path: Path) -> None:
    train_restorer(request(tmp_path / "a.safetensors", "pairs.window=null", "validation.images=0", epochs=1))
    assert "validation" not in json.loads((tmp_path / "a.json").read_text())


def test_a_loss_that_is_no_number_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AodNet, "forward", lambda self, hazy: hazy * self.conv1.weight.sum() * float("nan"))
    with pytest.raises(UserError, match=r"the loss of step 0 .* is nan; .*lower --set optimiser.learning_rate="):
        train_restorer(request(tmp_path / "x.safetensors"))
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.parametrize(
    ("source", "changes", "said"),
    [
        (Toy(6, scale=0.5), [], "toy/0 has 24x20 pixels and its clean one 48x40; restoration keeps the size"),
        (Toy(6), ["pairs.window=41"], "fewer than the field 'pairs.window' asks for; give --set pairs.window=40"),
        (Toy(6, (SIZE, (50, 50))), ["pairs.window=null"], r"differ in size \(48x40 and 50x50\)"),
        (Toy(6), ["validation.images=6"], "hold out fewer"),
        (Toy(6), ["batch=5"], "fewer than the field 'batch'"),
        (Toy(6), ["batchs=1"], "did you mean 'batch'"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Toy, changes: list[str], said: str
) -> None:
    use(monkeypatch, source)
    with pytest.raises(UserError, match=said):
        train_restorer(request(tmp_path / "x.safetensors", *changes))
    assert list(tmp_path.iterdir()) == []


def test_photographs_without_clean_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Toy(6)
    source.has_clean, source.why_no_clean = False, "toy has no clean images."
    use(monkeypatch, source)
    with pytest.raises(UserError, match=r"toy has no clean images\. Restoration learns from clean images\."):
        train_restorer(request(tmp_path / "x.safetensors"))


@pytest.mark.parametrize("name", ["paper", "mini", "tiny"])
def test_the_configs_are_readable(name: str) -> None:
    assert load_recipe(name).batch > 0
