"""Pictures in a store: names, bytes, order, and files that are none of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from lqbench.datasets.errors import UserError
from lqbench.results.cell import Cell
from lqbench.results.pictures import PictureFacts, picture_folder, pictures_of, write_picture

CELL = Cell(
    method="lcp",
    method_source="0" * 64,
    dataset="scenes-fog",
    dataset_version="1",
    split="val",
    dataset_fingerprint="1" * 64,
)


def facts(image_id: str, index: int = 0) -> PictureFacts:
    return PictureFacts(kind="crux", image_id=image_id, index=index, alt=f"<{image_id}> \u00e9", caption="A caption.")


def write(store: Path, image_id: str, index: int = 0) -> Path:
    return write_picture(picture_folder(store, CELL), Image.new("RGB", (8, 4), (index, 0, 0)), facts(image_id, index))


def test_what_was_written_is_found_in_the_order_of_the_images(tmp_path: Path) -> None:
    for image_id, index in (("b", 1), ("a", 2), ("c", 0)):
        write(tmp_path, image_id, index)
    found = pictures_of(tmp_path, CELL)
    assert [picture.facts for picture in found] == [facts("c", 0), facts("b", 1), facts("a", 2)]
    assert found[0].path == tmp_path / "pictures" / CELL.directory / "crux-c.png"
    assert found[0].size == (8, 4)


def test_the_same_picture_has_the_same_bytes_and_replaces_the_older_one(tmp_path: Path) -> None:
    first = write(tmp_path, "a").read_bytes()
    assert write(tmp_path, "a").read_bytes() == first
    assert len(list(picture_folder(tmp_path, CELL).iterdir())) == 1
    with Image.open(tmp_path / "pictures" / CELL.directory / "crux-a.png") as image:
        assert list(image.info) == ["lqbench"]


@pytest.mark.parametrize("image_id", ["../../x", "a/b", "a\\b", "", "\u00e9", "x" * 300, "a b", "\0"])
def test_ids_that_make_no_file_name_stay_in_the_folder(tmp_path: Path, image_id: str) -> None:
    path = write(tmp_path, image_id)
    assert path.parent == picture_folder(tmp_path, CELL)
    assert len(path.name) < 100 and path.name.isascii()
    assert pictures_of(tmp_path, CELL)[0].facts.image_id == image_id


def test_ids_that_look_alike_get_files_of_their_own(tmp_path: Path) -> None:
    assert len({write(tmp_path, image_id) for image_id in ("a-b", "a/b", "a b", "a\\b")}) == 4


def test_a_cell_without_pictures_has_none(tmp_path: Path) -> None:
    assert pictures_of(tmp_path, CELL) == []


@pytest.mark.parametrize("damage", ["foreign", "text", "cut"])
def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path, "a")
    if damage == "foreign":
        Image.new("RGB", (4, 4)).save(path)
    else:
        path.write_bytes(b"no picture" if damage == "text" else path.read_bytes()[:40])
    with pytest.raises(UserError, match=r"crux-a\.png is damaged, or no picture"):
        pictures_of(tmp_path, CELL)
