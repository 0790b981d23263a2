from __future__ import annotations

from typing import Any

import pytest

from lqbench.benchmark.statistics.pairing import pair_of_cells
from lqbench.datasets.errors import UserError
from lqbench.results.cell import Cell
from lqbench.results.record import Provenance, Record

WHOLE, PART = "aa" * 32, "bb" * 32


def record(method: str, detector: str = "", *, fingerprint: str = WHOLE, status: Any = "done", **cell: Any) -> Record:
    settings = {"detector": detector} if detector else {}
    fields = {"dataset": "scenes-d", "dataset_version": "1", "split": "test", "method_source": "0" * 64, **cell}
    return Record(
        cell=Cell(method=method, method_settings=settings, dataset_fingerprint=fingerprint, **fields),
        status=status,
        images=20,
        detections=5,
        started="2026-11-21T10:00:00+00:00",
        seconds={},
        provenance=Provenance(lqbench_version="0", python="3", platform="x", cpu="x", device="cpu"),
    )


def test_the_pair_on_the_same_images_is_found() -> None:
    a, b = record("hr", "mini"), record("lr", "mini")
    other = record("lr", "mini", fingerprint=PART, limit=5)
    elsewhere = record("lr", "mini", dataset="scenes-lr-x4")
    failed = record("lr", "mini", status="failed", weights_sha256="f")
    assert pair_of_cells([elsewhere, other, failed, b, a], "hr", "lr", "scenes-d") == (a, b)
    assert pair_of_cells([a, b], "lr", "hr", "scenes-d") == (b, a)
    assert pair_of_cells([a, b], "lr", "lr", "scenes-d") == (b, b)


def test_equal_detectors_are_paired_first() -> None:
    records = [record("hr", "mini"), record("lr", "fcos"), record("lr", "mini")]
    assert pair_of_cells(records, "hr", "lr", "scenes-d") == (records[0], records[2])
    assert pair_of_cells(records[:2], "hr", "lr", "scenes-d") == (records[0], records[1])
    own = record("whole")
    assert pair_of_cells([own, records[0]], "whole", "hr", "scenes-d") == (own, records[0])


def test_an_ambiguous_choice_lists_the_cells_and_the_options() -> None:
    records = [record(method, detector) for method in ("hr", "lr") for detector in ("mini", "fcos")]
    with pytest.raises(UserError) as error:
        pair_of_cells(records, "hr", "lr", "scenes-d")
    for word in ("2 ways", "--detector", "--split", *(r.cell.key for r in records)):
        assert word in str(error.value)
    assert pair_of_cells(records, "hr", "lr", "scenes-d", detector="fcos") == (records[1], records[3])
    assert pair_of_cells(records, records[0].cell.key, records[3].cell.key, "scenes-d") == (records[0], records[3])
    splits = [record(m, split=s, fingerprint=f) for m in ("hr", "lr") for s, f in (("test", WHOLE), ("val", PART))]
    assert pair_of_cells(splits, "hr", "lr", "scenes-d", split="val") == (splits[1], splits[3])


def test_other_images_are_refused_in_one_sentence() -> None:
    with pytest.raises(UserError, match=r"not|no cells on the same images") as error:
        pair_of_cells([record("hr"), record("lr", fingerprint=PART)], "hr", "lr", "scenes-d")
    assert "aaaaaaaaaaaa and bbbbbbbbbbbb" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_the_store_lacks_is_named_with_what_it_has() -> None:
    records = [record("hr", "mini"), record("lr", "mini")]
    with pytest.raises(UserError, match=r"no finished cell on the dataset 'coco-d'; it has scenes-d"):
        pair_of_cells(records, "hr", "lr", "coco-d")
    with pytest.raises(
        UserError, match=r"(?s)no such finished cell of 'bicubic' on scenes-d; it has.*hr, detector mini"
    ):
        pair_of_cells(records, "hr", "bicubic", "scenes-d")
    with pytest.raises(UserError, match="no such finished cell of 'hr'"):
        pair_of_cells(records, "hr", "lr", "scenes-d", detector="fcos")
    with pytest.raises(UserError, match="no finished cell at all"):
        pair_of_cells([], "hr", "lr", "scenes-d")
