"""A degraded dataset written once: same pixels, same bytes, resumable, and refused where it does not belong."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lqbench.datasets.dataset import Dataset, open_dataset
from lqbench.datasets.errors import UserError
from lqbench.datasets.prepare.build import build_set
from lqbench.datasets.prepare.encode import ImageFormat, image_format
from lqbench.datasets.prepare.journal import JOURNAL
from lqbench.datasets.prepare.pool import CHUNK

PNG = ImageFormat()


@pytest.fixture
def dataset(tiny_root):
    return open_dataset("coco-d", data_root=tiny_root)


def assert_same(dataset, again):
    assert again.classes == dataset.classes
    assert len(again) == len(dataset)
    for index in range(len(dataset)):
        assert (again.sample(index).image == dataset.sample(index).image).all()
        ours, theirs = dataset.boxes[index], again.boxes[index]
        np.testing.assert_allclose(theirs.xyxy, ours.xyxy, rtol=1e-6)
        for column in ("labels", "areas", "crowd", "difficult"):
            np.testing.assert_array_equal(getattr(theirs, column), getattr(ours, column))


def test_the_built_set_opens_with_the_pixels_and_boxes_of_the_fly(dataset, tmp_path):
    report = build_set(dataset, tmp_path / "set", PNG)
    assert (report.images, report.before) == (10, 0)
    again = open_dataset(f"coco:{tmp_path / 'set'}")
    assert_same(dataset, again)
    assert [r.image_id for r in again.records] == [r.image_id for r in dataset.records]
    assert [r.size for r in again.records] == [r.size for r in dataset.records]


def test_difficult_objects_of_voc_are_kept(voc_root, tmp_path):
    dataset = open_dataset("voc-lr-x8", data_root=voc_root())
    build_set(dataset, tmp_path / "set", PNG)
    again = open_dataset(f"coco:{tmp_path / 'set'}")
    assert again.boxes[1].difficult.tolist() == [True]
    assert_same(dataset, again)
    assert again.spec.metric == "voc07"


def test_rendered_scenes_are_built_too(tmp_path):
    dataset = open_dataset("scenes-lr-x8", limit=2)
    build_set(dataset, tmp_path / "set", PNG)
    assert_same(dataset, open_dataset(f"coco:{tmp_path / 'set'}"))


def test_areas_are_divided_by_the_square_of_the_scale_and_the_annotated_ones_kept(dataset, tmp_path):
    build_set(dataset, tmp_path / "set", PNG)
    document = json.loads((tmp_path / "set" / "annotations" / "instances_val2017.json").read_text())
    first, record = document["annotations"][0], dataset.records[0]
    assert first["area_annotated"] == 20 * 10.5 / 2
    assert first["area"] == pytest.approx(first["area_annotated"] * record.scale[0] * record.scale[1], rel=1e-12)
    assert first["bbox"][2] == pytest.approx(20 * record.scale[0], rel=1e-6)


def test_the_manifest_tells_everything_of_an_image(dataset, tmp_path):
    build_set(dataset, tmp_path / "set", PNG)
    rows = pq.read_table(tmp_path / "set" / "manifest.parquet").to_pylist()
    for row, record in zip(rows, dataset.records, strict=True):
        assert (row["image_id"], row["seed"]) == (record.image_id, record.seed)
        assert (row["height"], row["width"]) == record.size
        assert (row["scale_x"], row["scale_y"]) == record.scale
        assert json.loads(row["parameters"]) == dict(record.parameters)
        assert row["parameter.noise_sigma_255"] == record.parameters["noise_sigma_255"]
        content = (tmp_path / "set" / "images" / row["file"]).read_bytes()
        assert (row["bytes"], row["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    facts = json.loads((tmp_path / "set" / "dataset.json").read_text())
    assert facts["fingerprint"] == dataset.fingerprint
    assert facts["spec"]["name"] == "coco-d"


@pytest.mark.slow
def test_the_bytes_are_the_same_for_any_number_of_workers(make_root, tmp_path, contents):
    dataset = open_dataset("coco-d", data_root=make_root(tmp_path / "more", images=8 * CHUNK))
    for workers in (1, 2, 8):
        build_set(dataset, tmp_path / str(workers), PNG, workers=workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "2") == contents(tmp_path / "8")


def test_only_what_is_missing_or_changed_is_made_again(dataset, tmp_path, contents, monkeypatch):
    folder = tmp_path / "set"
    build_set(dataset, folder, PNG)
    whole = contents(folder)
    (folder / "images" / "000000000002.png").unlink()
    (folder / "images" / "000000000004.png").write_bytes(b"broken")
    (folder / "images" / ".tmp-000000000009.png-0").write_bytes(b"left behind by a kill")
    made: list[int] = []
    sample = Dataset.sample
    monkeypatch.setattr(Dataset, "sample", lambda self, index: made.append(index) or sample(self, index))
    told: list[tuple[int, int]] = []
    report = build_set(dataset, folder, PNG, on_progress=lambda *counts: told.append(counts))
    assert (made, report.before) == ([1, 3], 8)
    assert told == [(8, 10), (9, 10), (10, 10)]
    assert contents(folder) == whole


def test_a_stopped_build_keeps_its_images_and_a_torn_journal_line_costs_one(dataset, tmp_path, contents):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    build_set(dataset, whole, PNG)

    def stop(done, total):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_set(dataset, stopped, PNG, on_progress=stop)
    assert not (stopped / "dataset.json").exists()
    journal = stopped / JOURNAL
    journal.write_text(journal.read_text()[:-9])
    assert build_set(dataset, stopped, PNG).before == 5
    assert contents(stopped) == contents(whole)


def test_jpeg_is_another_set_and_says_that_it_loses(dataset, tmp_path):
    build_set(dataset, tmp_path / "set", image_format("jpg", 30))
    facts = json.loads((tmp_path / "set" / "dataset.json").read_text())
    assert (facts["lossless"], facts["identity"]["quality"]) == (False, 30)
    with Image.open(tmp_path / "set" / "images" / "000000000001.jpg") as image:
        assert (image.format, (image.height, image.width)) == ("JPEG", dataset.records[0].size)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"limit": 3}, "the limit is None there and 3 now"), ({"name": "coco-lr-x4"}, "the dataset is coco-d there")],
)
def test_a_folder_with_another_set_is_refused_and_left_alone(tiny_root, dataset, tmp_path, contents, options, words):
    folder = tmp_path / "set"
    build_set(dataset, folder, PNG)
    before = contents(folder)
    name = options.pop("name", "coco-d")
    with pytest.raises(UserError, match=f"holds another set: {words}"):
        build_set(open_dataset(name, data_root=tiny_root, **options), folder, PNG)
    assert contents(folder) == before


def test_another_format_or_changed_annotations_are_another_set(tiny_root, dataset, tmp_path, change_coco):
    folder = tmp_path / "set"
    build_set(dataset, folder, PNG)
    with pytest.raises(UserError, match="the image format is png there and jpg now"):
        build_set(dataset, folder, image_format("jpg", None))
    change_coco(tiny_root, lambda d: d["annotations"][0].update(bbox=[4, 5, 21, 10]))
    with pytest.raises(UserError, match="content \\(fingerprint\\)"):
        build_set(open_dataset("coco-d", data_root=tiny_root), folder, PNG)


def test_folders_that_cannot_serve_are_refused_in_a_sentence(dataset, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(UserError, match="holds files that no build made"):
        build_set(dataset, tmp_path / "mine", PNG)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match="cannot be written"):
            build_set(dataset, place, PNG)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "dataset.json").write_text('{"identity": ')
    with pytest.raises(UserError, match="not JSON"):
        build_set(dataset, broken, PNG)


def test_a_broken_image_ends_the_build_with_its_name_and_what_is_done_stays(tiny_root, dataset, tmp_path):
    image = tiny_root / "val2017" / "000000000006.png"
    content = image.read_bytes()
    image.write_bytes(content[:-200] + bytes(200))
    with pytest.raises(UserError, match="000000000006"):
        build_set(dataset, tmp_path / "set", PNG)
    assert not (tmp_path / "set" / "dataset.json").exists()
    image.write_bytes(content)
    assert build_set(dataset, tmp_path / "set", PNG).before == 5


def test_two_builds_into_one_folder_are_kept_apart(dataset, tmp_path):
    pytest.importorskip("fcntl")

    def second(done, total):
        with pytest.raises(UserError, match="another process is building"):
            build_set(dataset, tmp_path / "set", PNG)

    build_set(dataset, tmp_path / "set", PNG, on_progress=lambda d, t: second(d, t) if d == 3 else None)


@pytest.mark.parametrize(("name", "quality"), [("png", 90), ("jpg", 0), ("jpg", 101), ("webp", None)])
def test_formats_and_qualities_that_do_not_fit_are_refused(name, quality):
    with pytest.raises(UserError, match=r"^--(quality|format) "):
        image_format(name, quality)


def test_file_names_are_those_of_the_source_or_positions_where_these_repeat(tmp_path, tiny_root, change_coco):
    for number in (1, 2):
        (tiny_root / "val2017" / str(number)).mkdir()
        (tiny_root / "val2017" / f"{number:012d}.png").rename(tiny_root / "val2017" / str(number) / "same.png")
    change_coco(tiny_root, lambda d: [d["images"][k].update(file_name=f"{k + 1}/same.png") for k in (0, 1)])
    dataset = open_dataset("coco-d", data_root=tiny_root)
    build_set(dataset, tmp_path / "set", PNG)
    assert sorted(path.name for path in (tmp_path / "set" / "images").iterdir())[:2] == ["000000.png", "000001.png"]
    assert_same(dataset, open_dataset(f"coco:{tmp_path / 'set'}"))
