"""Measures the bootstrap against evaluating every replicate anew, and writes docs/performance.md.

Run it as ``python tests/performance.py`` on a machine that does nothing else; it takes a few minutes. Each measurement
is a process of its own, so that its peak memory is its own too.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lqbench.benchmark.metrics.coco import coco_metrics
from lqbench.benchmark.metrics.matching import coco_matches
from lqbench.benchmark.statistics.replicates import coco_replicates
from lqbench.benchmark.statistics.resampling import bootstrap_weights
from lqbench.results.tables import BOX_COLUMNS, DETECTION_COLUMNS, GroundTruth

IMAGES, OBJECTS, DETECTIONS, CLASSES = 5000, 36_000, 220_000, 80
REPLICATES = 1000
REPEATS = 2
"""Evaluations that stand for the thousand of the naive ways."""
PROCESSORS = 2
SIDE = 640.0
OUT = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
MIB = 1024.0
"""Kibibytes, in which Linux gives the peak memory."""


@dataclass(frozen=True)
class Measurement:
    """Seconds of wall clock and of processor, and the peak memory in MiB of the process that measured."""

    wall: float
    cpu: float
    peak: float


def synthetic(seed: int = 0) -> tuple[GroundTruth, pd.DataFrame]:
    """Return ground truth and detections of the size of COCO val2017: some classes common, most rare, 1 % crowds."""
    rng = np.random.default_rng(seed)
    share = 1.0 / np.arange(1, CLASSES + 1) ** 0.9
    share /= share.sum()
    sides, image, label = (
        _sides(rng, OBJECTS),
        rng.integers(IMAGES, size=OBJECTS),
        rng.choice(CLASSES, OBJECTS, p=share),
    )
    xyxy = _placed(rng, sides)
    area = sides.prod(axis=1)
    columns = (image, label, *xyxy.T, area, area, rng.random(OBJECTS) < 0.01, np.zeros(OBJECTS, bool))
    boxes = pd.DataFrame(dict(zip(BOX_COLUMNS, columns, strict=True)))
    sizes = {f"{kind}{name}": SIDE for kind in ("", "clean_", "annotated_") for name in ("width", "height")}
    images = pd.DataFrame({"index": np.arange(IMAGES), **sizes, "sx": 1.0, "sy": 1.0})
    gt = GroundTruth(images, boxes, tuple(f"class {k}" for k in range(CLASSES)))
    return gt, _detections(rng, boxes, share)


def _detections(rng: np.random.Generator, boxes: pd.DataFrame, share: np.ndarray) -> pd.DataFrame:
    """Return loose boxes with high scores on 80 % of the objects, doubles with low ones, and clutter."""
    found = np.concatenate([np.flatnonzero(rng.random(OBJECTS) < 0.8), rng.choice(OBJECTS, OBJECTS)])
    first = len(found) - OBJECTS
    clutter = DETECTIONS - len(found)
    xyxy = boxes[["x1", "y1", "x2", "y2"]].to_numpy()[found]
    spread = np.exp(rng.normal(np.log(0.06), 0.7, (len(found), 1))) * np.tile(xyxy[:, 2:] - xyxy[:, :2], 2)
    near = xyxy + rng.normal(size=xyxy.shape) * spread
    near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1.0)
    corners = np.concatenate([near, _placed(rng, _sides(rng, clutter))]).astype(np.float32)
    image = np.concatenate([boxes["image"].to_numpy()[found], rng.integers(IMAGES, size=clutter)])
    label = np.concatenate([boxes["label"].to_numpy()[found], rng.choice(CLASSES, clutter, p=share)])
    scores = (rng.beta(4, 2, first), rng.beta(1, 6, OBJECTS), rng.beta(1, 8, clutter))
    columns = (image, *corners.T, np.concatenate(scores).astype(np.float32), label)
    table = pd.DataFrame(dict(zip(DETECTION_COLUMNS, columns, strict=True)))
    return table.sort_values(["image", "score"], ascending=[True, False], kind="stable", ignore_index=True)


def _sides(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.exp(rng.uniform(np.log(8), np.log(300), (count, 2)))


def _placed(rng: np.random.Generator, sides: np.ndarray) -> np.ndarray:
    low = rng.uniform(0, 1, sides.shape) * (SIDE - sides)
    return np.concatenate([low, low + sides], axis=1)


def bootstrap(gt: GroundTruth, detections: pd.DataFrame) -> Callable[[], Any]:
    """Return our way: match once, then weigh."""
    return lambda: coco_replicates(gt, detections, bootstrap_weights(IMAGES, REPLICATES, 0))


def matching(gt: GroundTruth, detections: pd.DataFrame) -> Callable[[], Any]:
    """Return the part of our way that is done once."""
    return lambda: coco_matches(gt, detections)


def faster(gt: GroundTruth, detections: pd.DataFrame) -> Callable[[], Any]:
    """Return one evaluation by faster-coco-eval, from the tables on."""
    return lambda: coco_metrics(gt, detections)


def reference(gt: GroundTruth, detections: pd.DataFrame) -> Callable[[], Any]:
    """Return one evaluation by pycocotools; making its lists of dictionaries is not measured."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    both: list[Any] = [COCO(), COCO()]
    for dataset, table in zip(both, (gt.boxes, detections), strict=True):
        dataset.dataset = {
            "images": [{"id": image} for image in range(IMAGES)],
            "categories": [{"id": label} for label in range(CLASSES)],
            "annotations": _annotations(table),
        }
        dataset.createIndex()

    def evaluate() -> None:
        evaluation = COCOeval(both[0], both[1], "bbox")
        evaluation.evaluate()
        evaluation.accumulate()

    return evaluate


