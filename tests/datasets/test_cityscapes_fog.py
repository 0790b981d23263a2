"""Fog on clear Cityscapes images from their own disparity, in the official layout, from files to a built set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.degradations.weather.distance import fill_unmeasured
from lqbench.datasets.errors import UserError
from lqbench.datasets.prepare.build import build_set
from lqbench.datasets.prepare.encode import ImageFormat

HEIGHT, WIDTH = 48, 96
FRAMES = {"frankfurt": ("frankfurt_000000_000294", "frankfurt_000001_000538"), "lindau": ("lindau_000000_000019",)}
NEAR_M, FAR_M = 10.0, 80.0
BASELINE_M, FOCAL = 0.209313, 2262.52
FOG = "fog(beta=0.02,airlight=[1,1,1],refine=no)"


def stored_disparity(metres: float) -> int:
    """Return the 16-bit value that Cityscapes stores for a depth."""
    return round(BASELINE_M * FOCAL / metres * 256) + 1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a data root: sky on top, a far wall, a near street; a strip on the left that only one camera saw."""
    base = tmp_path / "data" / "cityscapes"
    pixels = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    disparity = np.zeros((HEIGHT, WIDTH), np.uint16)
    disparity[16:32], disparity[32:] = stored_disparity(FAR_M), stored_disparity(NEAR_M)
    disparity[:, :8] = 0
    ids = np.full((HEIGHT, WIDTH), 7, np.uint16)
    ids[34:44, 30:50] = 26000
    camera = {
        "extrinsic": {"baseline": BASELINE_M, "pitch": 0.038},
        "intrinsic": {"fx": FOCAL, "fy": 2265.3, "u0": WIDTH / 2, "v0": HEIGHT / 2},
    }
    for city, names in FRAMES.items():
        for name in names:
            for folder in ("leftImg8bit", "disparity", "camera", "gtFine"):
                (base / folder / "val" / city).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(base / f"leftImg8bit/val/{city}/{name}_leftImg8bit.png")
            Image.fromarray(disparity).save(base / f"disparity/val/{city}/{name}_disparity.png")
            Image.fromarray(ids).save(base / f"gtFine/val/{city}/{name}_gtFine_instanceIds.png")
            (base / f"camera/val/{city}/{name}_camera.json").write_text(json.dumps(camera))
    return tmp_path / "data"


def test_fog_grows_with_the_measured_distance_by_the_published_law(root: Path) -> None:
    dataset = open_dataset("cityscapes", data_root=root, degrade=FOG)
    foggy = dataset.sample(0).image[0].double().numpy() / 255
    for rows, depth in ((slice(16, 32), FAR_M), (slice(32, 48), NEAR_M)):
        passed = np.exp(-0.02 * depth)
        np.testing.assert_allclose(foggy[rows, 8:], 40 / 255 * passed + 1 - passed, atol=2e-3)
    assert (foggy[:16] == 1).all(), "the sky is pure fog"
    np.testing.assert_allclose(foggy[16:, :8], foggy[16:, 8:16], atol=1e-3)
    assert dataset.boxes[0].xyxy.tolist() == [[30, 34, 50, 44]]
    assert (dataset.clean(0) == 40).all()
    assert dataset.records[0].parameters["steps"][0]["depth"] == "true"


def test_the_published_recipe_of_foggy_cityscapes_runs_as_it_is(root: Path) -> None:
    changes = []
    for beta in (0.005, 0.01, 0.02):
        dataset = open_dataset("cityscapes", data_root=root, degrade=f"fog(beta={beta})")
        (drawn,) = dataset.records[0].parameters["steps"]
        assert (drawn["beta_per_m"], drawn["airlight"]) == (beta, "estimated")
        assert drawn["refine"] == {"window": 41, "epsilon": 1e-3}
        changes.append(dataset.sample(0).image.double().mean().item())
    assert changes == [40, 40, 40], "the airlight of a uniform image is its own colour"


