"""Measures the building of COCO-d against its physical limit and a plain re-implementation; writes docs/performance.md.

    python tests/degradation_speed.py ROOT [--images 128] [--repeats 12]

ROOT is a folder in COCO's layout with the split val2017. Run it on a machine that does nothing else. Every row is
measured on the same images in one process with one computing thread. Times are processor time; for each image the best
of the repeats counts, so that other work on the machine disturbs less. Nothing is asserted.

The limit is to decode the clean JPEG files and to encode the degraded images, as a build does both. A build is the
whole of ``build_set``: it also degrades, hashes and writes the images, keeps the journal and writes annotations and
manifest. The faithful loop takes one image at a time: a kernel from one scipy ``multivariate_normal.pdf`` call for each
tap, a dense two-dimensional filter, torch's ``interpolate``, and PNG at Pillow's default level.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

# ruff: noqa: E402
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # read when the libraries below are loaded

import cv2
import numpy as np
import torch
from performance_page import OUT, cpu, put
from PIL import Image
from scipy.stats import multivariate_normal
from torch.nn import functional as F

from lqbench.datasets.atomic import write_bytes
from lqbench.datasets.dataset import Dataset, open_dataset
from lqbench.datasets.degradations import degradation
from lqbench.datasets.degradations.lossless import encode_png
from lqbench.datasets.images import read_image
from lqbench.datasets.prepare.build import build_set
from lqbench.datasets.prepare.encode import ImageFormat

AERIS = degradation("aeris", {})
COUNTS = (32, 64, 128)
HEADING = "## Building a degraded set"
Pixels = np.ndarray[Any, Any]


class Stopwatch:
    """Keeps the best processor time of each part for each image."""

    def __init__(self) -> None:
        self.best: dict[str, dict[int, float]] = {}

    def note(self, part: str, image: int, taken: float) -> None:
        times = self.best.setdefault(part, {})
        times[image] = min(times.get(image, taken), taken)

    def measure(self, part: str, image: int, work: Callable[..., Any], *arguments: Any) -> Any:
        start = time.process_time()
        result = work(*arguments)
        self.note(part, image, time.process_time() - start)
        return result

    def milliseconds(self, part: str) -> float:
        times = self.best[part].values()
        return 1e3 * sum(times) / len(times)


def clean_files(root: Path, dataset: Dataset) -> list[Path]:
    return [root / "val2017" / Path(record.file).name for record in dataset.records]


def build(dataset: Dataset, watch: Stopwatch) -> None:
    """Build the set and note the time of each image; image -1 is what is left, before the first and after the last."""
    with tempfile.TemporaryDirectory() as folder:
        stamps = [time.process_time()]
        build_set(dataset, Path(folder), ImageFormat(), on_progress=lambda *_: stamps.append(time.process_time()))
        end = time.process_time()
    for index, (before, after) in enumerate(pairwise(stamps[1:])):
        watch.note("images of a build", index, after - before)
    watch.note("rest of a build", -1, stamps[1] - stamps[0] + end - stamps[-1])


def take_apart(dataset: Dataset, files: list[Path], watch: Stopwatch, folder: Path) -> None:
    """Do for each image what a build does for it, and note each part."""
    for index, (path, record) in enumerate(zip(files, dataset.records, strict=True)):
        drawn, seed = dict(record.parameters), record.seed
        image = watch.measure("decode", index, read_image, path)
        watch.measure("draw", index, AERIS.draw, seed, image.shape[:2])
        clean = watch.measure("prepare", index, AERIS.prepare, image)
        degraded = watch.measure(f"degrade, blur {drawn['blur']}", index, AERIS.apply, clean, drawn, seed)
        encoded = watch.measure("encode", index, encode_png, degraded.numpy())
        watch.measure("hash", index, lambda content: hashlib.sha256(content).hexdigest(), encoded)
        watch.measure("write", index, write_bytes, folder / f"{index}.png", encoded)


def limit(files: list[Path], degraded: list[Pixels], watch: Stopwatch) -> None:
    """Do for each image what no build can do without, in one go as a build does."""

    def decode_and_encode(path: Path, image: Pixels) -> None:
        read_image(path)
        encode_png(image)

    for index, (path, image) in enumerate(zip(files, degraded, strict=True)):
        watch.measure("limit", index, decode_and_encode, path, image)


def faithful_kernel(size: int, variance1: float, variance2: float, theta: float) -> Pixels:
    """Build a blur kernel tap by tap."""
    axes = np.array([[np.cos(theta), np.sin(theta)], [np.sin(theta), -np.cos(theta)]])
    covariance: Any = axes @ np.diag([variance1, variance2]) @ np.linalg.inv(axes)
    kernel = np.zeros((size, size))
    for y in range(size):
        for x in range(size):
            kernel[y, x] = multivariate_normal.pdf([x - size // 2, y - size // 2], mean=[0, 0], cov=covariance)
    return kernel / kernel.sum()


def faithful_one(path: Path, drawn: dict[str, Any]) -> None:
    """Degrade one image in the plain way."""
    with Image.open(path) as file:
        image = np.asarray(file.convert("RGB")).astype(np.float32) / 255
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
    """Return lossless encoders of an image (3, h, w); the first is the one in use."""

    def pillow(image: Pixels, **options: Any) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(stream, **options)
        return stream.getvalue()

    def opencv(image: Pixels, *options: int) -> bytes:
        return cv2.imencode(".png", cv2.merge([image[2], image[1], image[0]]), list(options))[1].tobytes()

    huffman = (cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY)
    return {
        "PNG, OpenCV, Huffman coding, average filter (in use)": encode_png,
        "PNG, OpenCV, Huffman coding, libpng's filters": lambda image: opencv(
            image, cv2.IMWRITE_PNG_COMPRESSION, 1, *huffman
        ),
        "PNG, OpenCV, default": opencv,
        "PNG, Pillow, default": lambda image: pillow(image, format="PNG"),
        "PNG, Pillow, level 1": lambda image: pillow(image, format="PNG", compress_level=1),
        "WebP, lossless, method 0": lambda image: pillow(image, format="WEBP", lossless=True, method=0, quality=0),
        "WebP, lossless, method 1": lambda image: pillow(image, format="WEBP", lossless=True, method=1, quality=0),
        "PPM, not compressed": lambda image: pillow(image, format="PPM"),
    }


def compare(dataset: Dataset, files: list[Path], watch: Stopwatch) -> dict[str, float]:
    """Measure the faithful loop and the lossless formats; return each format's kB an image."""
    sizes = dict.fromkeys(formats(), 0)
    for index, (path, record) in enumerate(zip(files, dataset.records, strict=True)):
        watch.measure("faithful", index, faithful_one, path, dict(record.parameters))
        degraded = dataset.sample(index).image.numpy()
        for name, encode in formats().items():
            sizes[name] += len(encode(degraded))
            for _ in range(2):
                watch.measure(name, index, encode, degraded)
    return {name: size / len(files) / 1e3 for name, size in sizes.items()}


