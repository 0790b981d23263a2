"""The runner: nothing is computed twice, nothing is lost, a failure stays where it happened."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from lqbench.benchmark import runner
from lqbench.benchmark.analysis.frames import results_frame
from lqbench.benchmark.buckets import batches_of
from lqbench.benchmark.evaluate import rescore
from lqbench.benchmark.inference import CHUNK_IMAGES, chunks_of
from lqbench.benchmark.runner import RunOptions, run_cells
from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.errors import UserError
from lqbench.datasets.types import Detections
from lqbench.methods.sr.cost import Cost
from lqbench.results.partial import Chunk
from lqbench.results.store import Store

OPTIONS = RunOptions(batch_size=4, command=("lqbench", "run"))


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.open(tmp_path / "store")


def cell_of(group):
    return group.jobs[0].cell


def detections_bytes(store, cell):
    return (store.cell_path(cell) / "detections.parquet").read_bytes()


def test_a_cell_is_computed_scored_and_recorded(store, dataset, make_method, make_group, messages):
    method = make_method()
    group = make_group(method, dataset)
    (outcome,) = run_cells([group], store, OPTIONS, messages)
    record = outcome.record
    assert outcome.state == "computed"
    assert sorted(method.seen, key=int) == [str(number) for number in range(1, 21)]
    assert (record.images, record.images_official, record.detections) == (20, 5000, 40)
    assert record.metrics is not None
    assert record.metrics.values["AP"] is not None
    assert set(record.seconds) == {"setup", "load", "detect", "score"}
    assert record.provenance.command == ("lqbench", "run")
    assert record.cost is None
    assert store.record(cell_of(group)) == record
    assert messages.started == [("fake on coco-d", 0, 20)]
    assert messages.advanced == 20
    assert list((store.path / "partial").iterdir()) == []
    assert list((store.path / "locks").iterdir()) == []


def test_a_second_identical_run_does_nothing(store, dataset, make_method, make_group, messages):
    method = make_method()
    group = make_group(method, dataset)
    (first,) = run_cells([group], store, OPTIONS, messages)
    (second,) = run_cells([group], store, OPTIONS, messages)
    assert second.state == "stored"
    assert second.record == first.record
    assert method.built == 1
    assert len(method.seen) == 20
    assert messages.lines[-1] == "fake on coco-d: already done"


def test_redo_computes_again(store, dataset, make_method, make_group, messages):
    method = make_method()
    group = make_group(method, dataset)
    run_cells([group], store, OPTIONS, messages)
    (outcome,) = run_cells([group], store, RunOptions(redo=True), messages)
    assert outcome.state == "computed"
    assert len(method.seen) == 40


def test_redo_mends_a_damaged_cell(store, dataset, make_method, make_group, messages):
    group = make_group(make_method(), dataset)
    run_cells([group], store, OPTIONS, messages)
    path = store.cell_path(cell_of(group)) / "detections.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="--always"):
        run_cells([group], store, OPTIONS, messages)
    run_cells([group], store, RunOptions(redo=True), messages)
    assert store.has(cell_of(group))


def test_a_method_is_constructed_once_for_all_its_datasets(store, coco_root, make_method, make_group, messages):
    method = make_method()
    datasets = [open_dataset("coco-d", data_root=coco_root, limit=limit) for limit in (2, 3, 5)]
    outcomes = run_cells([make_group(method, *datasets)], store, OPTIONS, messages)
    assert [outcome.record.images for outcome in outcomes] == [2, 3, 5]
    assert method.built == 1


@pytest.mark.parametrize("stop_at", ["1", "10", "17", "20"])
def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, dataset, make_method, make_group, messages, stop_at):
    whole, broken = Store.open(tmp_path / "whole"), Store.open(tmp_path / "broken")
    group = make_group(make_method(card={"restores": True}, restore=noisy_copy), dataset)
    run_cells([group], whole, OPTIONS, messages)
    stopped = make_method(card={"restores": True}, restore=noisy_copy, fail_at=stop_at, error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_cells([make_group(stopped, dataset)], broken, OPTIONS, messages)
    assert broken.records() == []
    assert list((broken.path / "locks").iterdir()) == []
    again = make_method(card={"restores": True}, restore=noisy_copy)
    run_cells([make_group(again, dataset)], broken, OPTIONS, messages)
    done_before = (int(stop_at) - 1) // CHUNK_IMAGES * CHUNK_IMAGES
    assert sorted(again.seen, key=int) == [str(number) for number in range(done_before + 1, 21)]
    cell = cell_of(group)
    assert detections_bytes(broken, cell) == detections_bytes(whole, cell)
    quality = [(store.cell_path(cell) / "quality.parquet").read_bytes() for store in (whole, broken)]
    assert quality[0] == quality[1]


def noisy_copy(self, batch):
    """Restore to noise drawn from torch's global generator, which the runner seeds."""
    return [torch.randint(0, 256, (3, *s.record.clean_size), dtype=torch.uint8) for s in batch.samples]


