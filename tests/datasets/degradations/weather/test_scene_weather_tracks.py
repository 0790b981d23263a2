"""The rendered tracks in bad weather, through the door that a run takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lqbench.datasets.catalog import dataset_registry, dataset_spec
from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.degradations import degradation

TRACKS = ("scenes-fog", "scenes-rain", "scenes-underwater", "scenes-noise", "scenes-blur", "scenes-dark")


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


def test_dark_scenes_lose_light_and_gain_noise(cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LQBENCH_CACHE", str(cache))
    dataset = open_dataset("scenes-dark", limit=4)
    for index, record in enumerate(dataset.records):
        (drawn,) = record.parameters["steps"]
        assert 0.02 <= drawn["exposure"] <= 0.18
        sample = dataset.sample(index, clean=True)
        assert sample.clean is not None
        clean, dark = sample.clean.double() / 255, sample.image.double() / 255
        bright = clean > 0.5
        assert dark[bright].mean() == pytest.approx(
            (drawn["exposure"] * clean[bright] ** 2.2).pow(1 / 2.2).mean().item(), rel=0.15
        )
    exposures = [record.parameters["steps"][0]["exposure"] for record in dataset.records]
    assert len(set(exposures)) == 4


@pytest.mark.parametrize("name", [name for name in dataset_registry() if name.startswith("scenes-")])
def test_every_track_of_scenes_has_a_train_split_of_other_scenes(
    name: str, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LQBENCH_CACHE", str(cache))
    train, val = (open_dataset(name, split=split, limit=1) for split in ("train", "val"))
    assert train.facts()["images_official"] == 1200
    assert train.fingerprint != val.fingerprint
    assert not torch.equal(train.clean(0), val.clean(0))
    assert tuple(train.sample(0).image.shape[1:]) == train.records[0].size


@pytest.mark.parametrize(("name", "first"), [("scenes-lr-x8", ""), ("scenes-d", ""), ("scenes-clean", "down(3)|")])
def test_fog_on_a_smaller_scene_follows_the_distances_of_its_pixels(
    name: str, first: str, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LQBENCH_CACHE", str(cache))
    plain = open_dataset(name, limit=1, degrade=first.rstrip("|"))
    dataset = open_dataset(name, limit=1, degrade=f"{first}fog(beta=0.02,airlight=[1,1,1],refine=no)")
    before, after = plain.sample(0).image.double().numpy(), dataset.sample(0).image.double().numpy()
    depth = dataset._source.load_depth(0)
    assert depth is not None
    rows, columns = (((np.arange(n) + 0.5) * 512 / n).astype(int) for n in before.shape[1:])
    passed = np.exp(-0.02 * depth[rows[:, None], columns])
    np.testing.assert_allclose(after, before * passed + 255 * (1 - passed), atol=1.01)


@pytest.mark.parametrize("recipe", ["rain(heavy)", "underwater(type=3,distance_scale=0.1)", "low-light(0.1)"])
def test_other_weather_comes_on_top_of_a_smaller_scene(recipe: str, cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LQBENCH_CACHE", str(cache))
    plain, dataset = (open_dataset("scenes-lr-x4", limit=1, degrade=text) for text in ("", recipe))
    before, after = plain.sample(0).image, dataset.sample(0).image
    assert before.shape == after.shape
    assert (before != after).double().mean() > 0.5
