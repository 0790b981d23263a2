"""``lqbench show gallery`` as a user calls it, and the gallery read back from the store."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lqbench.benchmark.cli.main import main
from lqbench.benchmark.gallery import LOWEST_SCORE, MOST_BOXES, by_disagreement, image_aps, load_gallery
from lqbench.methods.catalog import method_registry
from lqbench.results.pictures import pictures_of
from lqbench.results.store import Store

LIMIT = 4


def call(*words: object) -> Result:
    method_registry.cache_clear()
    return CliRunner().invoke(main, [str(word) for word in words])


@dataclass(frozen=True)
class Shown:
    """A store with cells, and what the first call said."""

    path: Path
    first: Result

    @property
    def store(self) -> Store:
        return Store(self.path)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    path = tmp_path_factory.mktemp("gallery") / "store"
    run = ("run", "--method", "hr,lr,bicubic", "--dataset", "scenes-lr-x4", "--limit", LIMIT, "--device", "cpu")
    done = call(*run, "--store", path)
    assert done.exit_code == 0, done.output
    first = call("show", "gallery", "--dataset", "scenes-lr-x4", "--images", 2, "--device", "cpu", "--store", path)
    return Shown(path, first)


@pytest.fixture
def copy(shown: Shown, tmp_path: Path) -> Path:
    shutil.copytree(shown.path, tmp_path / "store")
    return tmp_path / "store"


def kinds(store: Store) -> dict[str, list[tuple[str, int]]]:
    return {
        record.cell.method: [(one.facts.kind, one.facts.index) for one in pictures_of(store.path, record.cell)]
        for record in store.records()
    }


def test_pictures_of_the_images_of_most_disagreement_are_stored_with_their_cells(shown: Shown) -> None:
    assert shown.first.exit_code == 0, shown.first.output
    store = shown.store
    records = store.records()
    truth = store.ground_truth(records[0].cell.dataset_fingerprint)
    aps = image_aps(store, records, truth)
    ceiling = next(record.cell.key for record in records if record.cell.method == "hr")
    first, second = by_disagreement(aps, [ceiling])[:2]
    pair = sorted((first, second))
    shared = [(kind, index) for kind in ("clean", "degraded") for index in pair]
    assert kinds(store) == {"bicubic": [*shared, *(("restored", index) for index in pair)], "hr": [], "lr": []}
    ids = truth.images.set_index("index")["image_id"]
    assert f"images, those of most disagreement first: {ids[first]}, {ids[second]}" in shown.first.stdout
    assert "pictures: 6 new" in shown.first.stdout and "next: lqbench report" in shown.first.stdout


def test_pictures_are_the_images_as_methods_met_them(shown: Shown) -> None:
    from lqbench.datasets.dataset import open_dataset

    dataset = open_dataset("scenes-lr-x4", limit=LIMIT)
    record = next(record for record in shown.store.records() if record.cell.method == "bicubic")
    for picture in pictures_of(shown.path, record.cell):
        sample = dataset.sample(picture.facts.index, clean=True)
        assert sample.clean is not None
        wanted = {"degraded": sample.image, "clean": sample.clean}.get(picture.facts.kind)
        with Image.open(picture.path) as image:
            pixels = np.asarray(image)
        if wanted is not None:
            np.testing.assert_array_equal(pixels, wanted.numpy().transpose(1, 2, 0))
        assert pixels.shape[:2] == (sample.image if wanted is sample.image else sample.clean).shape[1:]


def test_what_is_there_is_not_made_again(copy: Path) -> None:
    words = ("show", "gallery", "--dataset", "scenes-lr-x4", "--device", "cpu", "--store", copy)
    assert "pictures: 0 new" in call(*words, "--images", 2).stdout
    victim = next((copy / "pictures").rglob("restored-*.png"))
    before = victim.read_bytes()
    victim.unlink()
    assert "pictures: 1 new" in call(*words, "--images", 2).stdout
    assert victim.read_bytes() == before


def test_the_gallery_is_read_with_boxes(shown: Shown) -> None:
    records = shown.store.records()
    (track,) = load_gallery(shown.store, records)
    truth = shown.store.ground_truth(track.fingerprint)
    aps = image_aps(shown.store, records, truth)
    assert len(track.images) == 2 and track.classes == truth.classes
    for image in track.images:
        assert len(image.truths) == (truth.boxes["image"] == image.index).sum() > 0
        assert image.clean is not None and [view.restored is not None for view in image.views] == [True, False, False]
        for record, view in zip(records, image.views, strict=True):
            assert view.key == record.cell.key
            np.testing.assert_allclose(view.ap, aps.at[image.index, view.key])
            scores = [mark.score for mark in view.marks]
            assert scores == sorted(scores, reverse=True) and 0 < len(scores) <= MOST_BOXES
            assert min(scores) >= LOWEST_SCORE


def test_a_selection_of_methods_still_finds_the_images(shown: Shown) -> None:
    some = [record for record in shown.store.records() if record.cell.method == "lr"]
    (track,) = load_gallery(shown.store, some)
    assert [len(image.views) for image in track.images] == [1, 1]
    assert track.images[0].degraded.path.exists()


def test_the_report_holds_the_gallery(copy: Path, tmp_path: Path) -> None:
    result = call("report", "--store", copy, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert html.count('class="thumbs"') == 1 and 'id="gallery-data"' in html


def test_mistakes_are_told_in_one_sentence(copy: Path, tmp_path: Path) -> None:
    cases = [
        (("--dataset", "scenes-d"), "there is no finished cell on scenes-d in"),
        (("--dataset", "scenes-lr-x4", "--method", "tdsr"), "no finished cell on scenes-lr-x4 of tdsr in"),
        (("--dataset", "scenes-lr-x4", "--image", "nobody"), "--image nobody: scenes-lr-x4 val has no image"),
        (("--dataset", "scenes-lr-x4", "--image", "a", "--images", 2), "--images and --image exclude each other"),
    ]
    for words, told in cases:
        result = call("show", "gallery", *words, "--device", "cpu", "--store", copy)
        assert result.exit_code == 2 and told in result.stderr, result.output
        assert "Traceback" not in result.output
    result = call("show", "gallery", "--dataset", "scenes-d", "--store", tmp_path / "none")
    assert result.exit_code == 2 and "there is no store" in result.stderr


def test_images_are_ranked_by_spread_without_ceilings_where_others_remain() -> None:
    aps = pd.DataFrame({"hr": [1.0, 0.0, 0.5], "a": [0.5, 0.4, 0.1], "b": [0.5, 0.5, 0.9]}, index=[3, 5, 7])
    assert by_disagreement(aps, ["hr"]) == [7, 5, 3]
    assert by_disagreement(aps.drop(columns="b"), ["hr"]) == [3, 5, 7]
    assert by_disagreement(aps) == [7, 3, 5]
