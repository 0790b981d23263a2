"""Datasets without clean images: oracles are refused, restoring methods run without PSNR."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from lqbench.benchmark.plan import make_plan
from lqbench.benchmark.request import Request
from lqbench.benchmark.runner import RunOptions, run_cells
from lqbench.datasets.dataset import Dataset, open_dataset
from lqbench.datasets.errors import UserError
from lqbench.results.store import Store


@pytest.fixture
def fog_root(tmp_path: Path) -> Path:
    """A data root with one photograph of real fog in DAWN's layout, without objects."""
    folder = tmp_path / "DAWN" / "Fog"
    (folder / "Fog_PASCAL_VOC").mkdir(parents=True)
    Image.new("RGB", (96, 64), (120, 130, 140)).save(folder / "a.jpg")
    (folder / "Fog_PASCAL_VOC" / "a.xml").write_text("<annotation/>")
    return tmp_path


@pytest.fixture
def photographs(fog_root: Path) -> Dataset:
    return open_dataset("dawn", data_root=fog_root)


def test_an_oracle_is_refused_with_one_sentence(fog_root: Path) -> None:
    with pytest.raises(UserError, match=r"^dawn has no clean images: .* Leave out --method hr there\.$"):
        make_plan(Request(("hr", "lr"), ("dawn",), ("mini",), data_root=fog_root))


def test_other_methods_are_planned(fog_root: Path) -> None:
    groups = make_plan(Request(("bicubic", "lr"), ("dawn",), ("mini",), data_root=fog_root))
    assert [group.method.card.name for group in groups] == ["bicubic", "lr"]


def test_a_restoring_method_runs_without_quality(tmp_path, photographs, make_method, make_group, messages) -> None:
    def restore(self, batch):
        raise AssertionError("nothing to compare a restored image with")

    group = make_group(make_method(card={"restores": True}, restore=restore), photographs)
    store = Store.open(tmp_path / "store")
    outcome = run_cells([group], store, RunOptions(), messages)[0]
    assert outcome.state == "computed"
    assert store.quality(outcome.record.cell) is None
    assert outcome.record.metrics is not None
    assert "PSNR_Y" not in outcome.record.metrics.values
