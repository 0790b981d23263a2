"""The store: whole cells only, edits and damage are told, failures never count as done."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from lqbench.datasets.errors import UserError
from lqbench.results import store as store_module
from lqbench.results.atomic import TEMPORARY
from lqbench.results.record import RestorationCost
from lqbench.results.store import Store


def failed(record):
    return record.model_copy(update={"status": "failed", "error": "ValueError: no", "metrics": None, "detections": 0})


def test_a_written_cell_is_read_back(store, cell, record, detections):
    assert not store.has(cell)
    store.write_cell(record, detections)
    assert store.has(cell)
    assert store.record(cell) == record
    pd.testing.assert_frame_equal(store.detections(cell), detections)
    assert store.quality(cell) is None
    assert store.records() == [record]
    assert sorted(path.name for path in store.cell_path(cell).iterdir()) == [
        "cell.json",
        "detections.parquet",
        "record.json",
    ]


def test_a_cost_is_read_back_and_older_records_have_none(store, cell, record, detections):
    cost = RestorationCost.of([(4_000_000_000, 7), (1_000_000_001, 7)], images=2)
    store.write_cell(record.model_copy(update={"cost": cost}), detections)
    assert store.record(cell).cost == RestorationCost(flops_mean=2_500_000_000.5, flops_max=4_000_000_000, parameters=7)
    path = store.cell_path(cell) / "record.json"
    older = json.loads(path.read_text())
    del older["cost"]
    path.write_text(json.dumps(older))
    assert store.record(cell) == record


@pytest.mark.parametrize("costs", [[], [(4, 7)], [(4, 7)] * 3])
def test_a_cost_that_is_not_known_of_each_image_is_none(costs):
    assert RestorationCost.of(costs, images=2) is None


def test_quality_is_kept_beside_the_detections(store, cell, record, detections):
    quality = pd.DataFrame({"image": np.array([0, 1], np.int32), "PSNR_Y": [30.0, np.inf]})
    store.write_cell(record, detections, quality)
    pd.testing.assert_frame_equal(store.quality(cell), quality)


def test_equal_detections_give_equal_bytes(tmp_path, cell, record, detections):
    stores = [Store.open(tmp_path / name) for name in ("a", "b")]
    for one in stores:
        one.write_cell(record, detections)
    first, second = ((one.cell_path(cell) / "detections.parquet").read_bytes() for one in stores)
    assert first == second


def test_numbers_of_other_detections_cannot_enter(store, record, detections):
    with pytest.raises(ValueError, match="not computed from these detections"):
        store.write_cell(record, detections.iloc[:1])


def test_a_stop_while_writing_leaves_no_cell(store, cell, record, detections, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store_module, "write_json", stop)
    with pytest.raises(KeyboardInterrupt):
        store.write_cell(record, detections)
    assert not store.has(cell)
    assert list((store.path / "cells").iterdir()) == []


def test_unfinished_folders_are_not_read(store, cell, record, detections):
    store.write_cell(record, detections)
    (store.path / "cells" / f"{TEMPORARY}half").mkdir()
    assert store.records() == [record]


def test_a_failed_cell_is_listed_but_not_done(store, cell, record, detections):
    store.write_failure(failed(record))
    assert not store.has(cell)
    assert store.records()[0].status == "failed"
    store.write_cell(record, detections)
    assert store.has(cell)


def test_a_failure_does_not_replace_a_finished_cell(store, cell, record, detections):
    store.write_cell(record, detections)
    store.write_failure(failed(record))
    assert store.record(cell).status == "done"
    assert store.has(cell)


def test_an_edited_cell_is_told(store, cell, record, detections):
    store.write_cell(record, detections)
    path = store.cell_path(cell) / "cell.json"
    path.write_text(path.read_text().replace('"val"', '"train"'))
    with pytest.raises(UserError, match=r"cell\.json describes another cell .* --always"):
        store.has(cell)


def test_parameter_sets_whose_names_sanitise_alike_do_not_collide(cell):
    first, second = (cell.model_copy(update={"split": split}) for split in ("a b", "a/b"))
    assert first.directory.rpartition("__")[0] == second.directory.rpartition("__")[0]
    assert first.directory != second.directory


@pytest.mark.parametrize("field", ["method_source", "weights_sha256", "dataset_fingerprint"])
def test_changed_content_changes_the_key(cell, field):
    assert cell.model_copy(update={field: "b" * 64}).key != cell.key


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", None])
def test_damaged_detections_are_told(store, cell, record, detections, content):
    store.write_cell(record, detections)
    path = store.cell_path(cell) / "detections.parquet"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    for look in (store.has, store.detections):
        with pytest.raises(UserError, match=r"detections\.parquet is (damaged|missing).*--always"):
            look(cell)


def test_damaged_detections_without_metrics_are_told(store, cell, record, detections):
    store.write_cell(record.model_copy(update={"metrics": None}), detections)
    (store.cell_path(cell) / "detections.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match=r"detections\.parquet is damaged"):
        store.detections(cell)


@pytest.mark.parametrize(
    ("text", "what"),
    [("{", "is damaged"), ("[]", "no JSON object"), ('{"version": 1}', "field cell"), (None, "is missing")],
)
def test_a_damaged_record_is_told(store, cell, record, detections, text, what):
    store.write_cell(record, detections)
    path = store.cell_path(cell) / "record.json"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(UserError, match=what):
        store.records()


def test_ground_truth_is_stored_once_and_read_back(store, images):
    truth = store.save_ground_truth(images)
    folder = store.path / "ground-truth" / images.fingerprint[:16]
    stamp = (folder / "boxes.parquet").stat().st_mtime_ns
    again = store.save_ground_truth(images)
    assert (folder / "boxes.parquet").stat().st_mtime_ns == stamp
    assert truth.classes == again.classes == ("person", "car")
    assert truth.facts == images.facts()
    assert truth.images.loc[1, ["width", "height", "clean_width", "sx"]].tolist() == [40, 30, 80, 0.5]
    assert truth.boxes[["image", "label", "area", "area_annotated"]].values.tolist() == [[0, 1, 100.0, 400.0]]
    assert truth.boxes["difficult"].tolist() == [True]


def test_ground_truth_of_another_dataset_is_told(store, images):
    store.save_ground_truth(images)
    path = store.path / "ground-truth" / images.fingerprint[:16] / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fingerprint": "f" * 63 + "0"}))
    with pytest.raises(UserError, match="describes another dataset"):
        store.ground_truth(images.fingerprint)


def test_missing_ground_truth_is_told(store):
    with pytest.raises(UserError, match=r"dataset\.json is missing"):
        store.ground_truth("0" * 64)


def test_a_store_that_is_a_file_is_told(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        Store.open(path)


def test_a_store_without_write_permission_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module.os, "access", lambda *_: False)
    with pytest.raises(UserError, match=r"cannot be written .*--store"):
        Store.open(tmp_path / "store")


def test_a_store_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="there is no store at"):
        Store(tmp_path / "none").records()