def test_a_built_foggy_set_has_the_pixels_of_the_fly_and_says_where_distances_come_from(
    root: Path, tmp_path: Path
) -> None:
    dataset = open_dataset("cityscapes", data_root=root, degrade=f"down(2)|{FOG}|noise(2)")
    build_set(dataset, tmp_path / "set", ImageFormat(), workers=2)
    again = open_dataset(f"coco:{tmp_path / 'set'}")
    assert len(again) == 3
    for index in range(3):
        assert (again.sample(index).image == dataset.sample(index).image).all()
        np.testing.assert_allclose(again.boxes[index].xyxy, [[15, 17, 25, 22]])
    rows = pq.read_table(tmp_path / "set" / "manifest.parquet").to_pylist()
    assert [json.loads(row["parameters"])["steps"][1]["depth"] for row in rows] == ["true"] * 3
    facts = json.loads((tmp_path / "set" / "dataset.json").read_text())["facts"]
    assert "fog(beta=0.02" in facts["recipe"]


@pytest.mark.parametrize("package", ["disparity", "camera"])
def test_one_missing_file_is_told_before_anything_is_computed(root: Path, package: str) -> None:
    (path,) = (root / "cityscapes" / package / "val" / "lindau").iterdir()
    path.unlink()
    with pytest.raises(UserError) as caught:
        open_dataset("cityscapes", data_root=root, degrade=FOG)
    assert str(caught.value) == (
        f"the distances of lindau_000000_000019 need {path}, which does not exist; unpack {package}_trainvaltest.zip "
        "of the Cityscapes site there."
    )
    assert len(open_dataset("cityscapes", data_root=root)) == 3, "clear images need no distances"
    assert len(open_dataset("cityscapes", data_root=root, degrade=FOG, limit=2)) == 2


def test_made_up_distances_are_named_in_the_record(root: Path) -> None:
    for package in ("disparity", "camera"):
        (root / "cityscapes" / package).rename(root / package)
    dataset = open_dataset("cityscapes", data_root=root, degrade="fog(beta=0.02,depth_proxy=ramp)")
    (drawn,) = dataset.facts()["first_parameters"]["steps"]
    assert (drawn["depth"], drawn["proxy_near_m"], drawn["proxy_far_m"]) == ("proxy: ramp", 5, 100)
    assert dataset.sample(0).image.shape == (3, HEIGHT, WIDTH)


def test_images_without_distances_are_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (20, 10)).save(tmp_path / "images" / "a.png")
    document = {
        "images": [{"id": 1, "file_name": "a.png", "height": 10, "width": 20}],
        "annotations": [],
        "categories": [{"id": 1, "name": "person"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    name = f"coco:{tmp_path / 'a.json'},{tmp_path / 'images'}"
    for recipe in ("fog(0.02)", "noise(3)|rain(heavy)", "underwater(type=3)"):
        with pytest.raises(UserError, match=r"needs the distance of every pixel, which coco:.* does not") as caught:
            open_dataset(name, degrade=recipe)
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(recipe)
        assert "depth_proxy=ramp" in str(caught.value)
    assert len(open_dataset(name, degrade="fog(0.02,depth_proxy=ramp)")) == 1


def test_holes_take_the_farther_neighbour_and_the_sky_stays_open() -> None:
    inf = np.inf
    metres = np.array(
        [
            [inf, inf, 30, inf, inf],
            [inf, 20, inf, 10, inf],
            [inf, inf, inf, inf, inf],
            [9, inf, inf, inf, 8],
        ],
        np.float32,
    )
    filled = fill_unmeasured(metres)
    assert filled.dtype == np.float32
    expected = [
        [inf, inf, 30, inf, inf],
        [inf, 20, 20, 10, inf],
        [inf, inf, inf, inf, inf],
        [9, 9, 9, 9, 8],
    ]
    np.testing.assert_array_equal(filled, np.array(expected, np.float32))
    np.testing.assert_array_equal(fill_unmeasured(np.full((2, 3), 7, np.float32)), np.full((2, 3), 7, np.float32))
    assert np.isinf(fill_unmeasured(np.full((2, 3), inf, np.float32))).all()
