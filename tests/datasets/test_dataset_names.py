"""Names with choices and paths, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from lqbench.datasets.catalog import dataset_spec, with_recipe
from lqbench.datasets.errors import UserError
from lqbench.datasets.names import parse_name, split_dataset_names


def test_a_name_is_taken_apart() -> None:
    assert parse_name("coco-d").name == "coco-d"
    assert parse_name("foggy-cityscapes:beta=0.01,boxes=dafrcnn").choices == {"beta": "0.01", "boxes": "dafrcnn"}
    own = parse_name("coco:/data/ann.json,/data/images")
    assert (own.name, own.path, own.images) == ("coco", Path("/data/ann.json"), Path("/data/images"))
    assert parse_name("voc:/data/mine").images is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("coco:", "ends with a colon; write a path"),
        ("coco-d:", "ends with a colon; write choices"),
        ("foggy-cityscapes:beta", "'beta' is not of the form key=value"),
        ("foggy-cityscapes:beta=", "'beta=' is not of the form key=value"),
        ("foggy-cityscapes:beta=0.01,beta=0.02", "gives 'beta' twice"),
        ("foggy-cityscapes:density=3", "has no choice 'density'; its choices are: boxes, beta"),
        ("foggy-cityscapes:beta=0.03", "has no beta=0.03; write beta= one of 0.02, 0.005, 0.01"),
        ("rtts:beta=0.01", "has no choice 'beta'; its choices are: none"),
        ("foggy-cityscape:beta=0.01", "did you mean 'foggy-cityscapes'"),
        ("voc:/a,/b", "a comma too many"),
        ("coco:/a.json,", "a comma too many"),
        ("coco", "needs a path: write coco:PATH"),
        ("voc", "needs a path: write voc:PATH"),
    ],
)
def test_a_wrong_name_is_told(name: str, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        dataset_spec(name)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_choices_change_the_specification_and_its_name() -> None:
    plain, chosen = dataset_spec("coco-d-iso-blur"), dataset_spec("coco-d-iso-blur:variant=v1")
    assert (plain.settings, chosen.settings) == ({"variant": "head"}, {"variant": "v1"})
    assert (chosen.name, chosen.seed_name) == ("coco-d-iso-blur:variant=v1", "coco-d-iso-blur")
    assert dataset_spec("coco-d-iso-blur:variant=head") == plain
    ordered = {
        dataset_spec(f"foggy-cityscapes:{text}").name for text in ("beta=0.01,boxes=dafrcnn", "boxes=dafrcnn,beta=0.01")
    }
    assert ordered == {"foggy-cityscapes:boxes=dafrcnn,beta=0.01"}


def test_a_recipe_is_part_of_the_name_but_not_of_the_seeds() -> None:
    spec = with_recipe(dataset_spec("coco-d"), " down(2) | noise(10) ")
    assert (spec.name, spec.recipe, spec.seed_name) == ("coco-d+down(2)|noise(10)", "down(2)|noise(10)", "coco-d")
    assert with_recipe(dataset_spec("coco-d"), "") == dataset_spec("coco-d")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("coco-d,voc-lr-x4", ["coco-d", "voc-lr-x4"]),
        ("coco-d, scenes-d", ["coco-d", "scenes-d"]),
        ("foggy-cityscapes:beta=0.01,boxes=dafrcnn,coco-d", ["foggy-cityscapes:beta=0.01,boxes=dafrcnn", "coco-d"]),
        ("coco:/a.json,/images,coco-d", ["coco:/a.json,/images", "coco-d"]),
        ("coco:/a.json,coco-d", ["coco:/a.json", "coco-d"]),
        ("coco:a.json,voc:b", ["coco:a.json", "voc:b"]),
        ("coco-d,,voc-lr-x4", ["coco-d", "", "voc-lr-x4"]),
    ],
)
def test_comma_lists_keep_the_commas_inside_names(text: str, names: list[str]) -> None:
    assert split_dataset_names(text) == names
