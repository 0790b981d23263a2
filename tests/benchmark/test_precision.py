"""Number formats: autocast where asked for, boxes and scores in single precision all the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lqbench.benchmark.checks import MalformedOutputError
from lqbench.benchmark.inference import InferenceOptions, chunks_of, run_chunks
from lqbench.benchmark.plan import make_plan
from lqbench.benchmark.precision import PRECISIONS, check_precision, computing_in
from lqbench.benchmark.request import Request
from lqbench.datasets.errors import UserError
from lqbench.datasets.types import Detections
from lqbench.methods.base import MethodSettings
from lqbench.results.partial import merge


def run(method, dataset, precision):
    options = InferenceOptions(precision=precision)
    chunks = chunks_of(len(dataset), options.batch_size)
    results = run_chunks(method, dataset, chunks, options, on_images=lambda _: None, on_notice=pytest.fail)
    return merge([result for _, result in results])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_detecting_and_restoring_compute_in_the_format_asked_for(dataset, make_method, precision):
    seen = []

    def note():
        seen.append(torch.ones(2, 2) @ torch.ones(2, 2))

    def detect(self, batch):
        note()
        return [Detections.empty()] * len(batch)

    def restore(self, batch):
        note()
        return [torch.zeros((3, *sample.record.clean_size), dtype=torch.uint8) for sample in batch.samples]

    method = make_method(card={"restores": True}, detect=detect, restore=restore)(MethodSettings())
    run(method, dataset, precision)
    assert {str(product.dtype) for product in seen} == {f"torch.{precision}"}
    assert len(seen) == 10
    assert not torch.is_autocast_enabled("cpu")


def test_single_precision_leaves_a_methods_own_choice_alone():
    with torch.autocast("cpu", dtype=torch.bfloat16), computing_in("float32", "cpu"):
        assert torch.is_autocast_enabled("cpu")


def test_formats_that_do_not_fit_are_refused_in_one_sentence():
    for precision in PRECISIONS:
        check_precision(precision, "cuda:0")
    check_precision("bfloat16", "cpu")
    with pytest.raises(UserError, match="float16 is for GPUs") as caught:
        check_precision("float16", "cpu")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="write float32, bfloat16 or float16"):
        check_precision("half", "cpu")


def test_running_refuses_them_too(dataset, make_method):
    with pytest.raises(UserError, match="float16 is for GPUs"):
        run(make_method()(MethodSettings()), dataset, "float16")


@pytest.mark.parametrize("name", ["boxes", "scores"])
def test_half_precision_results_are_malformed(dataset, make_method, name):
    boxes = np.zeros((1, 4), np.float16 if name == "boxes" else np.float32)
    scores = np.ones(1, np.float16 if name == "scores" else np.float32)
    found = Detections(boxes, scores, np.zeros(1, int))  # pyright: ignore[reportArgumentType]
    method = make_method(detect=lambda self, batch: [found] * len(batch))(MethodSettings())
    with pytest.raises(MalformedOutputError, match=f"image \\d+: the {name} are float16, not float32"):
        run(method, dataset, "bfloat16")


def test_the_bundled_detector_returns_single_precision_close_to_its_own():
    (group,) = make_plan(Request(("lr",), ("scenes-d",), limit=4))
    method = group.method(group.settings)
    method.setup("cpu", group.weights)
    dataset = group.jobs[0].dataset
    full, half = (run(method, dataset, precision).detections for precision in ("float32", "bfloat16"))
    assert half.dtypes.equals(full.dtypes)
    best = [frame[frame["image"] == 0].iloc[0] for frame in (full, half)]
    assert best[0]["label"] == best[1]["label"]
    assert best[1]["score"] == pytest.approx(best[0]["score"], abs=0.05)
    assert best[1][["x1", "y1", "x2", "y2"]].tolist() == pytest.approx(
        best[0][["x1", "y1", "x2", "y2"]].tolist(), abs=3
    )
    assert not half.equals(full)
    assert (half["score"].to_numpy().astype(np.float16) != half["score"].to_numpy()).any()
