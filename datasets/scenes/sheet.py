"""Contact sheet of scenes: ``python -m lqbench.datasets.scenes.sheet out.png --count 24``."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .cache import scene_seed
from .scene import SCENE_CLASSES, render_scene


def contact_sheet(count: int, split: str, columns: int, size: int, boxes: bool) -> NDArray[np.uint8]:
    """Render the first ``count`` scenes of a split side by side; returns uint8 (H, W, 3) RGB."""
    cells = []
    for index in range(count):
        scene = render_scene(scene_seed(split, index), size, size)
        image = scene.image.copy()
        for box, label in zip(scene.xyxy, scene.labels, strict=True) if boxes else ():
            _mark(image, box, int(label))
        cells.append(image)
    blank = [np.zeros_like(cells[0])] * (-count % columns)
    cells += blank
    rows = [np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns)]
    return np.concatenate(rows, axis=0)


def _mark(image: NDArray[np.uint8], box: NDArray[np.float32], label: int) -> None:
    x1, y1, x2, y2 = (int(v) for v in box)
    cv2.rectangle(image, (x1, y1), (x2 - 1, y2 - 1), (0, 255, 0), 1)
    cv2.putText(image, SCENE_CLASSES[label], (x1, max(y1 - 2, 8)), cv2.FONT_HERSHEY_SIMPLEX, 0.32, (255, 255, 0), 1)


def main() -> None:
    """Parse the command line and write the sheet."""
    parser = argparse.ArgumentParser(description="Write a contact sheet of rendered scenes.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--split", default="val")
    parser.add_argument("--boxes", action="store_true", help="draw boxes and class names")
    args = parser.parse_args()
    sheet = contact_sheet(args.count, args.split, args.columns, args.size, args.boxes)
    cv2.imwrite(str(args.out), sheet[..., ::-1])


if __name__ == "__main__":
    main()
