from __future__ import annotations

from pathlib import Path

import pytest

from lqbench.datasets.errors import UserError
from lqbench.methods.aeris.config import VARIANTS
from lqbench.methods.aeris.recipe import load_recipe


@pytest.mark.parametrize("method", VARIANTS)
@pytest.mark.parametrize("name", ["paper", "paper-swin", "mini", "tiny"])
def test_every_config_is_valid_for_every_method(method: str, name: str) -> None:
    recipe = load_recipe(method, name)
    model = recipe.network(method)
    assert model.neck in (VARIANTS[method].model.neck, "skip")
    assert model.normalisation == VARIANTS[method].model.normalisation


def test_the_paper_config_is_the_published_schedule() -> None:
    recipe = load_recipe("aeris", "paper")
    assert (recipe.batch, recipe.crops.size, recipe.crops.repeat) == (64, 512, 5)
    assert recipe.crops.ratios == (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)
    optimiser, schedule = recipe.optimiser, recipe.schedule
    assert (optimiser.name, optimiser.learning_rate, optimiser.momentum) == ("sgd", 0.01, 0.9)
    assert (optimiser.weight_decay, optimiser.clip) == (1e-4, 35)
    assert (schedule.epochs, schedule.steps, schedule.factor) == (28, (18, 24), 0.1)
    assert (schedule.warm_up_steps, schedule.warm_up_from) == (1000, 0.001)
    assert recipe.losses.model_dump() == {"heat": 1.0, "size": 0.1, "offset": 1.0, "restoration": 0.4}
    assert load_recipe("centernet", "paper").optimiser.learning_rate == 0.02
    assert load_recipe("centernet", "paper").optimiser.clip == 35
    assert load_recipe("centernet", "paper-swin").optimiser.learning_rate == 0.01


def test_mini_trains_all_methods_alike() -> None:
    assert len({load_recipe(method, "mini").model_dump_json() for method in VARIANTS}) == 1


def test_single_fields_are_replaced() -> None:
    changes = ("optimiser.learning_rate=0.5", "degradation.mode=nb", "crops.ratios=[1.0]", "run.precision=bf16")
    recipe = load_recipe("aeris", "mini", changes, epochs=3)
    assert recipe.optimiser.learning_rate == 0.5
    assert recipe.degradation.mode == "nb"
    assert recipe.crops.ratios == (1.0,)
    assert recipe.run.precision == "bf16"
    assert recipe.schedule.epochs == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optimiser.learning_rat=1", "no field 'optimiser.learning_rat'; did you mean 'learning_rate'?"),
        ("epohcs=3", "no field 'epohcs'; known here are batch"),
        ("degradation.blur_type=iso", "did you mean 'blur_types'?"),
        ("degradation.mode=everything", "the field 'degradation.mode' cannot be 'everything'"),
        ("crops.size=100", "the field 'crops.size' cannot be 100"),
        ("model.backbone=resnet50", "the field 'model.backbone' cannot be 'resnet50'"),
        ("batch=0", "the field 'batch' cannot be 0"),
        ("batch", "is not of the form field=value"),
        ("batch.size=3", "'batch' is a single value and has no field 'size'"),
        ("batch=[1", "cannot be read as YAML"),
    ],
)
def test_a_wrong_field_is_told(change: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe("aeris", "mini", (change,))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'mini'"):
        load_recipe("aeris", "minni")
    with pytest.raises(UserError, match="does not exist"):
        load_recipe("aeris", str(tmp_path / "mine.yaml"))
    own = tmp_path / "own.yaml"
    for text, message in (("[", "not a YAML file"), ("just words", "must hold fields"), ("batch: 4\n", "is missing")):
        own.write_text(text)
        with pytest.raises(UserError, match=message):
            load_recipe("aeris", str(own))
    with pytest.raises(UserError, match="no recipe for 'aries'"):
        load_recipe("aries", "mini")


def test_a_config_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "model: {backbone: resnet18, dcn: false}\nbatch: 2\noptimiser: {name: sgd, learning_rate: 0.1}\n"
        "schedule: {epochs: 1, shape: constant}\nvalidation: {images: 1}\n"
        "variants: {aeris-stage1: {batch: 4, optimiser: {momentum: 0.5}}}\n"
    )
    recipe, other = load_recipe("aeris", str(own)), load_recipe("aeris-stage1", str(own))
    assert (recipe.batch, recipe.optimiser.momentum) == (2, 0.9)
    assert (other.batch, other.optimiser.momentum, other.optimiser.learning_rate) == (4, 0.5, 0.1)
    assert recipe.network("aeris").dcn is False


def test_numbers_are_those_of_yaml_1_2() -> None:
    recipe = load_recipe("aeris", "mini", ("optimiser.learning_rate=1e-4",))
    assert recipe.optimiser.learning_rate == 1e-4
    with pytest.raises(UserError, match="cannot be '4:1:0'"):
        load_recipe("aeris", "mini", ("batch=4:1:0",))
