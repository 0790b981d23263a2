"""The renderer: determinism, boxes, depth, sizes and class balance."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from hashlib import sha256

import numpy as np
import pytest

from lqbench.datasets.scenes import SCENE_CLASSES, Scene, render_scene
from lqbench.datasets.scenes.scene import MIN_SIDE, MIN_VISIBLE

COLUMNS = ("image", "xyxy", "labels", "visible_fraction", "areas", "depth_m", "owner")
FINGERPRINT = """
import cv2, sys
from hashlib import sha256
from lqbench.datasets.scenes import render_scene
cv2.setNumThreads(int(sys.argv[1]))
scene = render_scene(5, 256, 256)
print(sha256(scene.image.tobytes() + scene.depth_m.tobytes() + scene.xyxy.tobytes()).hexdigest())
assert cv2.getNumThreads() == int(sys.argv[1]), "the renderer must give back the number of threads"
"""


@lru_cache(maxsize=64)
def scene(seed: int, width: int = 256, height: int = 256) -> Scene:
    return render_scene(seed, width, height)


def digest(rendered: Scene) -> str:
    return sha256(b"".join(getattr(rendered, column).tobytes() for column in COLUMNS)).hexdigest()


def test_same_seed_gives_same_bytes_and_another_seed_does_not():
    assert digest(render_scene(3, 192, 192)) == digest(render_scene(3, 192, 192))
    assert digest(render_scene(3, 192, 192)) != digest(render_scene(4, 192, 192))


@pytest.mark.parametrize("threads", ["1", "2"])
def test_bytes_do_not_depend_on_threads_or_process(threads: str):
    here = render_scene(5, 256, 256)
    expected = sha256(here.image.tobytes() + here.depth_m.tobytes() + here.xyxy.tobytes()).hexdigest()
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    run = subprocess.run(
        [sys.executable, "-c", FINGERPRINT, threads], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == expected


def test_rendering_leaves_the_global_random_state_alone():
    np.random.seed(1)
    expected = np.random.random(4)
    np.random.seed(1)
    render_scene(1, 128, 128)
    assert np.array_equal(expected, np.random.random(4))


@pytest.mark.parametrize(("width", "height"), [(256, 256), (96, 320), (320, 96), (257, 199), (64, 64)])
def test_any_size_gives_arrays_that_fit_together(width: int, height: int):
    for seed in range(3):
        s = scene(seed, width, height)
        n = len(s.labels)
        assert s.image.shape == (height, width, 3) and s.image.dtype == np.uint8
        assert s.depth_m.shape == (height, width) and s.depth_m.dtype == np.float32
        assert s.xyxy.shape == (n, 4) and s.xyxy.dtype == np.float32
        assert s.labels.dtype == np.int64 and s.areas.shape == s.visible_fraction.shape == (n,)
        assert (s.camera.width, s.camera.height) == (width, height)


def test_an_image_too_small_is_refused():
    with pytest.raises(ValueError, match="at least 64"):
        render_scene(0, 63, 128)


@pytest.mark.parametrize("seed", range(6))
def test_boxes_hug_the_visible_pixels(seed: int):
    s = scene(seed)
    assert set(np.unique(s.owner)) == set(range(len(s.labels) + 1))
    for index, box in enumerate(s.xyxy):
        rows, columns = np.nonzero(s.owner == index + 1)
        assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert s.areas[index] == len(rows)


@pytest.mark.parametrize("seed", range(6))
def test_every_annotated_object_is_large_and_visible_enough(seed: int):
    s = scene(seed)
    sides = (s.xyxy[:, 2:] - s.xyxy[:, :2]).max(axis=1)
    assert (sides >= MIN_SIDE).all()
    assert (s.visible_fraction >= MIN_VISIBLE).all() and (s.visible_fraction <= 1).all()


def test_objects_occlude_one_another_and_come_in_many_sizes():
    fractions = np.concatenate([scene(seed).visible_fraction for seed in range(20)])
    sides = np.concatenate([(scene(s).xyxy[:, 2:] - scene(s).xyxy[:, :2]).max(1) for s in range(20)])
    assert (fractions < 0.9).mean() > 0.1
    assert sides.min() < 14 and sides.max() > 80


@pytest.mark.parametrize("seed", range(6))
def test_depth_is_metric_on_the_ground_and_falls_towards_the_camera(seed: int):
    s = scene(seed)
    c = s.camera
    rows = np.arange(int(c.horizon) + 4, c.height)
    expected = c.focal * c.height_m / (rows + 0.5 - c.horizon)
    ground = np.isclose(s.depth_m[rows], expected[:, None], rtol=1e-4)
    assert ground.mean() > 0.35, "most of what lies under the horizon is ground"
    behind = s.depth_m[rows] > expected[:, None] * 1.05
    assert behind.mean() < 0.01, "only rims of objects, rounded to whole pixels, may lie behind the ground"
    for column in range(0, c.width, 16):
        seen = s.depth_m[rows, column][ground[:, column]]
        assert (np.diff(seen) <= 1e-4).all()


def test_the_sky_is_infinitely_far_and_objects_stand_in_front_of_it():
    tops = [scene(seed).depth_m[0] for seed in range(8)]
    assert any(np.isinf(top).any() for top in tops)
    for seed in range(8):
        s = scene(seed)
        assert np.isfinite(s.depth_m[s.owner > 0]).all()
        assert (s.depth_m > 0).all()


def test_an_object_hides_what_is_farther():
    """The nearer of two overlapping boxes must own pixels at smaller depth: depth and ownership agree."""
    for seed in range(6):
        s = scene(seed)
        for index, (x1, y1, x2, y2) in enumerate(s.xyxy.astype(int)):
            own = s.owner == index + 1
            foot = min(y2, s.camera.height) - 1
            ground = s.camera.focal * s.camera.height_m / max(foot + 0.5 - s.camera.horizon, 0.5)
            assert np.median(s.depth_m[own]) <= ground * 1.6 + 3.0
            assert own[y1:y2, x1:x2].sum() == own.sum()


@pytest.mark.slow
def test_all_classes_occur_and_none_takes_more_than_a_quarter():
    labels = np.concatenate([scene(seed).labels for seed in range(45)])
    shares = np.bincount(labels, minlength=len(SCENE_CLASSES)) / len(labels)
    assert len(SCENE_CLASSES) >= 8
    assert shares.min() > 0.03, dict(zip(SCENE_CLASSES, shares, strict=True))
    assert shares.max() < 0.25, dict(zip(SCENE_CLASSES, shares, strict=True))


def test_scenes_use_the_range_of_tones_and_carry_grain():
    for seed in range(6):
        image = scene(seed).image.astype(np.float64)
        assert 60 < image.mean() < 190
        assert image.std() > 20
        flat = image - np.roll(image, 1, axis=1)
        assert np.median(np.abs(flat)) > 0
