"""How fast COCO-d is built, against the physical limit and against a plain re-implementation.

    python tests/degradation_speed.py [FOLDER] [--images 64] [--repeats 3]

FOLDER holds clean images, such as COCO's val2017; without it embedded scenes are written as JPEG files and used. Every
row is measured on the same images in one process with one computing thread. Times are processor time, so that other
work on the machine disturbs less; the best of the repeats counts for each image. Nothing is asserted.

Rows: decode the clean JPEG; encode the degraded image without loss; both, which is the limit; build, which is decode,
degrade and encode; and a faithful loop, one image at a time: a kernel from one scipy ``multivariate_normal.pdf`` call
for each tap, a dense two-dimensional filter, torch's ``interpolate``, and PNG at Pillow's default level. Then what each
part of a build takes, and what other lossless formats would.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# ruff: noqa: E402
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # read when the libraries below are loaded

import cv2
import numpy as np
import torch
from PIL import Image
from scipy.stats import multivariate_normal
from torch.nn import functional as F

from lqbench.datasets.degradations import degradation
from lqbench.datasets.degradations.lossless import encode_png
from lqbench.datasets.images import read_image
from lqbench.datasets.seeds import image_seed

SUFFIXES = {".jpg", ".jpeg", ".png"}
AERIS = degradation("aeris", {})
Pixels = np.ndarray[Any, Any]


class Stopwatch:
    """Keeps the best processor time of each part for each image."""

    def __init__(self) -> None:
        self.best: dict[str, dict[Path, float]] = {}

    def measure(self, part: str, image: Path, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = work()
        taken = time.process_time() - start
        times = self.best.setdefault(part, {})
        times[image] = min(times.get(image, taken), taken)
        return result

    def milliseconds(self, part: str) -> float:
        times = self.best[part].values()
        return 1e3 * sum(times) / len(times)


def build_one(path: Path, watch: Stopwatch) -> tuple[Pixels, bytes]:
    """Decode, degrade and encode an image."""
    image = watch.measure("decode", path, lambda: read_image(path))
    seed = image_seed("coco-d", "1", path.stem)
    size = (image.shape[0], image.shape[1])
    drawn = watch.measure("draw", path, lambda: AERIS.draw(seed, size))
    clean = watch.measure("prepare", path, lambda: AERIS.prepare(image))
    degraded = watch.measure(f"apply, blur {drawn['blur']}", path, lambda: AERIS.apply(clean, drawn, seed)).numpy()
    return degraded, watch.measure("encode", path, lambda: encode_png(degraded))


def faithful_kernel(size: int, variance1: float, variance2: float, theta: float) -> Pixels:
    """Build a blur kernel tap by tap."""
    axes = np.array([[np.cos(theta), np.sin(theta)], [np.sin(theta), -np.cos(theta)]])
    covariance = axes @ np.diag([variance1, variance2]) @ np.linalg.inv(axes)
    kernel = np.zeros((size, size))
    for y in range(size):
        for x in range(size):
            kernel[y, x] = multivariate_normal.pdf([x - size // 2, y - size // 2], mean=[0, 0], cov=covariance)  # pyright: ignore[reportArgumentType]
    return kernel / kernel.sum()


def faithful_one(path: Path) -> None:
    """Degrade one image in the plain way."""
    with Image.open(path) as file:
        image = np.asarray(file.convert("RGB")).astype(np.float32) / 255
    drawn = AERIS.draw(image_seed("coco-d", "1", path.stem), (image.shape[0], image.shape[1]))
    if drawn["blur"] != "none":
        variance1, variance2, theta = drawn["variance1"], drawn["variance2"], drawn["theta"]
        kernel = faithful_kernel(drawn["kernel_size"], variance1, variance2 or variance1, theta or 0.0)
        image = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    size = AERIS.size((image.shape[0], image.shape[1]), drawn)
    small = F.interpolate(torch.from_numpy(image).permute(2, 0, 1)[None], size=size, mode=drawn["interpolation"])[0]
    noisy = small.numpy() + np.random.default_rng(0).normal(0, drawn["noise_sigma_255"] / 255, small.shape)
    pixels = (np.clip(noisy, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(np.ascontiguousarray(pixels)).save(io.BytesIO(), format="PNG")


def formats() -> dict[str, Callable[[Pixels], bytes]]:
    """Return other lossless encoders of an image (3, h, w)."""

    def pillow(image: Pixels, **options: Any) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(stream, **options)
        return stream.getvalue()

    def opencv(image: Pixels, *options: int) -> bytes:
        return cv2.imencode(".png", cv2.merge([image[2], image[1], image[0]]), list(options))[1].tobytes()

    huffman = (cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY)
    return {
        "encode_png": encode_png,
        "PNG, Pillow, default": lambda image: pillow(image, format="PNG"),
        "PNG, Pillow, level 1": lambda image: pillow(image, format="PNG", compress_level=1),
        "PNG, OpenCV, default": opencv,
        "PNG, OpenCV, Huffman, libpng's filters": lambda image: opencv(image, cv2.IMWRITE_PNG_COMPRESSION, 1, *huffman),
        "WebP, lossless, method 0": lambda image: pillow(image, format="WEBP", lossless=True, method=0, quality=0),
        "WebP, lossless, method 1": lambda image: pillow(image, format="WEBP", lossless=True, method=1, quality=0),
        "PPM, not compressed": lambda image: pillow(image, format="PPM"),
    }


def write_scenes(folder: Path, count: int) -> None:
    """Write embedded scenes as JPEG files."""
    from lqbench.datasets.scenes.source import ScenesSource

    scenes = ScenesSource("val", count, 512)
    scenes.ensure(1)
    for index in range(count):
        Image.fromarray(scenes.load(index)).save(folder / f"{index:06d}.jpg", quality=95)


def measure(paths: list[Path], repeats: int) -> tuple[Stopwatch, dict[str, int]]:
    """Measure all parts on all images.

    Returns:
        The times, and the bytes of each lossless format.
    """
    watch, sizes = Stopwatch(), dict.fromkeys(formats(), 0)
    for _ in range(repeats):
        for path in paths:
            watch.measure("build", path, lambda path=path: build_one(path, watch))
    for path in paths:
        watch.measure("faithful", path, lambda path=path: faithful_one(path))
        degraded, _ = build_one(path, watch)
        for name, encode in formats().items():
            encoded = b""
            for _ in range(2):
                encoded = watch.measure(name, path, lambda encode=encode, degraded=degraded: encode(degraded))
            sizes[name] += len(encoded)
    return watch, sizes


def show(watch: Stopwatch, sizes: dict[str, int], count: int) -> None:
    """Print the tables."""
    decode, encode, build = (watch.milliseconds(part) for part in ("decode", "encode", "build"))
    faithful, limit = watch.milliseconds("faithful"), decode + encode
    rows = {"decode": decode, "encode": encode, "decode + encode": limit, "build coco-d": build}
    print(f"{count} images\n{'':24}{'ms/image':>10}{'images/s':>10}{'of limit':>10}")
    for name, milliseconds in (rows | {"faithful loop": faithful}).items():
        print(f"{name:24}{milliseconds:10.2f}{1e3 / milliseconds:10.1f}{milliseconds / limit:10.2f}")
    print(f"\nbuild against the faithful loop: {faithful / build:.1f} times the images/s\n\nparts of a build, ms/image")
    for part in ("draw", "prepare", *(f"apply, blur {blur}" for blur in ("none", "iso", "aniso"))):
        if part in watch.best:
            print(f"  {part:22}{watch.milliseconds(part):10.2f}  ({len(watch.best[part])} images)")
    print(f"\n{'lossless format':42}{'ms/image':>10}{'kB/image':>10}")
    for name, size in sizes.items():
        print(f"{name:42}{watch.milliseconds(name):10.2f}{size / count / 1e3:10.1f}")


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description="How fast COCO-d is built.")
    parser.add_argument("folder", nargs="?", type=Path, help="clean images; embedded scenes without it")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        if arguments.folder is None:
            write_scenes(folder, arguments.images)
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)[: arguments.images]
        if not paths:
            parser.error(f"no images in {folder}")
        show(*measure(paths, arguments.repeats), len(paths))


if __name__ == "__main__":
    main()
