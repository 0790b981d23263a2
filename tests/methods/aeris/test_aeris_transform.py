from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.datasets.degradations.functional import gaussian_blur, gaussian_kernels
from lqbench.datasets.degradations.kernels import gaussian_kernel
from lqbench.methods.aeris.transform import Draws, InModelDegradation, TransformConfig, blur, blur_and_resize

Mode = Literal["all", "nb", "resolution"]
BOXES = torch.tensor([[8.0, 16.0, 40.0, 48.0], [0.0, 0.0, 64.0, 96.0]])


def images(count: int = 6, height: int = 64, width: int = 96) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def draws_of(case: dict, size: tuple[int, int]) -> Draws:
    """Turn a golden case's draws into those of a batch of one."""
    kernels = torch.zeros(0, 1, 1)
    if case["kernel"]:
        side, *rest = case["kernel"]
        kernels = torch.from_numpy(gaussian_kernel(side, *rest)).float()[None]
    return Draws(size, torch.arange(len(kernels)), kernels, (case["interpolation"],), torch.zeros(1))


def test_it_degrades_as_the_released_code_does(shared_golden: Path) -> None:
    arrays = np.load(shared_golden / "aeris_degradation.npz")
    cases = json.loads((shared_golden / "aeris_degradation.json").read_text())["cases"]
    clean = torch.from_numpy(arrays["image"])[None]
    for case in cases:
        noise, wanted = (torch.from_numpy(arrays[f"{name}{case['case']}"]) for name in ("noise", "out"))
        found = blur_and_resize(clean, draws_of(case, tuple(case["size"])))[0] + noise
        assert (found - wanted).abs().max() < 1e-5


def test_kernels_of_a_batch_are_those_of_the_released_code(shared_golden: Path) -> None:
    arrays = np.load(shared_golden / "aeris_kernels.npz")
    cases = json.loads((shared_golden / "aeris_kernels.json").read_text())["cases"]
    first = torch.tensor([case["variance1"] for case in cases], dtype=torch.float64)
    second = torch.tensor([case["variance2"] or case["variance1"] for case in cases], dtype=torch.float64)
    theta = torch.tensor([case["theta"] or 0.0 for case in cases], dtype=torch.float64)
    kernels = gaussian_kernels(torch.tensor([case["size"] for case in cases]), first, second, theta)
    for case, kernel in zip(cases, kernels, strict=True):
        margin = (kernel.shape[0] - case["size"]) // 2
        inner = kernel[margin : margin + case["size"], margin : margin + case["size"]]
        assert np.abs(inner.numpy() - arrays[case["key"]]).max() < 1e-9
        assert abs(float(kernel.sum() - inner.sum())) < 1e-12


def test_one_convolution_blurs_as_the_transform_does() -> None:
    sizes, variance = torch.tensor([7, 21, 13]), torch.tensor([2.4, 6.0, 0.3])
    kernels = gaussian_kernels(sizes, variance, variance / 2, torch.tensor([0.3, 2.0, 1.0]))
    clean = images(3)
    assert (blur(clean, kernels) - gaussian_blur(clean, kernels)).abs().max() < 1e-5


@pytest.mark.parametrize("mode", ["all", "nb", "resolution"])
def test_the_clean_images_stay_clean(mode: Mode) -> None:
    config = TransformConfig(mode=mode, blur_types=("none",), sixteenths=(16,), interpolations=("nearest",))
    clean, boxes = images(), BOXES.clone()
    before = clean.clone()
    degraded = InModelDegradation(config, seed=1)(clean, boxes, step=0)
    assert torch.equal(clean, before)
    assert torch.equal(boxes, BOXES)
    degraded.images.zero_()
    assert torch.equal(clean, before), "the result shares the clean images' memory"


def test_sizes_are_the_thirteen_of_the_paper() -> None:
    sizes = TransformConfig().sizes((512, 512))
    assert sizes == [(32 * k, 32 * k) for k in range(4, 17)]
    assert TransformConfig(mode="nb").sizes((512, 512)) == [(512, 512)]


@given(st.integers(1, 30), st.integers(1, 30))
def test_sizes_of_any_image_fit_the_stride(rows: int, columns: int) -> None:
    clean = (32 * rows, 32 * columns)
    for height, width in TransformConfig().sizes(clean):
        assert height % 32 == width % 32 == 0
        assert 32 <= height <= clean[0]
        assert 32 <= width <= clean[1]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["all", "nb", "resolution"]))
