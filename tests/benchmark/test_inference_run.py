"""Running chunks: the same tables whatever is asked for beside them, from any loader, with images of any sizes."""

from __future__ import annotations

import json
import threading
from contextlib import closing

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lqbench.benchmark.buckets import batches_of, sized_batches
from lqbench.benchmark.inference import InferenceOptions, chunks_of, run_chunks
from lqbench.benchmark.loader import load_ahead
from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.types import Detections
from lqbench.methods.base import MethodSettings
from lqbench.methods.sr.cost import Cost
from lqbench.results.partial import Chunk, Partial, encode_chunk, merge

SIZES = [(40, 60), (60, 40), (48, 48), (40, 60), (60, 44)]
"""Sizes (height, width) of the images of ``mixed``, in turn."""
RESTORES = {"restores": True}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A dataset of 38 images of five sizes."""
    root = tmp_path_factory.mktemp("mixed")
    (root / "val2017").mkdir()
    (root / "annotations").mkdir()
    noise = np.random.default_rng(1)
    images, annotations = [], []
    for number in range(1, 39):
        height, width = SIZES[number % len(SIZES)]
        Image.fromarray(noise.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(
            root / "val2017" / f"{number}.png"
        )
        images.append({"id": number, "file_name": f"{number}.png", "height": height, "width": width})
        box = {"id": number, "image_id": number, "category_id": 1, "bbox": [4, 4, 20, 16], "area": 320}
        annotations.append(box | {"iscrowd": 0})
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(document))
    return open_dataset("coco-d", data_root=root)


def run(method, dataset, options, chunks=None, on_images=lambda _: None):
    wanted = chunks_of(len(dataset), options.batch_size) if chunks is None else chunks
    ready = method(MethodSettings())
    return dict(run_chunks(ready, dataset, wanted, options, on_images=on_images, on_notice=pytest.fail))


def encoded(result, *, with_seconds=False):
    """Return a chunk's bytes without its wall times, which differ from run to run."""
    if not with_seconds:
        result.seconds.clear()
    return encode_chunk(Chunk(0, 0), result, {})


def draws(self, batch):
    """Restore to noise from torch's global generator, so that anything else that draws would show."""
    return [torch.randint(0, 256, (3, *s.record.clean_size), dtype=torch.uint8) for s in batch.samples]


def costs(self, sample):
    return Cost(flops=sample.record.index, parameters=1)


def test_tables_are_in_the_order_of_the_images_whatever_the_batches(mixed, make_method):
    merged = merge([*run(make_method(card=RESTORES, restore=draws, cost=costs), mixed, InferenceOptions()).values()])
    assert merged.detections["image"].tolist() == [index for index in range(38) for _ in range(2)]
    assert merged.quality["image"].tolist() == list(range(38))
    assert merged.costs == [(index, 1) for index in range(38)]
    assert merged.notes == []
    assert set(merged.seconds) == {"load", "detect", "restore", "quality"}


def test_each_image_keeps_its_own_detections(mixed, make_method):
    """The fake's boxes depend on the pixels alone, so batches of one are a reference for any order."""
    alone, together = (
        merge([*run(make_method(), mixed, InferenceOptions(batch_size=size)).values()]).detections for size in (1, 8)
    )
    assert together.equals(alone)


def test_a_batch_holds_images_of_nearly_one_size(mixed, make_method):
    batches = []

    def detect(self, batch):
        batches.append([sample.record.size for sample in batch.samples])
        return [Detections.empty()] * len(batch)

    run(make_method(detect=detect), mixed, InferenceOptions(batch_size=4))
    assert [len(batch) for batch in batches] == [4] * 8 + [4, 2]
    assert batches[:4] == [sorted(batch) for batch in batches[:4]]
    assert [size for batch in batches[:4] for size in batch] == sorted(record.size for record in mixed.records[:16])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_chunk_is_the_same_alone_and_among_others(mixed, make_method, workers):
    method = make_method(card=RESTORES, restore=draws, cost=costs)
    options = InferenceOptions(workers=workers)
    every = run(method, mixed, InferenceOptions())
    for chunk in (Chunk(16, 32), Chunk(32, 38)):
        (alone,) = run(method, mixed, options, [chunk]).values()
        assert encoded(alone) == encoded(every[chunk])


