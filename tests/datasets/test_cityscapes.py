"""Cityscapes, Foggy Cityscapes and RainCityscapes in the layouts in which they are distributed."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from lqbench.datasets.cityscapes import annotations as box_cache
from lqbench.datasets.cityscapes.ground_truth import draw_instance_ids
from lqbench.datasets.cityscapes.instances import boxes_of_instances, regions
from lqbench.datasets.classes import CITYSCAPES_CLASSES
from lqbench.datasets.dataset import Dataset, open_dataset
from lqbench.datasets.errors import UserError

HEIGHT, WIDTH = 32, 64
FRAMES = {
    "val": ("frankfurt_000000_000294", "frankfurt_000001_000538", "lindau_000000_000019", "munster_000007_000019"),
    "train": ("aachen_000000_000019",),
}
RAIN = {"0.01": ("0.005", "0.01"), "0.02": ("0.01", "0.005"), "0.03": ("0.015", "0.002")}


def rectangle(x1: int, y1: int, x2: int, y2: int) -> list[list[int]]:
    """Return a polygon that Pillow fills from x1 y1 to x2 y2, both ends inside."""
    return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]


OBJECTS: list[dict[str, Any]] = [
    {"label": "sky", "polygon": rectangle(0, 0, 63, 31)},
    {"label": "car", "polygon": rectangle(4, 10, 13, 19)},
    {"label": "person", "polygon": rectangle(20, 8, 25, 27)},
    {"label": "car", "polygon": rectangle(30, 10, 39, 19)},
    {"label": "pole", "polygon": rectangle(30, 0, 34, 31)},  # hides the left half of the second car
    {"label": "license plate", "polygon": rectangle(5, 15, 7, 16)},
    {"label": "cargroup", "polygon": rectangle(50, 12, 61, 17)},
    {"label": "caravan", "polygon": rectangle(0, 0, 3, 3)},
    {"label": "bus", "polygon": rectangle(44, 0, 47, 3), "deleted": 1},
]
EXPECTED = [("person", (20, 8, 26, 28)), ("car", (4, 10, 14, 20)), ("car", (35, 10, 40, 20)), ("car", (50, 12, 62, 18))]
"""In this order under every rule but for the group, whose bare id comes first."""


def photo(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), (shade, 100, 100)).save(path)


def write_polygons(path: Path, objects: list[dict[str, Any]] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"imgHeight": HEIGHT, "imgWidth": WIDTH, "objects": OBJECTS if objects is None else objects}
    path.write_text(json.dumps(document))


def write_instances(path: Path) -> None:
    """Write the ids that the official tool draws from the polygons above."""
    ids = np.full((HEIGHT, WIDTH), 23, np.uint16)
    ids[10:20, 4:14] = 26000
    ids[8:28, 20:26] = 24000
    ids[10:20, 30:40] = 26001
    ids[:, 30:35] = 17
    ids[12:18, 50:62] = 26
    ids[0:4, 0:4] = 29000
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(ids).save(path)


def rain_endings() -> list[str]:
    return [
        f"_leftImg8bit_rain_alpha_{alpha}_beta_{beta}_dropsize_{drop}_pattern_{pattern}.png"
        for alpha, (beta, drop) in RAIN.items()
        for pattern in range(1, 13)
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a data root with gtFine, clear and foggy images of two splits, instance images as published."""
    base = tmp_path / "data" / "cityscapes"
    for split, frames in FRAMES.items():
        for frame in frames:
            city = frame.split("_")[0]
            write_polygons(base / "gtFine" / split / city / f"{frame}_gtFine_polygons.json")
            write_instances(base / "gtFine" / split / city / f"{frame}_gtFine_instanceIds.png")
            photo(base / "gtFine" / split / city / f"{frame}_gtFine_color.png", 0)
            photo(base / "leftImg8bit" / split / city / f"{frame}_leftImg8bit.png", 200)
            for beta, shade in (("0.005", 5), ("0.01", 10), ("0.02", 20)):
                name = f"{frame}_leftImg8bit_foggy_beta_{beta}.png"
                photo(base / "leftImg8bit_foggy" / split / city / name, shade)
    return tmp_path / "data"


@pytest.fixture
def rainy(root: Path) -> Path:
    """Add RainCityscapes, which covers two of the frames with 36 images each."""
    for frame in FRAMES["val"][2:]:
        folder = root / "cityscapes" / "leftImg8bit_rain" / "val" / frame.split("_")[0]
        for number, ending in enumerate(rain_endings()):
            photo(folder / f"{frame}{ending}", number)
    return root


def boxes(dataset: Dataset, index: int = 0) -> list[tuple[str, tuple[float, ...]]]:
    found = dataset.boxes[index]
    names = [CITYSCAPES_CLASSES[label] for label in found.labels]
    return [(name, tuple(box)) for name, box in zip(names, found.xyxy.tolist(), strict=True)]


