"""Published weights on Set5.

Inputs are Pillow's bicubic reduction, where papers used MATLAB's, which gives about the same figures. VDSR's paper
prints 31.35 dB; the figures of CARN-M are what these weights were measured to give here, far above bicubic's 28.43.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lqbench.benchmark.metrics.quality import psnr_y
from lqbench.methods.sr.base import SrNetwork
from lqbench.methods.sr.checkpoints import load_sr


def pairs(folder: Path, names: tuple[str, ...], scale: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Return the clean and the reduced pixels of the named images."""
    for name in names:
        image = Image.open(folder / "sr" / "Set5" / f"{name}.png").convert("RGB")
        width, height = (side // scale for side in image.size)
        clean = image.crop((0, 0, width * scale, height * scale))
        yield np.asarray(clean), np.array(clean.resize((width, height), Image.Resampling.BICUBIC))


def restored_psnr(network: SrNetwork, folder: Path, names: tuple[str, ...]) -> list[float]:
    """Return the PSNR of luma of each restored image, without a border as wide as the scale, as papers print it."""
    values = []
    for clean, low in pairs(folder, names, network.scale):
        with torch.inference_mode():
            high = network(torch.from_numpy(low).permute(2, 0, 1)[None].float() / 255)
        pixels = (high[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
        values.append(psnr_y(pixels, clean, network.scale))
    return values


SET5 = ("baby", "bird", "butterfly", "head", "woman")


@pytest.mark.parametrize(
    ("file", "network", "scale", "expected", "margin"),
    [
        ("carn_m.pth", "carn-m", 3, 34.07, 0.05),
        ("carn_m.pth", "carn-m", 4, 31.89, 0.05),
        ("vdsr_state_dict.pth", "vdsr", 4, 31.35, 0.2),
    ],
)
def test_set5_is_as_good_as_it_should_be(
    shared_data: Path, file: str, network: str, scale: int, expected: float, margin: float
) -> None:
    loaded, header = load_sr(shared_data / "weights" / file, scale=scale)
    assert header.network == network
    assert np.mean(restored_psnr(loaded, shared_data, SET5)) == pytest.approx(expected, abs=margin)


def test_real_esrgan_gives_the_values_measured_elsewhere(shared_data: Path) -> None:
    path = shared_data / "weights" / "realesrgan_x4plus_rrdbnet_fp16.pth"
    network, header = load_sr(path, "real-esrgan")
    assert (header.network, header.scale, header.options["blocks"]) == ("real-esrgan", 4, 23)
    assert restored_psnr(network, shared_data, ("butterfly",)) == pytest.approx([22.43], abs=0.01)


def test_the_compact_network_is_recognised(shared_data: Path) -> None:
    network, header = load_sr(shared_data / "weights" / "realesr_animevideov3_x4_srvgg.pth")
    assert (header.network, header.scale, header.options["convolutions"]) == ("real-esrgan-compact", 4, 16)
    assert restored_psnr(network, shared_data, ("butterfly",)) == pytest.approx([23.17], abs=0.05)
