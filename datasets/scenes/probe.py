"""How much colour alone tells: name boxes from their colour histograms, without any shape.

``python -m lqbench.datasets.scenes.probe --train 300 --val 100`` prints the shares of boxes named rightly.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cache import scene_seed
from .scene import SCENE_CLASSES, Scene, render_scene

Float = NDArray[np.float64]
BINS = 8


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Shares of validation boxes named rightly, in [0, 1].

    Attributes:
        boxes: Number of validation boxes.
        majority: Always naming the class most frequent in training.
        neighbours: Vote of the 9 nearest training histograms by histogram intersection.
        logistic: Multinomial logistic regression on square roots of the histograms.
    """

    boxes: int
    majority: float
    neighbours: float
    logistic: float


def histogram(image: NDArray[np.uint8], box: Sequence[float]) -> Float:
    """Return the normalised joint RGB histogram (512,) of a box's pixels, 8 bins a channel."""
    x1, y1, x2, y2 = (int(v) for v in box)
    levels = image[y1:y2, x1:x2].reshape(-1, 3).astype(np.int64) * BINS // 256
    index = (levels[:, 0] * BINS + levels[:, 1]) * BINS + levels[:, 2]
    counts = np.bincount(index, minlength=BINS**3).astype(np.float64)
    return counts / counts.sum()


def describe(scenes: Iterator[Scene]) -> tuple[Float, NDArray[np.int64]]:
    """Return histograms (N, 512) and labels (N,) of all boxes."""
    rows: list[Float] = []
    labels: list[int] = []
    for scene in scenes:
        rows += [histogram(scene.image, box.tolist()) for box in scene.xyxy]
        labels += scene.labels.tolist()
    return np.array(rows), np.array(labels, np.int64)


def nearest(train: Float, labels: NDArray[np.int64], rows: Float, k: int = 9) -> NDArray[np.int64]:
    """Name each row by the vote of its ``k`` most similar training rows."""
    named = np.empty(len(rows), np.int64)
    for i, row in enumerate(rows):
        similar = np.minimum(train, row).sum(1)
        votes = labels[np.argsort(-similar, kind="stable")[:k]]
        named[i] = np.bincount(votes, minlength=len(SCENE_CLASSES)).argmax()
    return named


def logistic(train: Float, labels: NDArray[np.int64], rows: Float, steps: int = 400) -> NDArray[np.int64]:
    """Name each row by multinomial logistic regression, trained by gradient descent with momentum."""
    x, target = np.sqrt(train), np.eye(len(SCENE_CLASSES))[labels]
    weights, bias, speed = np.zeros((x.shape[1], target.shape[1])), np.zeros(target.shape[1]), 0.0
    for _ in range(steps):
        scores = x @ weights + bias
        chance = np.exp(scores - scores.max(1, keepdims=True))
        error = chance / chance.sum(1, keepdims=True) - target
        speed = 0.9 * speed - 4.0 * (x.T @ error / len(x) + 1e-5 * weights)
        weights = weights + speed
        bias = bias - 0.5 * error.mean(0)
    return (np.sqrt(rows) @ weights + bias).argmax(1)


def probe(train: int, val: int, size: int = 512) -> ProbeResult:
    """Train on the first ``train`` training scenes and test on the first ``val`` validation scenes."""
    x, labels = describe(render_scene(scene_seed("train", i), size, size) for i in range(train))
    rows, truth = describe(render_scene(scene_seed("val", i), size, size) for i in range(val))
    majority = int(np.bincount(labels).argmax())
    return ProbeResult(
        boxes=len(truth),
        majority=float((truth == majority).mean()),
        neighbours=float((nearest(x, labels, rows) == truth).mean()),
        logistic=float((logistic(x, labels, rows) == truth).mean()),
    )


def main() -> None:
    """Parse the command line and print the shares."""
    parser = argparse.ArgumentParser(description="Name boxes of scenes from their colour histograms alone.")
    parser.add_argument("--train", type=int, default=300)
    parser.add_argument("--val", type=int, default=100)
    args = parser.parse_args()
    result = probe(args.train, args.val)
    print(  # noqa: T201
        f"{result.boxes} boxes, {len(SCENE_CLASSES)} classes: majority {result.majority:.3f}, "
        f"nearest histograms {result.neighbours:.3f}, logistic regression {result.logistic:.3f}"
    )


if __name__ == "__main__":
    main()
