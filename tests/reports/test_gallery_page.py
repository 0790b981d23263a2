"""The gallery's data on the page: order, room for pictures, nothing that ends its element, and the page's size."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lqbench.reports.build import build_report
from lqbench.reports.gallery_data import GalleryImage, GalleryTrack, Mark, MethodView, disagreement
from lqbench.reports.gallery_page import BUDGET, LARGEST, fitted
from lqbench.results.record import Record

APS = ((0.5, 0.5, 0.5), (0.1, 0.9, 0.5), (math.nan, math.nan, math.nan))


@pytest.fixture(scope="module")
def made(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("reports/gallery_samples.py")


@pytest.fixture
def records(samples: ModuleType) -> list[Record]:
    return [samples.record(name, 0.3) for name in ("hr", "bicubic", "lr")]


def data(html: str) -> Any:
    found = re.search(r'<script type="application/json" id="gallery-data">(.*?)</script>', html, flags=re.DOTALL)
    return None if found is None else json.loads(found[1])


def page(records: list[Record], track: GalleryTrack, out: Path) -> str:
    return build_report(records, out, gallery=[track]).html.read_text(encoding="utf-8")


def test_disagreement_is_the_spread_of_known_aps() -> None:
    assert disagreement([0.0, 1.0]) == 0.5
    assert disagreement([0.3, 0.3, math.nan]) == 0
    assert math.isnan(disagreement([0.3, math.nan])) and math.isnan(disagreement([]))


def test_images_stand_by_disagreement_and_the_ceiling_has_no_say(
    made: ModuleType, records: list[Record], tmp_path: Path
) -> None:
    aps = ((1.0, 0.5, 0.5), (0.0, 0.4, 0.5), (math.nan,) * 3, (0.5, 0.2, 0.6))
    (found,) = data(page(records, made.track(tmp_path, records, aps), tmp_path / "out"))
    assert [image["id"] for image in found["images"]] == ["image-3", "image-1", "image-0", "image-2"]
    assert [(method["label"], method["ceiling"]) for method in found["methods"]] == [
        ("hr", True),
        ("bicubic", False),
        ("lr", False),
    ]
    assert [view["ap"] for view in found["images"][0]["views"]] == ["50.0", "20.0", "60.0"]
    assert found["images"][0]["truths"][2] == [0, 0, 50, 20, 64, 0]
    assert found["images"][0]["views"][0]["boxes"][0] == [0, 9, 9, 41, 41, 0.9]


def test_methods_that_are_not_on_the_page_are_not_in_its_gallery(
    made: ModuleType, records: list[Record], tmp_path: Path
) -> None:
    track = made.track(tmp_path, records, APS)
    (found,) = data(page(records[:2], track, tmp_path / "a"))
    assert [method["label"] for method in found["methods"]] == ["hr", "bicubic"]
    other = [record.model_copy(update={"cell": record.cell.model_copy(update={"limit": 5})}) for record in records]
    html = page(other, track, tmp_path / "b")
    assert data(html) is None and 'id="gallery"' not in html


def test_the_same_gallery_gives_the_same_bytes(made: ModuleType, records: list[Record], tmp_path: Path) -> None:
    track = made.track(tmp_path, records, APS)
    turned = replace(track, images=tuple(replace(one, views=one.views[::-1]) for one in track.images[::-1]))
    assert page(records, track, tmp_path / "a") == page(records[::-1], turned, tmp_path / "b")


def test_no_name_ends_the_data(made: ModuleType, records: list[Record], samples: ModuleType, tmp_path: Path) -> None:
    hostile = f"</script><!--<script>{samples.HOSTILE}\u2028&amp;"
    track = made.track(tmp_path, records, APS[:1], [hostile], (hostile, "b"))
    html = page(records, track, tmp_path / "out")
    (found,) = data(html)
    assert found["images"][0]["id"] == hostile and found["classes"] == [hostile, "b"]
    block = html[html.index('id="gallery-data">') + len('id="gallery-data">') :]
    assert not set("<>&\u2028") & set(block[: block.index("</script>")])


def test_a_small_picture_is_kept_and_a_large_one_fits_its_room(made: ModuleType, tmp_path: Path) -> None:
    small = made.picture(tmp_path, "degraded", "a", 3)
    assert fitted(small.path, LARGEST).source.startswith("data:image/png;")
    large = made.noise(tmp_path, "b", 1)
    for room in (60_000, 20_000):
        found = fitted(large.path, room)
        assert found.source.startswith("data:image/jpeg;") and len(found.source) * 3 / 4 <= room + 60
        assert max(found.size) <= 512 and found.size[0] * 3 == pytest.approx(found.size[1] * 4, abs=4)


@pytest.fixture(scope="module")
def large(samples: ModuleType, made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on 12 methods and 12 tracks with pictures of 5 images of each."""
    folder = tmp_path_factory.mktemp("large")
    pictures = [made.noise(folder, f"p{number}", number, (320, 240)) for number in range(6)]
    classes = tuple(f"class {number}" for number in range(20))
    records, tracks = [], []
    for place in range(12):
        cells = [samples.cell(f"method-{number}", f"coco-d-{place}") for number in range(12)]
        metrics = samples.coco_metrics(0.3)
        per_class = {name: dict.fromkeys(classes, 0.25) for name in ("AP", "AP50")}
        metrics = metrics.model_copy(update={"per_class": per_class})
        records += [samples.record(cell.method, metrics=metrics, of=cell) for cell in cells]
        boxes = tuple(Mark(number % 20, (1.5 * number, 2.5, 300.1, 200.7), 0.5) for number in range(50))
        images = [
            GalleryImage(
                index,
                f"image-{index}",
                (512, 384),
                boxes[:8],
                pictures[index % 6],
                pictures[(index + 1) % 6],
                tuple(
                    MethodView(cell.key, 0.1 * (number % 7), boxes, pictures[(index + number) % 6])
                    for number, cell in enumerate(cells)
                ),
            )
            for index in range(5)
        ]
        tracks.append(GalleryTrack(cells[0].dataset_fingerprint, classes, tuple(images)))
    return build_report(records, folder / "out", gallery=tracks).html


def test_twelve_methods_on_twelve_tracks_fit_into_15_mb(large: Path) -> None:
    html = large.read_text(encoding="utf-8")
    found = data(html)
    assert len(found) == 12 and all(len(track["methods"]) == 12 for track in found)
    shown = [len(track["images"]) for track in found]
    assert 1 <= min(shown) == max(shown) < 5
    assert f"{shown[0]} of 5 images with pictures in the store" in html
    assert 4 / 3 * BUDGET * 0.5 < large.stat().st_size < 15e6
