"""The catalogue: names, suggestions, and that listing costs no torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lqbench.datasets.catalog import ANNOUNCED_DATASETS, dataset_registry, dataset_spec
from lqbench.datasets.degradations import degradation
from lqbench.datasets.errors import UserError
from lqbench.datasets.scenes.source import SPLITS, ScenesSource

NAMES = ("scenes-clean", "scenes-d", "scenes-lr-x4", "scenes-lr-x8", "coco-d", "voc-lr-x4", "voc-lr-x8")


def test_the_suite_has_its_datasets() -> None:
    assert set(dataset_registry()) == set(NAMES)
    assert not set(ANNOUNCED_DATASETS) & set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_specification_is_whole(name: str) -> None:
    spec = dataset_spec(name)
    assert spec.name == name
    assert spec.default_split in spec.splits
    assert set(spec.official_images) <= set(spec.splits)
    assert len(set(spec.classes)) == len(spec.classes) > 0
    assert spec.embedded != bool(spec.requirements)
    assert {requirement.split for requirement in spec.requirements} <= set(spec.splits)
    degradation(spec.degradation, spec.settings)


@pytest.mark.parametrize("name", ["coco-d", "voc-lr-x4", "voc-lr-x8"])
def test_the_embedded_twin_is_degraded_the_same_way(name: str) -> None:
    spec = dataset_spec(name)
    twin = dataset_spec(spec.embedded_twin)
    assert twin.embedded
    assert twin.degradation == spec.degradation
    assert twin.settings.get("factor") == spec.settings.get("factor")


def test_the_scene_tracks_agree_with_the_renderer() -> None:
    spec = dataset_spec("scenes-d")
    assert spec.official_images == SPLITS
    assert spec.classes == ScenesSource().classes


def test_the_protocols_of_the_papers_are_recorded() -> None:
    assert len(dataset_spec("coco-d").classes) == 80
    assert dataset_spec("coco-d").official_images["val2017"] == 5000
    voc = dataset_spec("voc-lr-x8")
    assert (voc.metric, len(voc.classes), voc.official_images["test"]) == ("voc07", 20, 4952)
    assert "37.5" in voc.protocol
    assert "304x304" in voc.protocol


def test_unknown_and_announced_names_are_told_apart() -> None:
    with pytest.raises(UserError, match=r"unknown dataset 'coco-s'; did you mean 'coco-d'"):
        dataset_spec("coco-s")
    with pytest.raises(UserError, match=r"'urpc2020' is announced but not there yet"):
        dataset_spec("urpc2020")


def test_listing_the_datasets_imports_no_torch() -> None:
    program = (
        "import sys; from lqbench.datasets.catalog import dataset_registry as r;"
        "[r().get(n) for n in r()]; import lqbench.datasets.dataset; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