def _annotations(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.assign(w=table["x2"] - table["x1"], h=table["y2"] - table["y1"]).to_dict("records")
    return [
        {
            "id": number,
            "image_id": row["image"],
            "category_id": row["label"],
            "bbox": [row["x1"], row["y1"], row["w"], row["h"]],
            "area": row["w"] * row["h"],
            "iscrowd": int(row.get("crowd", False)),
            "score": row.get("score", 0.0),
        }
        for number, row in enumerate(rows, start=1)
    ]


JOBS = {
    "bootstrap": (bootstrap, 1),
    "matching": (matching, 1),
    "faster": (faster, REPEATS),
    "reference": (reference, REPEATS),
}
"""Name to what is measured and how often it is repeated; the mean counts."""


def measure(job: str) -> Measurement:
    """Measure a job in this process, on two processors."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:PROCESSORS])
    make, repeats = JOBS[job]
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports its progress there
        run = make(*synthetic())
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(repeats):
            run()
    wall, cpu = (time.perf_counter() - wall) / repeats, (time.process_time() - cpu) / repeats
    return Measurement(wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB)


def measure_apart(job: str) -> Measurement:
    """Measure a job in a process of its own."""
    print(f"measuring {job} ...", file=sys.stderr, flush=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--job", job]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Measurement(**json.loads(done.stdout))


def page(results: dict[str, Measurement]) -> str:
    """Return docs/performance.md."""
    ours = results["bootstrap"]
    rows = [
        _row(f"lqbench: match once, weigh {REPLICATES} times", ours, "measured"),
        _row("of that, matching", results["matching"], "measured"),
        *(
            _row(
                f"{name}: evaluate {REPLICATES} times",
                _times(results[job], REPLICATES),
                f"{REPEATS} measured, times {REPLICATES // REPEATS}",
            )
            for name, job in (("faster-coco-eval", "faster"), ("pycocotools", "reference"))
        ),
        _row("faster-coco-eval: evaluate once", results["faster"], f"mean of {REPEATS}"),
        _row("pycocotools: evaluate once", results["reference"], f"mean of {REPEATS}"),
    ]
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pycocotools", "faster-coco-eval"))
    return TEMPLATE.format(
        rows="\n".join(rows),
        faster=results["faster"].cpu * REPLICATES / ours.cpu,
        reference=results["reference"].cpu * REPLICATES / ours.cpu,
        packages=packages,
        python=platform.python_version(),
        cpu=_cpu(),
        cores=PROCESSORS,
        load=os.getloadavg()[1],
    )


TEMPLATE = """# Performance

Written by `python tests/performance.py` and `python tests/degradation_speed.py`; do not edit.

## The bootstrap

1000 paired-bootstrap replicates of AP, AP50, AP75, AP_S, AP_M and AP_L (10 IoU thresholds, 4 size ranges) over 5000
images, 36,000 objects, 220,000 detections and 80 classes; synthetic, drawn to resemble COCO val2017. Detections are
matched once; a replicate only changes how often each image counts.

| what | wall time | processor time | peak memory | how |
|---|---:|---:|---:|---|
{rows}

The naive ways evaluate every replicate anew. They are not run a thousand times: the mean of two evaluations is
multiplied, and drawing the replicates is left out. By processor time, ours takes 1/{faster:.0f} of the one with
faster-coco-eval and 1/{reference:.0f} of the one with pycocotools. Peak memory is that of the whole process with its
data.

{cpu}; {cores} processors; load average {load:.1f} over the last five minutes of the run. A load above {cores} means
that other programs took part of the machine; processor time is the better measure then. Python {python}, {packages}.
"""


def _row(name: str, result: Measurement, how: str) -> str:
    return f"| {name} | {_duration(result.wall)} | {_duration(result.cpu)} | {result.peak:.0f} MiB | {how} |"


def _times(result: Measurement, factor: int) -> Measurement:
    return Measurement(result.wall * factor, result.cpu * factor, result.peak)


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def other_sections(file: Path) -> str:
    """Return what ``degradation_speed.py`` wrote into the page."""
    _, heading, rest = file.read_text(encoding="utf-8").partition("\n## Building") if file.exists() else ("", "", "")
    return heading + rest


def main() -> None:
    """Measure everything and write the page, or measure one job and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--job", choices=JOBS, help="measure this in the present process and print JSON")
    parser.add_argument("--out", type=Path, default=OUT, help="file to write")
    arguments = parser.parse_args()
    if arguments.job:
        print(json.dumps(asdict(measure(arguments.job))))
        return
    results = {job: measure_apart(job) for job in JOBS}
    arguments.out.write_text(page(results) + other_sections(arguments.out), encoding="utf-8")
    print(arguments.out)


if __name__ == "__main__":
    main()
