"""Every setting of every track stands in the documentation as it is in the code."""

from __future__ import annotations

from types import ModuleType

import pytest

from lqbench.datasets.catalog import dataset_registry, dataset_spec
from lqbench.datasets.degradations import degradation_registry


@pytest.fixture(scope="module")
def made(load_script) -> ModuleType:
    return load_script("settings_tables.py")


@pytest.mark.parametrize("name", ["tracks", "choices", "steps", "settings"])
def test_the_pages_say_what_the_code_does(made: ModuleType, name: str) -> None:
    page, text = made.tables()[name]
    assert made.page_table(name, page) == text, "run python tests/settings_tables.py"


def test_every_choice_and_setting_has_a_meaning(made: ModuleType) -> None:
    for name in dataset_registry():
        spec = dataset_spec(name)
        kind = degradation_registry().get(spec.degradation).settings_type
        for key in spec.choices:
            assert made.OPTIONS.get(key) or made.meaning_of(kind, key), (name, key)
    for table in ("steps", "settings"):
        rows = made.tables()[table][1].splitlines()[2:]
        assert [row for row in rows if row.startswith("| `") and row.endswith("|  |")] == []


def test_every_track_has_its_row(made: ModuleType) -> None:
    rows = made.tables()["tracks"][1].splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(dataset_registry())
