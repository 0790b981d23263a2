"""Opened datasets: counts, splits, limits, samples that are the same everywhere, and fingerprints."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lqbench.datasets import degradations
from lqbench.datasets.dataset import Dataset, open_dataset
from lqbench.datasets.degradations import degradation
from lqbench.datasets.errors import UserError

Build = Callable[..., Path]


def sample_hash(dataset: Dataset, index: int) -> str:
    sample = dataset.sample(index, clean=True)
    assert sample.clean is not None
    return hashlib.sha256(sample.image.numpy().tobytes() + sample.clean.numpy().tobytes()).hexdigest()


def test_a_sample_fits_its_record(coco_root: Build) -> None:
    dataset = open_dataset("coco-d", data_root=coco_root())
    assert len(dataset) == len(dataset.records) == len(dataset.boxes) == 4
    for index, record in enumerate(dataset.records):
        sample = dataset.sample(index)
        assert sample.clean is None
        assert record.index == index
        assert tuple(sample.image.shape) == (3, *record.size)
        assert tuple(dataset.clean(index).shape) == (3, *record.clean_size)
        assert str(sample.image.dtype) == "torch.uint8"


def test_the_clean_image_is_the_stored_one(coco_root: Build) -> None:
    root = coco_root()
    dataset = open_dataset("coco-d", data_root=root)
    stored = np.asarray(Image.open(root / "val2017" / "000000000003.jpg"))
    np.testing.assert_array_equal(dataset.clean(0).numpy().transpose(1, 2, 0), stored)


def test_any_limit_gives_the_same_bytes(coco_root: Build) -> None:
    root = coco_root()
    few, many = (open_dataset("coco-d", data_root=root, limit=limit) for limit in (2, 8))
    assert (len(few), len(many)) == (2, 4)
    assert few.records == many.records[:2]
    assert [sample_hash(few, i) for i in (0, 1)] == [sample_hash(many, i) for i in (0, 1)]


def test_a_pickled_dataset_gives_the_same_bytes(coco_root: Build) -> None:
    dataset = open_dataset("coco-d", data_root=coco_root())
    copy: Dataset = pickle.loads(pickle.dumps(dataset))
    assert copy.fingerprint == dataset.fingerprint
    assert [sample_hash(copy, i) for i in (3, 1)] == [sample_hash(dataset, i) for i in (3, 1)]


def test_a_moved_folder_keeps_the_fingerprint(coco_root: Build, tmp_path: Path) -> None:
    root = coco_root()
    before = open_dataset("coco-d", data_root=root).fingerprint
    shutil.move(root, tmp_path / "elsewhere" / "coco")
    assert open_dataset("coco-d", data_root=tmp_path / "elsewhere").fingerprint == before


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["annotations"][0]["bbox"].__setitem__(0, 11),
        lambda d: d["annotations"][0].update(category_id=3),
        lambda d: d["annotations"][0].update(iscrowd=1),
        lambda d: d["annotations"][0].update(area=1),
        lambda d: d["annotations"].pop(),
        lambda d: d["images"].pop(2),
    ],
)
def test_changed_annotations_change_the_fingerprint(
    coco_root: Build, change: Callable[[dict[str, Any]], object]
) -> None:
    before = open_dataset("coco-d", data_root=coco_root()).fingerprint
    assert open_dataset("coco-d", data_root=coco_root(change, name="changed")).fingerprint != before


def test_split_limit_image_files_and_dataset_change_the_fingerprint(coco_root: Build, voc_root: Build) -> None:
    root = coco_root()
    image = root / "val2017" / "000000000003.jpg"
    seen = [open_dataset("coco-d", data_root=root, limit=limit).fingerprint for limit in (None, 3)]
    Image.open(image).save(image, quality=30)
    seen.append(open_dataset("coco-d", data_root=root).fingerprint)
    voc = voc_root()
    seen += [open_dataset(name, data_root=voc).fingerprint for name in ("voc-lr-x4", "voc-lr-x8")]
    (voc / "VOCdevkit/VOC2007/ImageSets/Main/val.txt").write_text("000001\n000002\n")
    seen.append(open_dataset("voc-lr-x4", data_root=voc, split="val").fingerprint)
    assert len(set(seen)) == len(seen) == 6


def test_facts_are_plain_and_tell_a_subset(coco_root: Build) -> None:
    facts = open_dataset("coco-d", data_root=coco_root(), limit=3).facts()
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["images"], facts["images_official"], facts["subset"], facts["limit"]) == (3, 5000, True, 3)
    assert (facts["boxes"], facts["split"], facts["default_detector"]) == (5, "val2017", "yolox-nano")
    assert facts["notes"]["dropped_boxes"] == 0
    assert "scale_factor" in facts["first_parameters"]


def test_dropped_boxes_are_counted_in_the_facts(coco_root: Build) -> None:
    root = coco_root(lambda d: d["annotations"][0].update(bbox=[1, 1, 0, 1]))
    with pytest.raises(UserError, match="annotation 1"):
        open_dataset("coco-d", data_root=root)
    assert open_dataset("coco-d", data_root=root, invalid_boxes="drop").facts()["notes"]["dropped_boxes"] == 1


def test_voc_low_resolution_is_made_from_the_squeezed_image(voc_root: Build) -> None:
    dataset = open_dataset("voc-lr-x8", data_root=voc_root())
    assert [tuple(dataset.sample(0).image.shape), tuple(dataset.clean(0).shape)] == [(3, 38, 38), (3, 300, 300)]
    np.testing.assert_allclose(dataset.boxes[0].xyxy, [np.array([10 / 80, 20 / 60, 50 / 80, 1]) * 37.5], rtol=1e-6)
    assert dataset.boxes[1].difficult.tolist() == [True]
    assert dataset.facts()["first_parameters"]["nominal_size"] == [37.5, 37.5]


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_refused(coco_root: Build, limit: int) -> None:
    with pytest.raises(UserError, match=f"--limit is {limit}; give a number of images from 1"):
        open_dataset("coco-d", data_root=coco_root(), limit=limit)


def test_an_unknown_split_lists_the_splits(coco_root: Build) -> None:
    with pytest.raises(UserError, match="coco-d has no split 'test'; its splits are val2017, train2017"):
        open_dataset("coco-d", data_root=coco_root(), split="test")


def test_missing_data_are_told_line_by_line(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        open_dataset("coco-d", data_root=tmp_path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert all(line.startswith("coco-d needs ") for line in lines)
    with pytest.raises(UserError, match="nowhere given by --data-root is not a folder"):
        open_dataset("coco-d", data_root=tmp_path / "nowhere")


def test_a_truncated_photograph_is_told_when_it_is_met(coco_root: Build) -> None:
    root = coco_root()
    image = root / "val2017" / "000000000007.jpg"
    image.write_bytes(image.read_bytes()[:400])
    dataset = open_dataset("coco-d", data_root=root)
    dataset.sample(0)
    with pytest.raises(UserError, match=r"000000000007\.jpg is truncated or broken"):
        dataset.sample(1)


def test_embedded_scenes_open_without_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LQBENCH_CACHE", str(tmp_path / "cache"))
    told: list[tuple[int, int]] = []
    dataset = open_dataset("scenes-lr-x8", limit=2, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
    assert [tuple(dataset.sample(1).image.shape), tuple(dataset.clean(1).shape)] == [(3, 64, 64), (3, 512, 512)]
    assert dataset.records[0].scale == (1 / 8, 1 / 8)
    assert dataset.facts()["subset"]
    noisy = open_dataset("scenes-d", limit=2)
    copy: Dataset = pickle.loads(pickle.dumps(noisy))
    assert sample_hash(copy, 1) == sample_hash(noisy, 1)
    assert noisy.fingerprint != dataset.fingerprint


def test_real_photographs_can_be_opened(shared_data: Path) -> None:
    coco = open_dataset("coco-d", data_root=shared_data / "coco128")
    assert (len(coco), coco.facts()["boxes"], coco.facts()["subset"]) == (128, 898, True)
    train = open_dataset("coco-d", data_root=shared_data / "coco128", split="train2017", limit=10)
    assert (len(train), train.records[0].image_id) == (10, "9")
    voc = open_dataset("voc-lr-x4", data_root=shared_data / "voc2012_100", split="all")
    assert (len(voc), voc.facts()["boxes"], voc.facts()["images_official"]) == (100, 273, None)
    for dataset in (coco, train, voc):
        assert tuple(dataset.sample(3).image.shape) == (3, *dataset.records[3].size)
        for boxes, record in zip(dataset.boxes, dataset.records, strict=True):
            height, width = record.size
            assert (boxes.xyxy >= 0).all()
            assert (boxes.xyxy <= np.array([width, height, width, height]) + 1e-3).all()


@pytest.fixture
def halving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every recipe mean: half the size by bilinear interpolation, nothing else."""
    settings = {
        "blur_types": ["none"],
        "scale_factors": [2.0],
        "interpolations": ["bilinear"],
        "noise_sigma_255": [0, 0],
    }
    monkeypatch.setattr(degradations, "parse_degradation", lambda _: degradation("aeris", settings), raising=False)