def red(image: Any) -> int:
    return int(image[0, 0, 0])


def test_boxes_are_those_of_the_visible_pixels(root: Path) -> None:
    dataset = open_dataset("cityscapes", data_root=root)
    assert [record.image_id for record in dataset.records] == list(FRAMES["val"])
    assert sorted(boxes(dataset)) == sorted(EXPECTED)
    assert dataset.records[0].size == (HEIGHT, WIDTH)
    assert red(dataset.sample(0).image) == 200


def test_mmdets_rule_makes_crowd_regions_of_groups_and_areas_of_masks(root: Path) -> None:
    dataset = open_dataset("cityscapes", data_root=root)
    found = dataset.boxes[0]
    areas = dict(zip(boxes(dataset), zip(found.areas.tolist(), found.crowd.tolist(), strict=True), strict=True))
    assert areas[("car", (50, 12, 62, 18))] == (72, True)
    assert areas[("car", (35, 10, 40, 20))] == (50, False)
    assert areas[("person", (20, 8, 26, 28))] == (120, False)
    assert dataset.facts()["notes"] == {"box_rule": "mmdet", "group_boxes": 4, "frames_drawn_from_polygons": 0}


def test_the_rule_of_domain_adaptation_makes_objects_of_groups_and_areas_of_boxes(root: Path) -> None:
    path = root / "cityscapes/gtFine/val/frankfurt/frankfurt_000000_000294_gtFine_instanceIds.png"
    ids = np.asarray(Image.open(path)).copy()
    ids[15, 22] = 23  # a hole: the box keeps its area, the mask does not
    Image.fromarray(ids).save(path)
    ours, theirs = (open_dataset(f"cityscapes:boxes={rule}", data_root=root) for rule in ("mmdet", "dafrcnn"))
    assert boxes(ours) == boxes(theirs)
    assert not theirs.boxes[0].crowd.any()
    person = boxes(theirs).index(("person", (20, 8, 26, 28)))
    assert (ours.boxes[0].areas[person], theirs.boxes[0].areas[person]) == (119, 120)
    assert ours.fingerprint != theirs.fingerprint
    assert theirs.spec.name == "cityscapes:boxes=dafrcnn"


def test_polygons_alone_give_the_same_boxes(root: Path) -> None:
    published = open_dataset("cityscapes", data_root=root)
    for path in (root / "cityscapes").glob("gtFine/*/*/*_instanceIds.png"):
        path.unlink()
    drawn = open_dataset("cityscapes", data_root=root)
    assert drawn.fingerprint == published.fingerprint
    assert drawn.facts()["notes"]["frames_drawn_from_polygons"] == 4


@pytest.mark.parametrize(("name", "shade"), [("", 20), (":beta=0.01", 10), (":beta=0.005", 5), (":beta=0.02", 20)])
def test_foggy_images_are_read_as_published_with_the_chosen_beta(root: Path, name: str, shade: int) -> None:
    dataset = open_dataset(f"foggy-cityscapes{name}", data_root=root)
    assert len(dataset) == 4
    sample = dataset.sample(1, clean=True)
    assert (red(sample.image), red(sample.clean)) == (shade, 200)
    assert dataset.records[1].scale == (1, 1)
    assert boxes(dataset) == boxes(open_dataset("cityscapes", data_root=root))
    assert dataset.facts()["options"]["beta"] == (name.partition("=")[2] or "0.02")


def test_betas_are_other_datasets_and_the_default_is_not(root: Path) -> None:
    opened = [open_dataset(f"foggy-cityscapes{choice}", data_root=root) for choice in ("", ":beta=0.02", ":beta=0.01")]
    assert opened[0].fingerprint == opened[1].fingerprint != opened[2].fingerprint
    assert [dataset.spec.name for dataset in opened[::2]] == ["foggy-cityscapes", "foggy-cityscapes:beta=0.01"]


def test_without_clear_images_fog_can_be_measured_but_not_an_oracle(root: Path) -> None:
    paired = open_dataset("foggy-cityscapes", data_root=root)
    assert paired.has_clean
    (root / "cityscapes" / "leftImg8bit").rename(root / "elsewhere")
    dataset = open_dataset("foggy-cityscapes", data_root=root)
    assert not dataset.has_clean
    assert dataset.fingerprint == paired.fingerprint
    assert dataset.sample(0).clean is None
    with pytest.raises(UserError, match=r"foggy-cityscapes has no clean images here: they need .*leftImg8bit/val"):
        dataset.sample(0, clean=True)


