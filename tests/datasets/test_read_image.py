"""Image files become 8-bit RGB as stored, and every failure names the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lqbench.datasets.errors import UserError
from lqbench.datasets.images import file_lengths, image_size, read_image


def photo(height: int = 40, width: int = 60) -> Image.Image:
    ramp = np.linspace(0, 255, height * width * 3).reshape(height, width, 3)
    return Image.fromarray(ramp.astype(np.uint8))


@pytest.mark.parametrize(
    ("mode", "suffix"), [("L", "jpg"), ("CMYK", "jpg"), ("P", "png"), ("RGBA", "png"), ("1", "png")]
)
def test_other_pixel_modes_become_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    photo().convert(mode).save(path)
    pixels = read_image(path, (40, 60))
    assert pixels.shape == (40, 60, 3)
    assert pixels.dtype == np.uint8
    if mode == "L":
        assert (pixels[..., 0] == pixels[..., 2]).all()
    if mode == "RGBA":
        np.testing.assert_array_equal(pixels, np.asarray(photo()))


def test_exif_orientation_is_ignored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    photo().save(tmp_path / "turned.jpg", exif=exif, quality=95)
    photo().save(tmp_path / "plain.jpg", quality=95)
    turned = read_image(tmp_path / "turned.jpg", (40, 60))
    np.testing.assert_array_equal(turned, read_image(tmp_path / "plain.jpg"))


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_file_is_named(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"cut.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match=rf"cut\.{suffix} is truncated or broken"):
        read_image(path)


def test_another_size_than_annotated_is_told(tmp_path: Path) -> None:
    photo().save(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png is 60 x 40 pixels.*width 40 and height 60"):
        read_image(tmp_path / "a.png", (60, 40))


def test_what_is_no_image_or_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.jpg").touch()
    for name in ("text.jpg", "empty.jpg"):
        with pytest.raises(UserError, match=rf"{name} is not an image"):
            read_image(tmp_path / name)
        with pytest.raises(UserError, match=name):
            image_size(tmp_path / name)
    with pytest.raises(UserError, match=r"none\.jpg does not exist"):
        read_image(tmp_path / "none.jpg")
    with pytest.raises(UserError, match="truncated or broken"):
        read_image(tmp_path)


def test_sixteen_bit_images_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 40000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(UserError, match=r"deep\.png has pixel mode 'I;16'"):
        read_image(tmp_path / "deep.png")


def test_lengths_are_told_and_missing_files_counted(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert file_lengths([tmp_path / "a"]) == (5,)
    with pytest.raises(UserError, match=r"2 of 3 image files.*the first is .*b; ask"):
        file_lengths([tmp_path / "a", tmp_path / "b", tmp_path], hint="ask")
