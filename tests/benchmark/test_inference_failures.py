"""What a method raises is told with the images on which it did."""

from __future__ import annotations

import pickle
import re

import pytest

from lqbench.benchmark.checks import MalformedOutputError
from lqbench.benchmark.failures import MethodFailureError, failure
from lqbench.benchmark.inference import InferenceOptions, chunks_of, run_chunks
from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.errors import UserError
from lqbench.datasets.types import Detections
from lqbench.methods.base import MethodSettings


@pytest.fixture
def dataset(coco_root):
    """Images of one size, so that batches are in the dataset's order."""
    return open_dataset("coco-d-noise", data_root=coco_root)


def run(method, dataset, batch_size=4):
    chunks = chunks_of(len(dataset), batch_size)
    options = InferenceOptions(batch_size=batch_size)
    return list(
        run_chunks(method(MethodSettings()), dataset, chunks, options, on_images=lambda _: None, on_notice=pytest.fail)
    )


def fails_where(make_method, wrong):
    """Return a fake method that raises for batches of which ``wrong``, told their image ids, is true."""

    def detect(self, batch):
        if wrong([sample.record.image_id for sample in batch.samples]):
            raise ValueError("this image\nis too much")
        return [Detections.empty()] * len(batch)

    return make_method(detect=detect)


def named(dataset, number):
    record = dataset.records[number - 1]
    return f"image {number} (index {number - 1}, {record.file}, {record.size[1]} x {record.size[0]})"


def test_the_one_image_is_found(dataset, make_method):
    with pytest.raises(MethodFailureError) as caught:
        run(fails_where(make_method, lambda ids: "7" in ids), dataset)
    others = ", ".join(named(dataset, number) for number in (5, 6, 8))
    assert str(caught.value) == (
        f"fake failed on {named(dataset, 7)}; the other images of its batch work alone: {others}: "
        "ValueError: this image is too much"
    )
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.__cause__.__traceback__ is not None


def test_a_batch_of_one_names_its_image(dataset, make_method):
    with pytest.raises(MethodFailureError) as caught:
        run(fails_where(make_method, lambda ids: "7" in ids), dataset, batch_size=1)
    assert str(caught.value) == f"fake failed on {named(dataset, 7)}: ValueError: this image is too much"


def test_a_batch_that_fails_only_together_is_told_as_such(dataset, make_method):
    with pytest.raises(MethodFailureError) as caught:
        run(fails_where(make_method, lambda ids: {"7", "8"} <= set(ids)), dataset)
    assert "a batch of 4 that fails only together, each image works alone: image 5 (" in str(caught.value)


def test_a_method_that_fails_on_all_says_so(dataset, make_method):
    with pytest.raises(MethodFailureError, match="each image of a batch of 4, also alone: image 1"):
        run(fails_where(make_method, lambda ids: True), dataset)


def test_a_restoration_that_fails_is_named_too(dataset, make_method):
    def restore(self, batch):
        raise IndexError("no such layer")

    with pytest.raises(MethodFailureError, match="IndexError: no such layer"):
        run(make_method(card={"restores": True}, restore=restore), dataset)


def test_a_mistake_of_the_user_and_an_interruption_stay_what_they_are(dataset, make_method):
    for error in (UserError("these weights are broken"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught:
            run(make_method(fail_at="7", error=error), dataset)
        assert caught.value is error


def test_malformed_output_names_the_images(dataset, make_method):
    with pytest.raises(MalformedOutputError, match="returned 3 results for 4 images: 1, 2, 3, 4"):
        run(make_method(detect=lambda self, batch: [Detections.empty()] * 3), dataset)
    with pytest.raises(MalformedOutputError, match="returned a str where Detections belongs, image 1"):
        run(make_method(detect=lambda self, batch: ["boxes"] * len(batch)), dataset)


def test_long_batches_and_long_messages_are_cut(dataset):
    samples = [dataset.sample(index) for index in range(20)]
    text = str(failure("fake", samples, [], ValueError("x" * 1000)))
    assert len(re.findall(r"image \d+ \(", text)) == 16
    assert " and 4 more: ValueError: xxx" in text
    assert text.endswith("x" * 300 + "...")


def test_failures_travel_between_processes(dataset):
    error = failure("fake", [dataset.sample(0)], [], ValueError("no"))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