def test_all_variants_of_a_rainy_frame_are_images_with_its_boxes(rainy: Path) -> None:
    dataset = open_dataset("rainy-cityscapes-hu", data_root=rainy)
    assert len(dataset) == 2 * 36
    assert dataset.records[0].image_id.startswith("lindau_000000_000019_leftImg8bit_rain_alpha_0.01_beta_0.005_")
    assert len({record.image_id for record in dataset.records}) == 72
    assert {tuple(sorted(boxes(dataset, index))) for index in range(72)} == {tuple(sorted(EXPECTED))}
    assert red(dataset.clean(40)) == 200
    assert dataset.facts()["images_official"] == 1188


def test_one_intensity_and_pattern_can_be_chosen(rainy: Path) -> None:
    dataset = open_dataset("rainy-cityscapes-hu:alpha=0.02,pattern=3", data_root=rainy)
    assert [record.image_id for record in dataset.records] == list(FRAMES["val"][2:])
    assert red(dataset.sample(0).image) == 14
    assert dataset.facts()["images_official"] is None
    assert len(open_dataset("rainy-cityscapes-hu:pattern=12", data_root=rainy)) == 6


def test_a_missing_variant_is_told(rainy: Path) -> None:
    (next((rainy / "cityscapes/leftImg8bit_rain/val/munster").glob("*alpha_0.03*pattern_7.png"))).unlink()
    with pytest.raises(UserError, match=r"1 of 72 image files .*alpha_0\.03.*pattern_7\.png"):
        open_dataset("rainy-cityscapes-hu", data_root=rainy)


def test_a_rainy_frame_without_annotation_is_told(rainy: Path) -> None:
    for path in (rainy / "cityscapes/gtFine/val/munster").iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"munster_000007_000019 has no annotation .* unpack gtFine_trainvaltest\.zip"):
        open_dataset("rainy-cityscapes-hu", data_root=rainy)


def test_a_missing_foggy_image_is_told(root: Path) -> None:
    (root / "cityscapes/leftImg8bit_foggy/val/lindau/lindau_000000_000019_leftImg8bit_foggy_beta_0.02.png").unlink()
    with pytest.raises(UserError, match=r"1 of 4 image files .*beta_0\.02\.png; unpack .*trainvaltest_foggy\.zip"):
        open_dataset("foggy-cityscapes", data_root=root)
    assert len(open_dataset("foggy-cityscapes:beta=0.01", data_root=root)) == 4


def test_a_missing_clear_partner_is_told(root: Path) -> None:
    (root / "cityscapes/leftImg8bit/val/lindau/lindau_000000_000019_leftImg8bit.png").unlink()
    with pytest.raises(UserError, match=r"1 of 4 image files .*every degraded image needs its clear partner"):
        open_dataset("foggy-cityscapes", data_root=root)


def test_missing_packages_are_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        open_dataset("foggy-cityscapes", data_root=tmp_path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert "gtFine_trainvaltest.zip from https://www.cityscapes-dataset.com/downloads" in lines[0]
    assert "leftImg8bit_trainvaltest_foggy.zip" in lines[1]


def test_an_empty_split_folder_is_told(root: Path) -> None:
    (root / "cityscapes/gtFine/val").rename(root / "away")
    (root / "cityscapes/gtFine/val").mkdir()
    with pytest.raises(UserError, match=r"gtFine/val has no files such as CITY/CITY_000000_000019_gtFine_instanceIds"):
        open_dataset("cityscapes", data_root=root)


def test_a_dataset_travels_to_other_processes(root: Path) -> None:
    dataset: Dataset = pickle.loads(pickle.dumps(open_dataset("foggy-cityscapes", data_root=root)))
    assert red(dataset.clean(0)) == 200


def camera_files(root: Path) -> Path:
    frame = FRAMES["val"][0]
    camera = root / "cityscapes/camera/val/frankfurt" / f"{frame}_camera.json"
    camera.parent.mkdir(parents=True)
    values = {"extrinsic": {"baseline": 0.2}, "intrinsic": {"fx": 2000.0, "fy": 2000.0, "u0": 32.0, "v0": 16.0}}
    camera.write_text(json.dumps(values))
    disparity = root / "cityscapes/disparity/val/frankfurt" / f"{frame}_disparity.png"
    disparity.parent.mkdir(parents=True)
    stored = np.full((HEIGHT, WIDTH), 10 * 256 + 1, np.uint16)  # 10 pixels, 40 metres
    stored[0] = 0
    Image.fromarray(stored).save(disparity)
    return disparity


def test_distances_come_from_disparity_and_camera(root: Path) -> None:
    camera_files(root)
    source = open_dataset("cityscapes", data_root=root)._source
    distances = source.load_depth(0)
    assert distances is not None
    assert distances.shape == (HEIGHT, WIDTH)
    np.testing.assert_allclose(distances[16, 32], 40, rtol=1e-6)
    assert np.isinf(distances[0]).all()


@pytest.mark.parametrize("package", ["camera", "disparity"])
def test_missing_disparity_is_told_by_its_package(root: Path, package: str) -> None:
    camera_files(root)
    (root / "cityscapes" / package).rename(root / "away")
    source = open_dataset("cityscapes", data_root=root)._source
    with pytest.raises(
        UserError, match=rf"_{package}\.(png|json), which does not exist; unpack {package}_trainvaltest"
    ):
        source.load_depth(0)


@pytest.mark.parametrize(
    ("objects", "problem"),
    [
        ([{"label": "carr", "polygon": rectangle(0, 0, 3, 3)}], r"objects\[0\]: field 'label' is 'carr'"),
        ([{"polygon": rectangle(0, 0, 3, 3)}], r"objects\[0\]: field 'label' is missing"),
        ([{"label": "car", "polygon": [[1, 2, 3]]}], r"objects\[0\]: field 'polygon'"),
        ([{"label": "car"}], r"objects\[0\]: field 'polygon'"),
        ("none", "field 'objects' is no list"),
    ],
)
def test_broken_polygons_are_told(tmp_path: Path, objects: Any, problem: str) -> None:
    write_polygons(tmp_path / "a.json", objects)
    with pytest.raises(UserError, match=rf"a\.json: {problem}"):
        draw_instance_ids(tmp_path / "a.json")


def test_ids_must_not_be_colours(root: Path) -> None:
    path = root / "cityscapes/gtFine/val/lindau/lindau_000000_000019_gtFine_instanceIds.png"
    photo(path, 3)
    with pytest.raises(UserError, match=r"instanceIds\.png has pixel mode 'RGB', but instance ids are 16-bit grey"):
        open_dataset("cityscapes", data_root=root)
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"instanceIds\.png are broken"):
        open_dataset("cityscapes", data_root=root)


