"""The report's gallery: pictures of the cells shown, embedded, escaped and limited; no section without any."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from lqbench.reports.build import ReportFiles, build_report
from lqbench.reports.gallery import LARGEST_AS_IT_IS, PICTURES, WIDEST
from lqbench.results.pictures import PictureFacts, StoredPicture, picture_folder, pictures_of, write_picture
from lqbench.results.record import Record


class Images(HTMLParser):
    """Collects the attributes of images, and of what they are described by."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.images: list[dict[str, str]] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.scripts = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.scripts += tag == "script"
        if tag == "img":
            self.images.append(given)


def put(store: Path, record: Record, count: int, *, size: tuple[int, int] = (30, 20)) -> None:
    for index in range(count):
        facts = PictureFacts(
            kind="crux",
            image_id=f"val-{index}",
            index=index,
            alt=f"Shows image {index}",
            caption=f"Beneath image {index}",
        )
        write_picture(picture_folder(store, record.cell), Image.new("RGB", size, (0, index, 0)), facts)


def stored(store: Path, records: list[Record]) -> dict[str, list[StoredPicture]]:
    return {record.cell.key: found for record in records if (found := pictures_of(store, record.cell))}


def report(store: Path, records: list[Record], out: Path) -> ReportFiles:
    return build_report(records, out, stored(store, records))


def payload(image: dict[str, str]) -> bytes:
    return base64.b64decode(image["src"].partition("base64,")[2])


@pytest.fixture
def records(samples: ModuleType) -> list[Record]:
    return samples.sample_records()


def test_pictures_are_embedded_as_they_are_with_text_for_those_who_cannot_see(
    records: list[Record], tmp_path: Path
) -> None:
    put(tmp_path, records[0], 2)
    html = report(tmp_path, records, tmp_path / "out").html.read_text(encoding="utf-8")
    page = Images(html)
    files = [picture.path.read_bytes() for picture in pictures_of(tmp_path, records[0].cell)]
    assert [payload(image) for image in page.images] == files
    for index, image in enumerate(page.images):
        assert (image["alt"], image["width"], image["height"]) == (f"Shows image {index}", "30", "20")
        assert image["loading"] == "lazy"
    assert html.count("<figcaption") >= 2 and "Beneath image 1" in html


def test_the_gallery_and_its_cell_lead_to_each_other(records: list[Record], tmp_path: Path) -> None:
    put(tmp_path, records[0], 1)
    page = Images(report(tmp_path, records, tmp_path / "out").html.read_text(encoding="utf-8"))
    key = records[0].cell.key
    assert {"pictures", f"pictures-{key}", f"cell-{key}"} <= set(page.ids)
    assert {"#pictures", f"#pictures-{key}"} <= set(page.links)
    assert len(page.ids) == len(set(page.ids))
    assert {link for link in page.links if link.startswith("#")} <= {f"#{name}" for name in page.ids}


def test_markdown_names_the_folder_alone(records: list[Record], tmp_path: Path) -> None:
    put(tmp_path, records[0], 2)
    put(tmp_path, records[1], 1)
    text = report(tmp_path, records, tmp_path / "out").markdown.read_text(encoding="utf-8")
    assert f"- lr on coco-d val2017: 2 pictures in pictures/{records[0].cell.directory} of the store\n" in text
    assert "1 picture in pictures/bicubic" in text
    assert "data:image" not in text and "\n\n\n" not in text


def test_without_pictures_there_is_no_section(records: list[Record], samples: ModuleType, tmp_path: Path) -> None:
    put(tmp_path, samples.record("of another cell", 0.1), 1)
    files = report(tmp_path, records, tmp_path / "a")
    plain = build_report(records, tmp_path / "b")
    for found, wanted in ((files.html, plain.html), (files.markdown, plain.markdown)):
        assert found.read_bytes() == wanted.read_bytes()
        assert 'id="pictures"' not in found.read_text(encoding="utf-8")
        assert "## Pictures" not in found.read_text(encoding="utf-8")


def test_only_some_pictures_of_a_cell_are_embedded(records: list[Record], tmp_path: Path) -> None:
    put(tmp_path, records[0], PICTURES + 3)
    html = report(tmp_path, records, tmp_path / "out").html.read_text(encoding="utf-8")
    assert len(Images(html).images) == PICTURES
    assert (
        f"The first {PICTURES} of {PICTURES + 3} pictures; 3 more lie in pictures/{records[0].cell.directory}" in html
    )


def test_wide_pictures_are_reduced(records: list[Record], tmp_path: Path) -> None:
    put(tmp_path, records[0], 1, size=(2 * WIDEST, 100))
    (image,) = Images(report(tmp_path, records, tmp_path / "out").html.read_text(encoding="utf-8")).images
    with Image.open(io.BytesIO(payload(image))) as found:
        assert found.size == (WIDEST, 50) == (int(image["width"]), int(image["height"]))


def test_heavy_pictures_are_embedded_smaller(records: list[Record], tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    facts = PictureFacts(kind="crux", image_id="a", index=0, alt="Noise", caption="Noise")
    path = write_picture(picture_folder(tmp_path, records[0].cell), Image.fromarray(noise), facts)
    assert path.stat().st_size > LARGEST_AS_IT_IS
    (image,) = Images(report(tmp_path, records, tmp_path / "out").html.read_text(encoding="utf-8")).images
    assert image["src"].startswith("data:image/jpeg;")
    assert len(payload(image)) < path.stat().st_size
    assert (image["width"], image["height"]) == ("600", "600")


def test_the_same_store_gives_the_same_bytes_wherever_it_lies(records: list[Record], tmp_path: Path) -> None:
    made = []
    for place in ("a", "b"):
        put(tmp_path / place, records[0], 2)
        put(tmp_path / place, records[1], 1, size=(WIDEST + 9, 30))
        files = report(tmp_path / place, records, tmp_path / place / "out")
        made.append((files.html.read_bytes(), files.markdown.read_bytes()))
    assert made[0] == made[1]


def test_hostile_ids_stay_text(samples: ModuleType, tmp_path: Path) -> None:
    records = samples.hostile_records()
    facts = PictureFacts(
        kind="crux", image_id=samples.HOSTILE, index=0, alt=f"Shows {samples.HOSTILE}", caption=samples.HOSTILE
    )
    # The cell's hostile names make a folder name that is too long for a file system.
    picture = StoredPicture(write_picture(tmp_path, Image.new("RGB", (8, 8)), facts), facts, (8, 8))
    files = build_report(records, tmp_path / "out", {records[0].cell.key: [picture]})
    page = Images(files.html.read_text(encoding="utf-8"))
    (image,) = page.images
    assert image["alt"] == f"Shows {samples.HOSTILE}"
    assert image["src"].startswith("data:image/png;base64,") and "onerror" not in image
    assert page.scripts == 1
    text = files.markdown.read_text(encoding="utf-8")
    section = text[text.index("## Pictures") : text.index("## Methods")]
    assert "1 picture in" in section and "<" not in section
