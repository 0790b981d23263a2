from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.methods.aeris.config import model_config
from lqbench.methods.aeris.decode import decode, find_objects, pad_at_end, pad_centred
from lqbench.methods.aeris.head import HeadMaps
from lqbench.methods.aeris.net import AerisNet

SIDES = st.integers(1, 130)


def maps(heat: torch.Tensor, size: tuple[float, float] = (2, 4), offset: tuple[float, float] = (0.5, 0.25)) -> HeadMaps:
    ones = torch.ones(1, 2, *heat.shape[-2:])
    return HeadMaps(
        torch.logit(heat)[None],
        ones * torch.tensor(size)[:, None, None],
        ones * torch.tensor(offset)[:, None, None],
    )


def flat(classes: int = 2, value: float = 0.001) -> torch.Tensor:
    """Return a heat map without peaks but one: values fall off from the first cell."""
    slope = torch.linspace(value, value / 2, 6 * 8).view(6, 8)
    return slope.expand(classes, 6, 8).clone()


@given(SIDES, SIDES, st.sampled_from([32, 64]))
def test_the_frame_is_larger_and_the_image_in_its_middle(height: int, width: int, divisor: int) -> None:
    image = torch.rand(3, height, width) + 0.1
    padded, (left, top) = pad_centred(image, divisor)
    assert padded.shape[-2] % divisor == padded.shape[-1] % divisor == 0
    assert 0 < padded.shape[-2] - height <= divisor and 0 < padded.shape[-1] - width <= divisor
    assert torch.equal(padded[:, top : top + height, left : left + width], image)
    assert int((padded > 0).sum()) == image.numel()
    assert abs((padded.shape[-1] - width - left) - left) <= 1


@given(SIDES, SIDES)
def test_for_restoration_the_image_stays_at_the_top_left(height: int, width: int) -> None:
    image = torch.rand(1, 3, height, width)
    padded = pad_at_end(image, 32)
    assert padded.shape[-2] % 32 == padded.shape[-1] % 32 == 0
    assert torch.equal(padded[..., :height, :width], image)
    assert torch.equal(padded[..., -1, :width], image[..., -1, :])


def test_a_box_lies_around_cell_and_offset() -> None:
    heat = flat()
    heat[1, 2, 3] = 0.8
    peaks = decode(maps(heat))
    # Centre (3 + 0.5, 2 + 0.25), size 2 x 4, all times 4.
    torch.testing.assert_close(peaks.xyxy[0], torch.tensor([10.0, 1.0, 18.0, 17.0]))
    assert int(peaks.labels[0]) == 1
    torch.testing.assert_close(peaks.scores[0], torch.tensor(0.8))


def test_neighbours_of_a_peak_are_left_out() -> None:
    heat = flat(classes=1)
    heat[0, 2, 3], heat[0, 2, 4], heat[0, 4, 6] = 0.8, 0.7, 0.6
    found = decode(maps(heat)).scores
    torch.testing.assert_close(found[:2], torch.tensor([0.8, 0.6]))
    assert bool((found[2:] < 0.1).all())


def test_at_most_a_hundred_best_first_and_none_of_score_zero() -> None:
    heat = torch.rand(20, 30, 30, generator=torch.Generator().manual_seed(0)).clamp(0.01, 0.99)
    peaks = decode(maps(heat))
    assert len(peaks.scores) == 100
    assert bool((peaks.scores[:-1] >= peaks.scores[1:]).all())
    assert 0 < len(decode(maps(flat())).scores) < 100
    assert bool((decode(maps(flat())).scores > 0).all())


@given(SIDES, SIDES)
@settings(max_examples=10, deadline=None)
@torch.no_grad()
def test_any_size_of_image_is_taken(height: int, width: int) -> None:
    net = AerisNet(model_config("centernet", "mini"), classes=2).eval()
    peaks = find_objects(net, torch.rand(3, height, width))
    assert len(peaks.scores) > 0 and bool(peaks.xyxy.isfinite().all())


@torch.no_grad()
def test_only_the_channels_asked_for_count() -> None:
    net = AerisNet(model_config("aeris", "mini"), classes=4).eval()
    image = torch.rand(3, 50, 70, generator=torch.Generator().manual_seed(0))
    every, some = find_objects(net, image), find_objects(net, image, torch.tensor([3, 1]))
    assert set(some.labels.tolist()) <= {0, 1}
    wanted = {
        (round(float(s), 5), {3: 0, 1: 1}[int(c)])
        for s, c in zip(every.scores, every.labels, strict=True)
        if int(c) in (1, 3)
    }
    found = {(round(float(s), 5), int(c)) for s, c in zip(some.scores, some.labels, strict=True)}
    assert wanted <= found