def test_chunks_of_another_batch_size_are_not_mixed_in(store, dataset, make_method, make_group, messages):
    stopped = make_method(fail_at="18", error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_cells([make_group(stopped, dataset)], store, OPTIONS, messages)
    again = make_method()
    run_cells([make_group(again, dataset)], store, RunOptions(batch_size=8), messages)
    assert len(again.seen) == 20


def test_a_failing_cell_does_not_stop_the_others(store, dataset, make_method, make_group, messages):
    bad, good = make_method("bad", fail_at="7"), make_method("good")
    groups = [make_group(bad, dataset), make_group(good, dataset)]
    outcomes = run_cells(groups, store, OPTIONS, messages)
    assert [outcome.state for outcome in outcomes] == ["failed", "computed"]
    error = outcomes[0].record.error
    assert "bad failed on image 7 " in error.splitlines()[-1]
    assert error.splitlines()[-1].endswith("ValueError: this image is too much")
    assert "in _one" in error
    assert not store.has(cell_of(groups[0]))
    assert store.record(cell_of(groups[0])).status == "failed"
    assert any("failed on image 7" in line for line in messages.lines)


def test_a_failed_cell_is_tried_again(store, dataset, make_method, make_group, messages):
    run_cells([make_group(make_method(fail_at="7"), dataset)], store, OPTIONS, messages)
    (outcome,) = run_cells([make_group(make_method(), dataset)], store, OPTIONS, messages)
    assert outcome.state == "computed"
    assert [record.status for record in store.records()] == ["done"]


def test_a_failing_setup_fails_all_cells_of_the_method_once(store, coco_root, make_method, make_group, messages):
    def setup(self, device, weights):
        type(self).built += 1
        raise RuntimeError("no such layer")

    method = make_method("bad", setup=setup)
    datasets = [open_dataset("coco-d", data_root=coco_root, limit=limit) for limit in (2, 3)]
    outcomes = run_cells([make_group(method, *datasets)], store, OPTIONS, messages)
    assert [outcome.state for outcome in outcomes] == ["failed", "failed"]
    assert method.built == 1


def test_a_mistake_of_the_user_fails_its_cell_in_its_own_words(store, dataset, make_method, make_group, messages):
    def setup(self, device, weights):
        raise UserError("these are weights of another architecture")

    groups = [make_group(make_method("bad", setup=setup), dataset), make_group(make_method("good"), dataset)]
    bad, good = run_cells(groups, store, OPTIONS, messages)
    assert (bad.state, bad.mistake, good.state, good.mistake) == ("failed", True, "computed", False)
    assert bad.record is not None
    assert bad.record.error == "these are weights of another architecture"
    assert not store.has(cell_of(groups[0]))
    assert list((store.path / "locks").iterdir()) == []


def test_teardown_is_called_once_also_after_a_failure(store, dataset, make_method, make_group, messages):
    calls = []
    method = make_method(fail_at="1", teardown=lambda self: calls.append(1))
    run_cells([make_group(method, dataset)], store, OPTIONS, messages)
    assert calls == [1]


def test_a_failing_teardown_is_told_and_harms_nothing(store, dataset, make_method, make_group, messages):
    def teardown(self):
        raise RuntimeError("still busy")

    (outcome,) = run_cells([make_group(make_method(teardown=teardown), dataset)], store, OPTIONS, messages)
    assert outcome.state == "computed"
    assert messages.lines[-1] == "fake: teardown failed: RuntimeError: still busy"


def one_too_few(batch):
    return [Detections.empty()] * (len(batch) - 1)


def boxes(*xyxy, score=0.5, label=0):
    count = len(xyxy)
    array = np.array(xyxy, np.float32).reshape(-1, 4)
    return lambda batch: [Detections(array, np.full(count, score, np.float32), np.full(count, label))] * len(batch)


def rising(batch):
    return [Detections(np.zeros((2, 4), np.float32), np.array([0.1, 0.2], np.float32), np.zeros(2, int))] * len(batch)


@pytest.mark.parametrize(
    ("detect", "complaint"),
    [
        (one_too_few, "returned 3 results for 4 images"),
        (lambda batch: None, "returned NoneType, not a list"),
        (lambda batch: [None] * len(batch), "returned a NoneType where Detections belongs"),
        (boxes([0, 0, np.nan, 1]), "image 10: box 0 is not finite"),
        (boxes([0, 0, 1, 1], score=1.5), r"score 0 is not in \[0, 1\]"),
        (boxes([0, 0, 1, 1], score=np.nan), r"score 0 is not in \[0, 1\]"),
        (boxes([0, 0, 1, 1], label=80), "label 80 of box 0 is none of the 80 classes"),
        (boxes([0, 0, 1, 1], label=-1), "label -1 of box 0 is none of the 80 classes"),
        (boxes([0, 0, 1, 1], [5, 0, 4, 1]), "box 1 has x2 < x1"),
        (boxes([0, 0, 1e4, 1]), "box 0 leaves the .* image, clip it"),
        (rising, "the scores do not descend"),
    ],
)
def test_malformed_output_fails_the_cell(store, dataset, make_method, make_group, messages, detect, complaint):
    method = make_method(detect=lambda self, batch: detect(batch))
    (outcome,) = run_cells([make_group(method, dataset)], store, OPTIONS, messages)
    assert outcome.state == "failed"
    last = outcome.record.error.splitlines()[-1]
    assert "MalformedOutputError: fake.detect" in last
    assert re.search(complaint, last), last


def test_restored_images_are_measured_and_stored(store, dataset, make_method, make_group, messages):
    def restore(self, batch):
        assert all(sample.clean is None for sample in batch.samples)
        return [torch.full((3, *sample.record.clean_size), 127, dtype=torch.uint8) for sample in batch.samples]

    group = make_group(make_method(card={"restores": True}, restore=restore), dataset)
    (outcome,) = run_cells([group], store, OPTIONS, messages)
    quality = store.quality(cell_of(group))
    assert quality is not None
    assert quality["image"].tolist() == list(range(20))
    assert outcome.record.metrics is not None
    assert outcome.record.metrics.values["PSNR_Y"] == pytest.approx(quality["PSNR_Y"].mean())
    assert outcome.record.metrics.values["SSIM_Y"] == pytest.approx(quality["SSIM_Y"].mean())
    assert outcome.record.metrics.values["PSNR_RGB"] == pytest.approx(quality["PSNR_RGB"].mean())
    assert outcome.record.metrics.values["SSIM_RGB"] == pytest.approx(quality["SSIM_RGB"].mean())
    assert {"restore", "quality"} <= set(outcome.record.seconds)


def test_a_border_can_be_left_out_of_image_quality(store, dataset, make_method, make_group, messages):
    """Chunks that an interrupted run measured with another border are not mixed in."""

    def restore(self, batch):
        return [torch.full((3, *sample.record.clean_size), 127, dtype=torch.uint8) for sample in batch.samples]

    stopped = make_method(card={"restores": True}, restore=restore, fail_at="18", error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_cells([make_group(stopped, dataset)], store, OPTIONS, messages)
    group = make_group(make_method(card={"restores": True}, restore=restore), dataset)
    run_cells([group], store, replace(OPTIONS, crop=4), messages)
    quality = store.quality(cell_of(group))
    assert quality is not None
    assert list(quality) == ["image", "PSNR_Y_crop4", "SSIM_Y_crop4", "PSNR_RGB_crop4", "SSIM_RGB_crop4"]
    assert quality["image"].tolist() == list(range(20))


def test_the_cost_of_restoring_is_recorded_where_the_method_tells(store, dataset, make_method, make_group, messages):
    def cost(self, sample):
        assert sample.clean is None
        return Cost(flops=10**10 * (sample.record.index + 1), parameters=123)

    (outcome,) = run_cells([make_group(make_method(cost=cost), dataset)], store, OPTIONS, messages)
    assert outcome.record.cost is not None
    assert outcome.record.cost.model_dump() == {"flops_mean": 10.5e10, "flops_max": 20 * 10**10, "parameters": 123}
    frame = results_frame([outcome.record]).set_index("metric")
    assert frame.loc["restoration_flops_mean", "value"] == 10.5e10


@pytest.mark.parametrize("shape", [(3, 10, 10), (64, 96, 3)])
def test_a_restored_image_of_another_shape_fails_the_cell(store, dataset, make_method, make_group, messages, shape):
    def restore(self, batch):
        return [torch.zeros(shape, dtype=torch.uint8)] * len(batch)

    method = make_method(card={"restores": True}, restore=restore)
    (outcome,) = run_cells([make_group(method, dataset)], store, OPTIONS, messages)
    assert "fake.restore, image 10: expected uint8 (3, 64, 96)" in outcome.record.error


def test_an_oracle_sees_clean_images(store, dataset, make_method, make_group, messages):
    (outcome,) = run_cells([make_group(make_method(card={"needs_clean": True}), dataset)], store, OPTIONS, messages)
    assert outcome.state == "computed"


def test_scoring_again_equals_the_first_score(store, dataset, make_method, make_group, messages):
    group = make_group(make_method(), dataset)
    (outcome,) = run_cells([group], store, OPTIONS, messages)
    assert rescore(store, store.record(cell_of(group))) == outcome.record
    assert store.record(cell_of(group)) == outcome.record


def test_scoring_refuses_edited_detections(store, dataset, make_method, make_group, messages):
    group = make_group(make_method(), dataset)
    (outcome,) = run_cells([group], store, OPTIONS, messages)
    path = store.cell_path(cell_of(group)) / "detections.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(UserError, match="was edited"):
        rescore(store, outcome.record)


def test_two_launchers_on_one_store_do_each_cell_once(store, coco_root, make_method, make_group, messages, monkeypatch):
    monkeypatch.setattr(runner, "POLL_SECONDS", 0.02)
    datasets = [open_dataset("coco-d", data_root=coco_root, limit=limit) for limit in (2, 3)]
    started, go_on = threading.Event(), threading.Event()
    method = make_method()

    def slow_setup(self, device, weights):
        started.set()
        assert go_on.wait(30)

    slow = make_method(setup=slow_setup, seen=method.seen)
    first = threading.Thread(
        target=run_cells, args=([make_group(slow, *datasets)], Store(store.path), OPTIONS, messages)
    )
    first.start()
    assert started.wait(30)
    threading.Timer(0.2, go_on.set).start()
    outcomes = run_cells([make_group(method, *datasets)], store, OPTIONS, messages)
    first.join(30)
    assert sorted(method.seen) == sorted(["1", "2", "1", "2", "3"])
    assert outcomes[0].state == "stored"
    assert any("is computing it; waiting" in line for line in messages.lines)


def test_a_long_run_keeps_its_claim_alive(store, dataset, make_method, make_group, messages):
    ages = []

    def advance(title, images):
        (lock,) = (store.path / "locks").iterdir()
        ages.append(time.time() - lock.stat().st_mtime)

    messages.advance = advance
    run_cells([make_group(make_method(), dataset)], store, OPTIONS, messages)
    assert len(ages) == 5
    assert max(ages) < 1


@pytest.mark.parametrize(("batch_size", "length"), [(1, 16), (4, 16), (5, 20), (16, 16), (24, 24)])
def test_chunks_hold_whole_batches_and_every_image_once(batch_size, length):
    chunks = chunks_of(50, batch_size)
    assert chunks[0] == Chunk(0, length)
    indices = [index for chunk in chunks for batch in batches_of(chunk, batch_size) for index in batch]
    assert indices == list(range(50))
    assert all(len(batch) == batch_size for batch in batches_of(chunks[0], batch_size))
