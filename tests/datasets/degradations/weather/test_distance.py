"""Distance maps: Cityscapes' disparity and camera files, rays, the stand-in, and those of rendered scenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lqbench.datasets.degradations.weather.distance import ramp, ray_lengths, read_camera, read_disparity
from lqbench.datasets.errors import UserError
from lqbench.datasets.scenes.cache import SceneFile, scene_seed
from lqbench.datasets.scenes.distances import decode_distances, distances, encode_distances
from lqbench.datasets.scenes.scene import render_scene

CAMERA = {
    "extrinsic": {"baseline": 0.209313, "pitch": 0.038},
    "intrinsic": {"fx": 2262.52, "fy": 2265.30, "u0": 1096.98, "v0": 513.137},
}


def camera_file(folder: Path, stored: Any = CAMERA) -> Path:
    path = folder / "aachen_000000_000019_camera.json"
    path.write_text(stored if isinstance(stored, str) else json.dumps(stored))
    return path


def disparity_file(folder: Path, values: np.ndarray) -> Path:
    path = folder / "aachen_000000_000019_disparity.png"
    assert cv2.imwrite(str(path), values)
    return path


def test_a_disparity_becomes_a_distance(tmp_path: Path):
    stored = np.zeros((4, 6), np.uint16)
    stored[1, 2], stored[2, 3], stored[3, 3] = 1 + 256 * 20, 1, 1 + 256 * 100
    camera = read_camera(camera_file(tmp_path))
    metres = read_disparity(disparity_file(tmp_path, stored), camera, (4, 6))
    depth = 0.209313 * 2262.52 / 20
    stretch = np.sqrt(2262.52**2 + (2 - 1096.98) ** 2 + (1 - 513.137) ** 2) / 2262.52
    assert metres[1, 2] == pytest.approx(depth * stretch, rel=1e-6)
    assert metres[3, 3] == pytest.approx(metres[1, 2] / 5, rel=1e-2)
    assert np.isinf(metres[0, 0]), "not measured"
    assert np.isinf(metres[2, 3]), "no disparity"
    assert np.isfinite(metres).sum() == 2


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ("{", "is not valid JSON"),
        ({"extrinsic": {}}, r"has no number extrinsic\.baseline"),
        ({**CAMERA, "intrinsic": {"fx": "wide"}}, r"has no number intrinsic\.fx"),
        ({**CAMERA, "extrinsic": {"baseline": 0}}, "not above 0"),
        ([], r"has no number extrinsic\.baseline"),
    ],
)
def test_a_wrong_camera_file_is_named(tmp_path: Path, stored: Any, message: str):
    path = camera_file(tmp_path, stored)
    with pytest.raises(UserError, match=message) as caught:
        read_camera(path)
    assert str(path) in str(caught.value)


def test_an_absent_camera_file_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"no_camera\.json cannot be read"):
        read_camera(tmp_path / "no_camera.json")


def test_wrong_disparity_images_are_named(tmp_path: Path):
    camera = read_camera(camera_file(tmp_path))
    with pytest.raises(UserError, match="cannot be read"):
        read_disparity(tmp_path / "absent.png", camera, (4, 6))
    path = disparity_file(tmp_path, np.zeros((4, 6), np.uint8))
    with pytest.raises(UserError, match="not a 16-bit grey PNG"):
        read_disparity(path, camera, (4, 6))
    path = disparity_file(tmp_path, np.zeros((4, 6), np.uint16))
    with pytest.raises(UserError, match=r"has the size \(4, 6\), but its image has \(8, 6\)"):
        read_disparity(path, camera, (8, 6))
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(UserError, match="broken or no image"):
        read_disparity(path, camera, (4, 6))


def test_rays_are_longest_in_the_corners():
    metres = ray_lengths(np.full((101, 101), 10.0), 100.0, 50.0, 50.0)
    assert metres[50, 50] == 10
    assert metres[0, 0] == pytest.approx(10 * np.sqrt(1.5))
    assert np.isinf(ray_lengths(np.full((2, 2), np.inf), 100.0, 0.0, 0.0)).all()


def test_the_stand_in_is_a_ramp():
    assert ramp((5, 2), 10, 50)[:, 1].tolist() == [50, 40, 30, 20, 10]
    assert ramp((1, 1), 10, 50).tolist() == [[10]]


def test_stored_distances_are_exact_to_a_hundredth_of_a_percent():
    rng = np.random.default_rng(0)
    metres = np.exp(rng.uniform(np.log(0.3), np.log(15_000), (50, 60))).astype(np.float32)
    metres[:9] = np.inf
    back = decode_distances(encode_distances(metres), (50, 60))
    assert back is not None
    np.testing.assert_allclose(back, metres, rtol=1e-4)
    assert decode_distances(encode_distances(metres), (60, 50)) is None
    assert decode_distances(b"", (50, 60)) is None


def test_scenes_keep_their_distances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LQBENCH_CACHE", str(tmp_path))
    scene, file = render_scene(scene_seed("val", 0), 64, 64), SceneFile("val", 0, 64)
    first = file.distances()
    np.testing.assert_allclose(first, distances(scene), rtol=1e-4)
    assert (distances(scene) >= scene.depth_m).all()
    assert file.boxes() is not None, "the scene was not stored as a whole"
    np.testing.assert_array_equal(file.distances(), first)
    file.distance_png.write_bytes(file.distance_png.read_bytes()[:-9])
    np.testing.assert_array_equal(file.distances(), first)