def test_boxes_of_a_whole_split_are_remembered(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LQBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(box_cache, "WORTH_CACHING", 2)
    first = open_dataset("cityscapes", data_root=root)
    (stored,) = (tmp_path / "cache" / "cityscapes").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(box_cache, "read_instance_ids", None)
        again = open_dataset("cityscapes", data_root=root)
    assert again.fingerprint == first.fingerprint
    assert again.facts() == first.facts()
    stored.write_bytes(stored.read_bytes()[:100])
    assert open_dataset("cityscapes", data_root=root).fingerprint == first.fingerprint
    write_instances(root / "cityscapes/gtFine/val/lindau/lindau_000000_000019_gtFine_instanceIds.png")
    open_dataset("cityscapes", data_root=root)
    assert len(list((tmp_path / "cache" / "cityscapes").iterdir())) == 2


numbers = st.sampled_from([0, 7, 24, 26, 26000, 26001, 33002])
id_images = arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=numbers)


@hypothesis_settings(deadline=None, max_examples=60)
@given(ids=id_images)
def test_regions_are_what_a_search_for_each_id_finds(ids: np.ndarray) -> None:
    found = {region.number: (region.box, region.pixels) for region in regions(ids)}
    assert list(found) == [number for number in np.unique(ids).tolist() if number >= 24]
    for number, (box, pixels) in found.items():
        ys, xs = np.nonzero(ids == number)
        assert box == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        assert pixels == len(xs)


def test_an_image_without_instances_has_no_boxes() -> None:
    assert boxes_of_instances(np.full((3, 4), 23, np.uint16), "mmdet") == ([], 0)


@pytest.mark.parametrize("name", ["rainy-cityscapes", "foggy-cityscapes-lcp"])
def test_the_lcp_layout_shares_one_file_and_pairs_by_name(tmp_path: Path, name: str) -> None:
    home = tmp_path / "city"
    degraded = {"rainy-cityscapes": "rainy_city_images", "foggy-cityscapes-lcp": "foggy_city_images"}[name]
    file_name = "frankfurt_000000_000294_leftImg8bit.jpg"
    for folder, shade in ((degraded, 30), ("city_images", 200)):
        photo(home / folder / file_name, shade)
    document = {
        "images": [{"id": 1, "file_name": file_name, "height": HEIGHT, "width": WIDTH}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 8, "bbox": [1, 2, 10, 10], "area": 90, "iscrowd": 0}],
        "categories": [{"id": number + 1, "name": label} for number, label in enumerate(CITYSCAPES_CLASSES)],
    }
    (home / "annotations").mkdir()
    (home / "annotations" / "instances_test2017.json").write_text(json.dumps(document))
    dataset = open_dataset(name, data_root=tmp_path)
    sample = dataset.sample(0, clean=True)
    assert abs(red(sample.image) - 30) < 4
    assert abs(red(sample.clean) - 200) < 4
    assert boxes(dataset) == [("bicycle", (1, 2, 11, 12))]
    (home / "city_images").rename(home / "away")
    assert not open_dataset(name, data_root=tmp_path).has_clean
