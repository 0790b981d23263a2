"""Analyses of stored cells: the same numbers as the single computations, kept in the store, on any processes."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lqbench.benchmark.analysis import cell_cache, cells
from lqbench.benchmark.analysis.assignment import AssignmentSettings
from lqbench.benchmark.analysis.cells import CellAnalysis, analyse
from lqbench.benchmark.analysis.image_ap import image_ap
from lqbench.benchmark.analysis.tide import tide_errors
from lqbench.benchmark.metrics.voc import voc_metrics
from lqbench.benchmark.scoring import score
from lqbench.benchmark.statistics.comparison import Outputs, compare
from lqbench.benchmark.statistics.replicates import COCO_METRICS, VOC_METRICS
from lqbench.datasets.errors import UserError
from lqbench.results.atomic import encode_parquet, write_bytes, write_json
from lqbench.results.cell import Cell
from lqbench.results.record import Provenance, Record
from lqbench.results.store import Store, detections_sha256
from lqbench.results.tables import GroundTruth

REPLICATES = 100
Tables = dict[str, tuple[GroundTruth, pd.DataFrame, pd.DataFrame | None]]


def save_truth(store: Store, fingerprint: str, truth: GroundTruth) -> None:
    folder = store.path / "ground-truth" / fingerprint[:16]
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "images.parquet", encode_parquet(truth.images))
    write_bytes(folder / "boxes.parquet", encode_parquet(truth.boxes))
    write_json(folder / "dataset.json", {"fingerprint": fingerprint, "classes": truth.classes, "facts": truth.facts})


def save_cell(store: Store, method: str, truth: GroundTruth, found: pd.DataFrame, quality: Any, print_: str) -> Record:
    names: dict[str, Any] = {"dataset": "fake", "dataset_version": "1", "split": "val", "method_source": "a" * 64}
    record = Record(
        cell=Cell(method=method, dataset_fingerprint=print_, **names),
        status="done",
        images=len(truth.images),
        detections=len(found),
        started="2026-01-01",
        seconds={},
        provenance=Provenance(lqbench_version="0", python="3", platform="p", cpu="c", device="cpu"),
        metrics=score(truth, found, detections_sha256(found), quality),
    )
    store.write_cell(record, found, quality)
    return record


@pytest.fixture
def tables(random_tables) -> Tables:
    """Two cells on one image set, one of them restoring, and one on another set, whose metric is VOC's."""
    truth, first = random_tables(1, images=8, objects=30)
    second = first.assign(score=(first["score"] * 7.3) % 1.0)
    voc, third = random_tables(2, images=6, objects=20)
    voc = GroundTruth(voc.images, voc.boxes, voc.classes, {"metric": "voc07", "area_frame": "annotated"})
    quality = pd.DataFrame({"image": np.arange(8, dtype=np.int32), "PSNR_Y": np.linspace(20.0, 30.0, 8)})
    return {"a": (truth, first, None), "b": (truth, second, quality), "v": (voc, third, None)}


@pytest.fixture
def store(tables: Tables, tmp_path: Path) -> Store:
    made = Store.open(tmp_path / "store")
    for method, (truth, found, quality) in tables.items():
        fingerprint = ("e" if method == "v" else "f") * 64
        save_truth(made, fingerprint, truth)
        save_cell(made, method, truth, found, quality, fingerprint)
    return made


def by_method(store: Store, **options: Any) -> dict[str, CellAnalysis]:
    found = analyse(store, store.records(), replicates=REPLICATES, **options)
    return {record.cell.method: found[record.cell.key] for record in store.records() if record.cell.key in found}


def files(store: Store) -> dict[str, bytes]:
    folder = store.path / "analysis"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def same(a: CellAnalysis, b: CellAnalysis) -> bool:
    assert list(a.replicates) == list(b.replicates)
    equal = all(values.tobytes() == b.replicates[name].tobytes() for name, values in a.replicates.items())
    aps = a.image_ap.equals(b.image_ap) and a.image_ap.index.equals(b.image_ap.index)
    return equal and aps and a.tide == b.tide


@pytest.fixture
def counted(monkeypatch) -> list[int]:
    """One entry for each cell that is computed."""
    calls: list[int] = []
    plain = cells.analyse_cell

    def counting(*arguments: Any) -> CellAnalysis:
        calls.append(1)
        return plain(*arguments)

    monkeypatch.setattr(cells, "analyse_cell", counting)
    return calls


def test_intervals_are_those_of_compare_and_differences_of_replicates_too(store, tables):
    analyses = by_method(store)
    truth, first, _ = tables["a"]
    outputs = Outputs(first), Outputs(tables["b"][1])
    assert {"AP", "AP50"} <= set(COCO_METRICS) <= set(analyses["a"].replicates)
    for row in compare(truth, *outputs, replicates=REPLICATES, seed=0, metrics=COCO_METRICS):
        assert (analyses["a"].estimate(row.metric), analyses["b"].estimate(row.metric)) == (row.a, row.b)
        drawn = analyses["a"].replicates[row.metric] - analyses["b"].replicates[row.metric]
        assert cells.estimate(drawn) == row.difference


def test_errors_and_ap_of_images_are_those_of_the_single_analyses(store, tables):
    analyses = by_method(store)
    for method, (truth, found, _) in tables.items():
        difficult = AssignmentSettings(ignore_difficult=method == "v")
        assert analyses[method].tide == tide_errors(truth, found, difficult).d_ap
        pd.testing.assert_series_equal(analyses[method].image_ap, image_ap(truth, found), check_exact=True)


