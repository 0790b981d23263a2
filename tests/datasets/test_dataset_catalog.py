"""The catalogue: names, suggestions, and that listing costs no torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lqbench.datasets.catalog import ANNOUNCED_DATASETS, dataset_registry, dataset_spec
from lqbench.datasets.degradations import degradation
from lqbench.datasets.errors import UserError
from lqbench.datasets.scenes.source import SPLITS, ScenesSource

EMBEDDED = ("scenes-clean", "scenes-d", "scenes-lr-x4", "scenes-lr-x8")
PHOTOGRAPHS = (
    *("coco-d", "coco-d-iso-blur", "coco-d-aniso-blur", "coco-d-noise", "coco-d-resolution"),
    *("coco-lr-x4", "coco-lr-x8", "voc-lr-x4", "voc-lr-x8", "cityscapes", "foggy-cityscapes", "foggy-cityscapes-lcp"),
    *("rainy-cityscapes", "rainy-cityscapes-hu", "rtts", "dawn", "urpc2020", "urpc2020-voc", "dfui", "duo", "ruod"),
)
NAMES = (*EMBEDDED, *PHOTOGRAPHS)


def test_the_suite_has_its_datasets() -> None:
    assert set(dataset_registry()) >= set(NAMES)
    assert not set(ANNOUNCED_DATASETS) & set(NAMES)


@pytest.mark.parametrize("name", dataset_registry())
def test_a_specification_is_whole(name: str) -> None:
    spec = dataset_spec(name)
    assert spec.name == name
    assert spec.default_split in spec.splits
    assert set(spec.official_images) <= set(spec.splits)
    assert len(set(spec.classes)) == len(spec.classes) > 0
    assert spec.embedded != bool(spec.requirements)
    assert {requirement.split for requirement in spec.requirements} <= {"", *spec.splits}
    degradation(spec.degradation, spec.settings)
    assert {key for key in spec.choices if key not in spec.settings} <= set(spec.options)
    assert not spec.embedded_twin or dataset_spec(spec.embedded_twin).embedded
    chosen = {key: str((spec.options | spec.settings)[key]) for key in spec.choices}
    assert chosen == {key: values[0] for key, values in spec.choices.items()}


def test_the_choices_of_every_dataset_can_be_made() -> None:
    for name in dataset_registry():
        spec = dataset_spec(name)
        for key, values in spec.choices.items():
            for value in values:
                made = dataset_spec(f"{name}:{key}={value}")
                assert str((made.options | made.settings)[key]) == value
                degradation(made.degradation, made.settings)


@pytest.mark.parametrize("name", ["coco-d", "voc-lr-x4", "voc-lr-x8", "coco-lr-x4", "coco-lr-x8"])
def test_the_embedded_twin_is_degraded_the_same_way(name: str) -> None:
    spec = dataset_spec(name)
    twin = dataset_spec(spec.embedded_twin)
    assert twin.embedded
    assert twin.degradation == spec.degradation
    assert twin.settings.get("factor") == spec.settings.get("factor")


LOW = ("voc-lr-x4", "voc-lr-x8", "coco-lr-x4", "coco-lr-x8", "scenes-lr-x4", "scenes-lr-x8")


@pytest.mark.parametrize("name", LOW)
def test_low_resolution_has_blurred_and_noisy_variants_of_any_strength(name: str) -> None:
    plain = dataset_spec(name)
    both = dataset_spec(f"{name}:noise_sigma_255=12.5,blur_var_px2=3.0")
    assert both.name == f"{name}:blur_var_px2=3,noise_sigma_255=12.5"
    assert both.seed_name == name
    assert both.settings == plain.settings | {"blur_var_px2": 3, "noise_sigma_255": 12.5}
    assert dataset_spec(f"{name}:noise_sigma_255=0.0") == plain
    assert dataset_spec(f"{name}:noise_sigma_255=10.0").name == f"{name}:noise_sigma_255=10"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("voc-lr-x4:noise_sigma_255=much", "noise_sigma_255=much is no number, such as 0, 10, 25"),
        ("voc-lr-x4:noise_sigma_255=-1", "'noise_sigma_255' .* greater than or equal to 0"),
        ("voc-lr-x4:blur_var_px2=nan", "'blur_var_px2' .* finite number"),
        (
            "voc-lr-x4:blur_var_px=3",
            r"no choice 'blur_var_px' \(did you mean 'blur_var_px2'\?\); its choices are: blur_",
        ),
        ("scenes-fog:beta_per_m=0.03", "has no beta_per_m=0.03.*write beta_per_m= one of 0.02, 0.005, 0.01"),
        ("foggy-cityscapes:boxes=mdet", "no boxes=mdet; write boxes= one of mmdet, dafrcnn"),
        ("coco-d:beta=1", "has no choice 'beta'; its choices are: none"),
    ],
)
def test_a_choice_that_cannot_be_made_is_one_sentence(name: str, told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        dataset_spec(name)
    assert "\n" not in str(caught.value)


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


def test_unknown_and_announced_names_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANNOUNCED_DATASETS, "coco-z", "one day")
    with pytest.raises(UserError, match=r"unknown dataset 'coco-s'; did you mean 'coco-d'"):
        dataset_spec("coco-s")
    with pytest.raises(UserError, match=r"'coco-z' is announced but not there yet"):
        dataset_spec("coco-z")


def test_listing_the_datasets_imports_no_torch() -> None:
    program = (
        "import sys; from lqbench.datasets.catalog import dataset_registry as r;"
        "[r().get(n) for n in r()]; import lqbench.datasets.dataset; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