@pytest.mark.usefixtures("halving")
def test_a_further_degradation_works_on_ones_own_data(coco_root: Build) -> None:
    root = coco_root()
    plain = open_dataset(f"coco:{root}")
    halved = open_dataset(f"coco:{root}", degrade="down(2)")
    assert halved.records[0].size == (24, 36)
    np.testing.assert_allclose(halved.boxes[0].xyxy * 2, plain.boxes[0].xyxy)
    assert tuple(halved.clean(0).shape) == (3, 48, 72)
    assert halved.fingerprint != plain.fingerprint
    facts = halved.facts()
    assert (facts["name"], facts["recipe"]) == ("coco:coco-root+down(2)", "down(2)")
    assert halved.records[0].seed == plain.records[0].seed


@pytest.mark.usefixtures("halving")
def test_a_further_degradation_comes_on_top_of_the_tracks_own(coco_root: Build) -> None:
    root = coco_root()
    plain, both = (open_dataset("coco-d", data_root=root, degrade=text) for text in ("", "down(2)"))
    for index in range(4):
        (height, width), (low_height, low_width) = plain.records[index].size, both.records[index].size
        assert abs(low_height - height / 2) < 1
        assert abs(low_width - width / 2) < 1
        assert both.records[index].parameters["first"] == plain.records[index].parameters
        assert tuple(both.sample(index).image.shape) == (3, low_height, low_width)
    assert plain.fingerprint == open_dataset("coco-d", data_root=root).fingerprint != both.fingerprint


@pytest.mark.usefixtures("halving")
def test_degraded_photographs_of_bad_weather_have_the_photograph_as_clean_image(tmp_path: Path) -> None:
    folder = tmp_path / "DAWN" / "Fog"
    (folder / "Fog_PASCAL_VOC").mkdir(parents=True)
    Image.new("RGB", (40, 20), (1, 2, 3)).save(folder / "a.jpg")
    (folder / "Fog_PASCAL_VOC" / "a.xml").write_text("<annotation/>")
    assert not open_dataset("dawn", data_root=tmp_path).has_clean
    dataset = open_dataset("dawn", data_root=tmp_path, degrade="down(2)")
    sample = dataset.sample(0, clean=True)
    assert sample.clean is not None
    assert (tuple(sample.image.shape), tuple(sample.clean.shape)) == ((3, 10, 20), (3, 20, 40))