def test_only_sets_with_vocs_metric_have_it_and_each_class(store, tables):
    analyses = by_method(store)
    assert not any(name.startswith("VOC") for name in analyses["a"].replicates)
    assert set(VOC_METRICS) <= set(analyses["v"].replicates)
    expected = voc_metrics(*tables["v"][:2]).per_class["VOC07_AP50"]
    for name, value in expected.items():
        drawn = analyses["v"].replicates.get(f"VOC07_AP50/{name}")
        assert (drawn is None) == (value is None)
        if drawn is not None:
            assert len(drawn) == REPLICATES + 1
            assert drawn[0] == pytest.approx(value, abs=1e-12)
    assert not any("/" in name for name in analyses["a"].replicates)


def test_quality_has_an_interval_where_the_method_restores_alone(store):
    analyses = by_method(store)
    quality = analyses["b"].estimate("PSNR_Y")
    assert quality.value == pytest.approx(25.0)
    assert quality.low is not None and quality.high is not None
    assert 20.0 < quality.low < 25.0 < quality.high < 30.0
    assert analyses["a"].estimate("PSNR_Y").value is None


def test_stored_analyses_are_read_and_give_the_same(store, counted):
    first = by_method(store)
    assert len(counted) == 3
    before = files(store)
    second = by_method(store)
    assert len(counted) == 3
    assert files(store) == before
    assert all(same(first[method], second[method]) for method in first)


@pytest.mark.parametrize(
    "change", [{"replicates": REPLICATES + 1}, {"seed": 1}], ids=["other replicates", "another seed"]
)
def test_other_options_are_computed_anew(store, counted, change):
    analyse(store, store.records(), replicates=REPLICATES)
    analyse(store, store.records(), **{"replicates": REPLICATES, **change})
    assert len(counted) == 6


def test_a_new_version_is_computed_anew(store, counted, monkeypatch):
    by_method(store)
    plain = cell_cache.facts_of
    newer = cell_cache.VERSION + 1

    def facts_of(*arguments: Any) -> cell_cache.CacheFacts:
        return replace(plain(*arguments), version=newer)

    monkeypatch.setattr(cells, "facts_of", facts_of)
    by_method(store)
    assert len(counted) == 6


def test_other_detections_or_another_quality_make_an_analysis_stale(store, tables, counted):
    before = by_method(store)
    truth, found, quality = tables["a"][0], tables["a"][1].iloc[:10], tables["b"][2]
    save_cell(store, "a", truth, found, None, "f" * 64)
    save_cell(store, "b", truth, tables["b"][1], quality.assign(PSNR_Y=33.0), "f" * 64)
    after = by_method(store)
    assert len(counted) == 5
    assert not same(before["a"], after["a"])
    assert after["b"].estimate("PSNR_Y").value == 33.0
    assert same(before["v"], after["v"])


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "text"])
def test_a_damaged_file_is_computed_anew_and_replaced(store, counted, damage):
    by_method(store)
    before = files(store)
    for path in (store.path / "analysis").rglob("*.safetensors"):
        content = bytearray(path.read_bytes())
        content[-8] ^= 1
        damaged = {"cut": content[:-9], "flipped": content, "emptied": b"", "text": b"no tensors at all"}[damage]
        path.write_bytes(bytes(damaged))
    by_method(store)
    assert len(counted) == 6
    assert files(store) == before


def test_a_store_that_cannot_be_written_is_told_once(store, monkeypatch):
    expected = by_method(store)
    shutil.rmtree(store.path / "analysis")

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refuse)
    said: list[str] = []
    found = by_method(store, say=said.append)
    assert all(same(expected[method], found[method]) for method in expected)
    assert len(said) == 1
    assert said[0].startswith("analyses are computed but not kept: ")
    assert "read-only" in said[0]
    assert not (store.path / "analysis").exists()


def test_any_number_of_processes_gives_the_same_bytes(store):
    by_method(store)
    one = files(store)
    shutil.rmtree(store.path / "analysis")
    seen: list[tuple[int, int]] = []
    by_method(store, processes=2, progress=lambda done, total: seen.append((done, total)))
    assert files(store) == one
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_an_unfinished_part_of_the_store_is_passed_over_or_told(store):
    records = store.records()
    failed = records[0].model_copy(update={"status": "failed", "metrics": None})
    assert analyse(store, [failed], replicates=REPLICATES) == {}
    (store.cell_path(records[0].cell) / "detections.parquet").write_bytes(b"no table")
    shutil.rmtree(store.path / "ground-truth" / ("e" * 16))
    with pytest.raises(UserError, match=r"damaged or was edited|is missing"):
        by_method(store)
    said: list[str] = []
    assert set(by_method(store, say=said.append)) == {"b"}
    assert len(said) == 2
    assert all(" is not analysed: " in sentence for sentence in said)


def test_a_cell_without_objects_has_no_errors_and_no_numbers(truth_of, detections_of, tmp_path):
    truth = truth_of([], images=2)
    found = detections_of([(0, (0, 0, 5, 5), 0.5, 0)])
    store = Store.open(tmp_path / "empty")
    save_truth(store, "f" * 64, truth)
    save_cell(store, "a", truth, found, None, "f" * 64)
    for _ in range(2):
        (analysis,) = analyse(store, store.records(), replicates=REPLICATES).values()
        assert analysis.tide is None
        assert analysis.image_ap.empty
        assert analysis.estimate("AP").value is None