def grow(root: Path, count: int) -> dict[str, float]:
    """Build ``count`` images in a process of its own; return processor seconds and peak memory in MiB."""
    command = [sys.executable, str(Path(__file__).resolve()), str(root), "--only-build", str(count)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def only_build(root: Path, count: int) -> dict[str, float]:
    watch, dataset = Stopwatch(), open_dataset("coco-d", data_root=root, limit=count)
    for _ in range(2):
        build(dataset, watch)
    seconds = sum(sum(watch.best[part].values()) for part in ("images of a build", "rest of a build"))
    return {"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def section(watch: Stopwatch, sizes: dict[str, float], growth: dict[int, dict[str, float]], count: int) -> str:
    """Return the section of the page."""
    decode, encode, faithful = (watch.milliseconds(part) for part in ("decode", "encode", "faithful"))
    least = watch.milliseconds("limit")
    built = watch.milliseconds("images of a build") + watch.milliseconds("rest of a build") / count
    rows = {"decode": decode, "encode": encode, "decode and encode, the limit": least, "build coco-d": built}
    blurs = [f"degrade, blur {blur}" for blur in ("none", "iso", "aniso")]
    parts = [part for part in ("decode", "prepare", *blurs, "encode", "hash", "write") if part in watch.best]
    return TEMPLATE.format(
        count=count,
        rows="\n".join(
            f"| {name} | {ms:.2f} | {1e3 / ms:.1f} | {ms / least:.2f} |"
            for name, ms in (rows | {"faithful loop": faithful}).items()
        ),
        ratio=built / least,
        speedup=faithful / built,
        parts="\n".join(f"| {part} | {watch.milliseconds(part):.2f} | {len(watch.best[part])} |" for part in parts),
        rest=watch.milliseconds("rest of a build"),
        draw=watch.milliseconds("draw"),
        growth="\n".join(
            f"| {number} | {one['seconds']:.2f} | {1e3 * one['seconds'] / number:.2f} | {one['peak']:.0f} |"
            for number, one in growth.items()
        ),
        formats="\n".join(f"| {name} | {watch.milliseconds(name):.2f} | {kb:.1f} |" for name, kb in sizes.items()),
        machine=f"{cpu()}; {os.cpu_count()} processors; load average {os.getloadavg()[1]:.1f}",
        versions=f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}, "
        f"OpenCV {cv2.__version__}",
    )


TEMPLATE = (
    HEADING
    + """

Written by `python tests/degradation_speed.py ROOT`: {count} photographs of COCO become images of coco-d, in one process
with one thread; milliseconds of processor time an image, for each image the best of the repeats.

| what | ms/image | images/s | of the limit |
|---|---:|---:|---:|
{rows}

A build takes {ratio:.2f} times the limit and makes {speedup:.1f} times as many images per second as the faithful loop.

| part of a build | ms/image | images |
|---|---:|---:|
{parts}

Beside the images a build takes {rest:.0f} ms once, for annotations and manifest; drawing the parameters, when a dataset
is opened, takes {draw:.2f} ms an image.

| images | processor s | ms/image | peak memory, MiB |
|---:|---:|---:|---:|
{growth}

Lossless formats of the same degraded images. Their noise leaves little to find, so the quickest PNG is nearly as small
as the slow ones:

| format | ms/image | kB/image |
|---|---:|---:|
{formats}

{machine} over
the last five minutes of the run. A load above the number of processors means that other programs took part of the
machine and its caches. {versions}.
"""
)


def main() -> None:
    """Read the arguments, measure, print, and put the section into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("root", type=Path, help="a folder in COCO's layout with val2017")
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--out", type=Path, default=OUT, help="the page whose section is written")
    parser.add_argument("--only-build", type=int, metavar="N", help="build N images and print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if arguments.only_build:
        print(json.dumps(only_build(arguments.root, arguments.only_build)))
        return
    watch, dataset = Stopwatch(), open_dataset("coco-d", data_root=arguments.root, limit=arguments.images)
    files = clean_files(arguments.root, dataset)
    degraded = [dataset.sample(index).image.numpy() for index in range(len(files))]
    for _ in range(arguments.repeats):
        build(dataset, watch)
        limit(files, degraded, watch)
        with tempfile.TemporaryDirectory() as folder:
            take_apart(dataset, files, watch, Path(folder))
    sizes = compare(dataset, files, watch)
    text = section(watch, sizes, {count: grow(arguments.root, count) for count in COUNTS}, len(files))
    print(text)
    put(HEADING, text, arguments.out)


if __name__ == "__main__":
    main()
