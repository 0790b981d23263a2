"""Chunks of an unfinished cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lqbench.datasets.types import Detections
from lqbench.results.atomic import encode_parquet, write_bytes
from lqbench.results.partial import Chunk, ChunkResult, Partial, encode_chunk, merge
from lqbench.results.tables import detections_frame, quality_frame

CONDITIONS = {"batch_size": 4, "device": "cpu"}


def result(index, psnr=30.0):
    found = Detections(np.array([[0, 0, 2, 3]], np.float32), np.array([0.5], np.float32), np.array([1]))
    quality = quality_frame({index: {"PSNR_Y": psnr, "SSIM_Y": 0.9}})
    return ChunkResult(detections_frame([(index, found)]), quality, {"detect": 0.5})


@pytest.fixture
def partial(tmp_path):
    return Partial(tmp_path / "cell", CONDITIONS)


def test_a_chunk_is_read_back(partial):
    chunk = Chunk(0, 16)
    assert not partial.has(chunk)
    partial.write(chunk, result(3, psnr=float("inf")))
    assert partial.has(chunk)
    read = partial.read(chunk)
    pd.testing.assert_frame_equal(read.detections, result(3).detections)
    pd.testing.assert_frame_equal(read.quality, result(3, psnr=float("inf")).quality)
    assert read.seconds == {"detect": 0.5}
    partial.remove()
    assert not partial.has(chunk)


def test_costs_are_read_back_and_lined_up(partial):
    chunk = Chunk(0, 16)
    partial.write(chunk, replace(result(3), costs=[(7_000_000_000_123, 5), (8, 5)]))
    read = partial.read(chunk)
    assert read.costs == [(7_000_000_000_123, 5), (8, 5)]
    assert merge([read, result(4), replace(result(5), costs=[(9, 5)])]).costs == [*read.costs, (9, 5)]


def test_a_chunk_that_was_written_before_there_were_costs_is_used(partial):
    chunk = Chunk(0, 16)
    facts = {"chunk": [0, 16], "conditions": CONDITIONS, "seconds": {}, "quality": {"image": []}}
    partial.folder.mkdir()
    write_bytes(partial.folder / chunk.file_name, encode_parquet(result(3).detections, facts))
    assert partial.has(chunk)
    assert partial.read(chunk).costs == []


def test_a_chunk_of_another_range_or_other_conditions_is_not_used(partial, tmp_path):
    partial.write(Chunk(0, 16), result(3))
    assert not partial.has(Chunk(0, 12))
    assert not Partial(tmp_path / "cell", CONDITIONS | {"device": "cuda:0"}).has(Chunk(0, 16))


def test_a_damaged_chunk_is_not_used(partial):
    chunk = Chunk(0, 16)
    partial.write(chunk, result(3))
    path = partial.folder / chunk.file_name
    path.write_bytes(path.read_bytes()[:40])
    assert not partial.has(chunk)


def test_merging_joins_tables_and_adds_seconds():
    empty = ChunkResult(detections_frame([]), quality_frame({}), {"detect": 1.0, "load": 0.25})
    merged = merge([result(0), empty, result(40)])
    assert merged.detections["image"].tolist() == [0, 40]
    assert merged.detections.dtypes.equals(result(0).detections.dtypes)
    assert merged.quality["image"].tolist() == [0, 40]
    assert merged.seconds == {"detect": 2.0, "load": 0.25}


def test_a_method_that_finds_nothing_leaves_a_table_without_rows():
    merged = merge([ChunkResult(detections_frame([(0, Detections.empty())]), quality_frame({}), {})])
    assert merged.costs == []
    assert len(merged.detections) == 0
    assert list(merged.detections) == ["image", "x1", "y1", "x2", "y2", "score", "label"]


def test_notes_are_read_back_and_lined_up(partial):
    chunk = Chunk(0, 16)
    partial.write(chunk, replace(result(3), notes=["batch size halved from 8 to 4"]))
    read = partial.read(chunk)
    assert read.notes == ["batch size halved from 8 to 4"]
    assert merge([read, result(4), replace(result(5), notes=["once more"])]).notes == [*read.notes, "once more"]


def test_a_chunk_that_was_written_before_there_were_notes_has_none(partial):
    facts = {"chunk": [0, 16], "conditions": CONDITIONS, "seconds": {}, "quality": {"image": []}, "costs": []}
    partial.write_encoded(Chunk(0, 16), encode_parquet(result(3).detections, facts))
    assert partial.read(Chunk(0, 16)).notes == []


def test_a_chunk_that_travelled_is_the_same_file(partial, tmp_path):
    chunk = Chunk(0, 16)
    partial.write(chunk, result(3))
    payload = encode_chunk(chunk, result(3), CONDITIONS)
    other = Partial(tmp_path / "other", CONDITIONS)
    other.write_encoded(chunk, payload)
    assert (other.folder / chunk.file_name).read_bytes() == payload
    assert (partial.folder / chunk.file_name).read_bytes() == payload
    assert other.has(chunk)


GOOD = encode_chunk(Chunk(0, 16), result(3), CONDITIONS)


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (b"", "is no whole chunk"),
        (b"{}", "is no whole chunk"),
        (GOOD[:-1], "is no whole chunk"),
        (GOOD[len(GOOD) // 2 :], "is no whole chunk"),
        (GOOD[:40] + bytes(40) + GOOD[80:], "is no whole chunk"),
        (encode_parquet(result(3).detections), "is no whole chunk"),
        (encode_chunk(Chunk(16, 32), result(20), CONDITIONS), r"holds the images of another chunk: \[16, 32\]"),
        (encode_chunk(Chunk(0, 16), result(3), CONDITIONS | {"batch_size": 8}), "was computed under other conditions"),
        (encode_chunk(Chunk(0, 16), result(16), CONDITIONS), "has a row of image 16"),
        (
            encode_chunk(Chunk(0, 16), replace(result(3), detections=result(3).detections[["image"]]), CONDITIONS),
            r"has the columns \['image'\]",
        ),
    ],
)
def test_what_is_not_the_chunk_is_not_kept(partial, payload, complaint):
    with pytest.raises(ValueError, match=f"images 0 to 15 {complaint}"):
        partial.write_encoded(Chunk(0, 16), payload)
    assert not partial.folder.exists()


def test_a_good_chunk_stays_when_a_bad_one_comes(partial):
    partial.write(Chunk(0, 16), result(3))
    with pytest.raises(ValueError, match="no whole chunk"):
        partial.write_encoded(Chunk(0, 16), GOOD[:-1])
    assert partial.has(Chunk(0, 16))
