"""The rendered tracks in bad weather, through the door that a run takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lqbench.datasets.catalog import dataset_spec
from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.degradations import degradation

TRACKS = ("scenes-fog", "scenes-rain", "scenes-underwater", "scenes-noise", "scenes-blur")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenes")


@pytest.mark.parametrize("name", TRACKS)
def test_images_are_degraded_and_boxes_stay(name: str, cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LQBENCH_CACHE", str(cache))
    dataset, clear = open_dataset(name, limit=2), open_dataset("scenes-clean", limit=2)
    sample = dataset.sample(1, clean=True)
    assert sample.clean is not None
    assert torch.equal(sample.clean, clear.sample(1).image)
    assert sample.image.shape == sample.clean.shape
    assert (sample.image != sample.clean).double().mean() > 0.5
    assert torch.equal(dataset.sample(1).image, sample.image)
    np.testing.assert_array_equal(dataset.boxes[1].xyxy, clear.boxes[1].xyxy)


@pytest.mark.parametrize("name", TRACKS)
def test_tracks_have_both_splits_and_true_distances(name: str):
    spec = dataset_spec(name)
    assert spec.splits == ("val", "train")
    assert spec.embedded
    drawn = degradation(spec.degradation, spec.settings).draw(0, (512, 512))
    assert drawn.get("depth", "true") == "true"


def test_fog_comes_in_three_densities(cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LQBENCH_CACHE", str(cache))
    opened = [open_dataset(f"scenes-fog:beta_per_m={beta}", limit=1) for beta in ("0.005", "0.01", "0.02")]
    assert [dataset.records[0].parameters["beta_per_m"] for dataset in opened] == [0.005, 0.01, 0.02]
    clean = opened[0].clean(0).double()
    change = [(dataset.sample(0).image.double() - clean).abs().mean().item() for dataset in opened]
    assert change == sorted(change)
    assert len({dataset.fingerprint for dataset in opened}) == 3