def test_loading_ahead_in_a_thread_changes_nothing(mixed, make_method, monkeypatch):
    """Neither the global generators from which methods draw nor the method's number of threads."""
    threads = []

    def restore(self, batch):
        threads.append(torch.get_num_threads())
        return draws(self, batch)

    method = make_method(card=RESTORES, restore=restore)
    plain = run(method, mixed, InferenceOptions())

    def ahead(dataset, batches, *, clean, workers, device):
        return load_ahead(dataset, batches, clean=clean, device=device)

    monkeypatch.setattr("lqbench.benchmark.inference.load_batches", ahead)
    assert {chunk: encoded(result) for chunk, result in run(method, mixed, InferenceOptions()).items()} == {
        chunk: encoded(result) for chunk, result in plain.items()
    }
    assert set(threads) == {torch.get_num_threads()}


def test_chunks_come_as_soon_as_they_are_done_and_progress_before_them(mixed, make_method):
    method, images = make_method(), []
    running = run_chunks(
        method(MethodSettings()),
        mixed,
        chunks_of(38, 4),
        InferenceOptions(),
        on_images=images.append,
        on_notice=pytest.fail,
    )
    with closing(running):
        chunk, result = next(running)
        assert chunk == Chunk(0, 16)
        assert result.detections["image"].max() == 15
        assert images == [4] * 4
        assert len(method.seen) == 16


def test_stopping_early_ends_the_loading_thread(mixed, make_method, monkeypatch):
    monkeypatch.setattr(
        "lqbench.benchmark.inference.load_batches",
        lambda dataset, batches, *, clean, workers, device: load_ahead(dataset, batches, clean=clean, device=device),
    )
    before = set(threading.enumerate())
    running = run_chunks(
        make_method()(MethodSettings()),
        mixed,
        chunks_of(38, 4),
        InferenceOptions(),
        on_images=lambda _: None,
        on_notice=pytest.fail,
    )
    next(running)
    running.close()
    assert set(threading.enumerate()) <= before


def test_a_cell_goes_on_from_the_chunks_that_are_kept(mixed, make_method, tmp_path):
    partial = Partial(tmp_path / "cell", {"batch_size": 4})
    method = make_method(card=RESTORES, restore=draws)
    for chunk, result in run(method, mixed, InferenceOptions(), [Chunk(0, 16)]).items():
        partial.write(chunk, result)
    whole = merge([*run(method, mixed, InferenceOptions()).values()])
    missing = [chunk for chunk in chunks_of(len(mixed), 4) if not partial.has(chunk)]
    assert missing == [Chunk(16, 32), Chunk(32, 38)]
    for chunk, result in run(method, mixed, InferenceOptions(), missing).items():
        partial.write(chunk, result)
    assert encoded(merge([partial.read(chunk) for chunk in chunks_of(len(mixed), 4)])) == encoded(whole)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=80),
    st.integers(1, 20),
    st.data(),
)
def test_batches_hold_each_image_of_their_chunk_once_and_are_never_too_large(sizes, batch_size, data):
    chunks = chunks_of(len(sizes), batch_size)
    batches = {chunk: sized_batches(chunk, batch_size, sizes) for chunk in chunks}
    for chunk, own in batches.items():
        assert sorted(index for batch in own for index in batch) == list(range(chunk.first, chunk.stop))
        assert all(len(batch) == batch_size for batch in own[:-1])
        assert 1 <= len(own[-1]) <= batch_size
        ordered = [sizes[index] for batch in own for index in batch]
        assert ordered == sorted(ordered)
    chosen = data.draw(st.sampled_from(chunks))
    changed = [(1, 1) if not chosen.first <= index < chosen.stop else size for index, size in enumerate(sizes)]
    assert sized_batches(chosen, batch_size, changed) == batches[chosen]


@given(st.integers(1, 100), st.integers(1, 20))
def test_images_of_one_size_keep_their_order(images, batch_size):
    for chunk in chunks_of(images, batch_size):
        expected = [list(places) for places in batches_of(chunk, batch_size)]
        assert sized_batches(chunk, batch_size, [(7, 9)] * images) == expected
