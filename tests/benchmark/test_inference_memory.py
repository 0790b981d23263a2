"""GPU memory that runs out: smaller batches, the same numbers, a note; one image too many is told by name."""

from __future__ import annotations

import sys

import pytest
import torch

from lqbench.benchmark import batch_run
from lqbench.benchmark.failures import MethodFailureError
from lqbench.benchmark.gpu_memory import is_device_lost, is_out_of_memory
from lqbench.benchmark.inference import InferenceOptions, chunks_of, run_chunks
from lqbench.datasets.dataset import open_dataset
from lqbench.methods.base import MethodSettings
from lqbench.results.partial import merge

NOTE = (
    "batch size halved from {} to {} at image {} (index {}): out of GPU memory; detections of an image do not depend "
    "on its batch beyond rounding"
)


@pytest.fixture
def dataset(coco_root):
    """Images of one size, so that batches are in the dataset's order."""
    return open_dataset("coco-d-noise", data_root=coco_root)


def limited(make_method, most, error=None, **attributes):
    """Return a fake method whose GPU holds so many images at most, and the list of batch sizes it was asked."""
    base = make_method(**attributes)
    asked = []

    def detect(self, batch):
        asked.append(len(batch))
        if len(batch) > most:
            raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return super(method, self).detect(batch)

    method = type("Limited", (base,), {"detect": detect})
    return method, asked


def run(method, dataset, batch_size, notices=None):
    options = InferenceOptions(batch_size=batch_size)
    chunks = chunks_of(len(dataset), batch_size)
    counted = []
    results = run_chunks(
        method(MethodSettings()),
        dataset,
        chunks,
        options,
        on_images=counted.append,
        on_notice=[].append if notices is None else notices.append,
    )
    merged = merge([result for _, result in results])
    assert sum(counted) == len(dataset)
    return merged


def test_the_batch_is_halved_for_the_rest_and_the_numbers_stay(dataset, make_method):
    method, asked = limited(make_method, 3)
    notices = []
    result = run(method, dataset, 8, notices)
    assert asked == [8, 4, 2, 2, 2, 2, *[2] * 4, *[2] * 2]
    assert result.notes == notices == [NOTE.format(8, 4, 1, 0), NOTE.format(4, 2, 1, 0)]
    assert result.detections.equals(run(make_method(), dataset, 8).detections)


def test_a_large_image_later_on_is_named(dataset, make_method):
    def detect(self, batch):
        if len(batch) > 2 and any(sample.record.image_id == "10" for sample in batch.samples):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return plain.detect(self, batch)

    plain = make_method()
    result = run(type("Fake", (plain,), {"detect": detect}), dataset, 4)
    assert result.notes == [NOTE.format(4, 2, 9, 8)]
    assert plain.seen == [str(number) for number in range(1, 21)]


def test_memory_that_runs_out_while_restoring_does_the_whole_part_again(dataset, make_method):
    def restore(self, batch):
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return [torch.zeros((3, *sample.record.clean_size), dtype=torch.uint8) for sample in batch.samples]

    method = make_method(card={"restores": True}, restore=restore)
    result = run(method, dataset, 4)
    assert result.quality["image"].tolist() == list(range(20))
    assert len(result.detections) == 40
    assert result.notes == [NOTE.format(4, 2, 1, 0)]


def test_memory_is_freed_after_the_error_is_gone(dataset, make_method, monkeypatch):
    """A handled error holds the frames of the call, and with them the tensors that should be freed."""
    method, _ = limited(make_method, 3)
    held = []
    monkeypatch.setattr(batch_run, "free_gpu_memory", lambda: held.append(sys.exc_info()[1]))
    run(method, dataset, 4)
    assert held == [None]


def test_one_image_that_does_not_fit_is_a_failure_that_names_it(dataset, make_method):
    method, asked = limited(make_method, 0)
    with pytest.raises(MethodFailureError) as caught:
        run(method, dataset, 4)
    record = dataset.records[0]
    height, width = record.size
    assert str(caught.value) == (
        f"fake ran out of GPU memory on image 1 (index 0, {record.file}, {width} x {height}) alone: "
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB."
    )
    assert isinstance(caught.value.__cause__, torch.OutOfMemoryError)
    assert asked == [4, 2, 1]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 7.79 GiB total capacity)"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5.05 GB)"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (MemoryError("CUDA out of memory"), False),
        (ValueError("CUDA out of memory"), False),
    ],
)
def test_only_gpu_memory_counts(error, expected):
    assert is_out_of_memory(error) is expected


def test_a_machine_without_memory_is_no_reason_for_smaller_batches(dataset, make_method):
    method, asked = limited(make_method, 3, MemoryError("no"))
    with pytest.raises(MethodFailureError, match="a batch of 4 that fails only together"):
        run(method, dataset, 4)
    assert asked == [4, 1, 1, 1, 1]


def test_a_lost_gpu_is_not_asked_again(dataset, make_method):
    error = RuntimeError("CUDA error: device-side assert triggered")
    assert is_device_lost(error)
    assert not is_device_lost(RuntimeError("CUDA error: out of memory"))
    method, asked = limited(make_method, 0, error)
    with pytest.raises(MethodFailureError, match=r"image 1 \(.*image 4 \(.*cannot be used any more"):
        run(method, dataset, 4)
    assert asked == [4]