def test_draws_stay_in_their_ranges(step: int, mode: Mode) -> None:
    config = TransformConfig(mode=mode)
    draws = InModelDegradation(config, seed=2).draw(12, (512, 512), step)
    assert draws.size in config.sizes((512, 512))
    assert len(draws.blurred) == len(draws.kernels)
    assert (mode == "resolution") <= (len(draws.blurred) == 0)
    assert 0 <= float(draws.sigma_255.min()) <= float(draws.sigma_255.max()) <= {"all": 25, "nb": 50}.get(mode, 0)
    assert draws.kernels.sum((1, 2)).sub(1).abs().max() < 1e-5 if len(draws.kernels) else True


def test_draws_are_as_often_as_the_paper_says() -> None:
    degradation = InModelDegradation(TransformConfig(), seed=3)
    drawn = [degradation.draw(16, (512, 512), step) for step in range(400)]
    counts = np.bincount([draws.size[0] // 32 for draws in drawn], minlength=17)[4:]
    assert len(counts) == 13
    assert 400 / 13 * 0.4 < counts.min() <= counts.max() < 400 / 13 * 1.8
    assert abs(sum(len(draws.blurred) for draws in drawn) / 6400 - 2 / 3) < 0.03
    modes = [mode for draws in drawn for mode in draws.interpolations]
    assert all(abs(modes.count(mode) / 6400 - 1 / 3) < 0.03 for mode in ("nearest", "bilinear", "bicubic"))
    sigma = torch.cat([draws.sigma_255 for draws in drawn])
    assert abs(float(sigma.mean()) - 12.5) < 0.4
    # The second moment of a kernel is its variance: widths are variances, so the largest is near 6 and not near 36.
    offset = torch.arange(-10, 11).float()
    kernels = torch.cat([draws.kernels for draws in drawn if draws.kernels.shape[1] == 21])
    spread = (kernels.sum(1) * offset**2).sum(1)
    assert 4.5 < float(spread.max()) < 6.1


def test_boxes_follow_the_degraded_size() -> None:
    config = TransformConfig(sixteenths=(8,))
    degraded = InModelDegradation(config, seed=0)(images(2, 128, 192), BOXES, step=5)
    assert degraded.images.shape == (2, 3, 64, 96)
    assert torch.allclose(degraded.boxes, BOXES / 2)
    # 80 is no multiple of 32 and becomes 96: boxes follow the true ratio, not the drawn one.
    odd = InModelDegradation(TransformConfig(sixteenths=(5,)), seed=0)(images(1, 256, 256), BOXES, step=5)
    assert odd.images.shape[2:] == (96, 96)
    assert torch.allclose(odd.boxes, BOXES * 96 / 256)


def test_seed_step_and_rank_decide_everything() -> None:
    def result(seed: int, step: int, rank: int) -> torch.Tensor:
        return InModelDegradation(TransformConfig(sixteenths=(8,)), seed)(images(), BOXES, step, rank).images

    assert torch.equal(result(0, 7, 1), result(0, 7, 1))
    others = [result(1, 7, 1), result(0, 8, 1), result(0, 7, 0)]
    assert all(not torch.equal(result(0, 7, 1), other) for other in others)


def test_ranks_draw_differently_but_agree_on_the_size() -> None:
    degradation = InModelDegradation(TransformConfig(), seed=0)
    for step in range(10):
        first, second = (degradation.draw(8, (512, 512), step, rank) for rank in (0, 1))
        assert first.size == second.size
        assert not torch.equal(first.sigma_255, second.sigma_255)


def test_images_are_degraded_one_by_one() -> None:
    degradation = InModelDegradation(TransformConfig(), seed=4)
    draws = degradation.draw(6, (64, 96), step=1)
    whole = blur_and_resize(images(), draws)
    for index in range(6):
        member = (draws.blurred == index).nonzero()[:, 0]
        single = Draws(
            draws.size,
            torch.zeros(len(member), dtype=torch.int64),
            draws.kernels[member],
            draws.interpolations[index : index + 1],
            draws.sigma_255[index : index + 1],
        )
        assert torch.allclose(blur_and_resize(images()[index : index + 1], single)[0], whole[index], atol=1e-6)


def test_clipping_is_a_choice() -> None:
    loud = {"noise_sigma_255": (80.0, 80.0), "blur_types": ("none",)}
    free = InModelDegradation(TransformConfig(**loud), seed=0)(images(), BOXES, 0).images
    clipped = InModelDegradation(TransformConfig(**loud, clip=True), seed=0)(images(), BOXES, 0).images
    assert free.min() < 0
    assert torch.equal(clipped, free.clamp(0, 1))
