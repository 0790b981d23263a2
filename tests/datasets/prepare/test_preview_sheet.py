"""Contact sheets show the images, their boxes and nothing that an annotation file smuggles in."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.errors import UserError
from lqbench.datasets.prepare.preview import colour_of, make_pair, spread, words, write_preview


@pytest.fixture
def dataset(tiny_root):
    return open_dataset("coco-lr-x8", data_root=tiny_root)


def test_a_pair_holds_the_boxes_in_the_pixels_of_each_picture(dataset):
    pair = make_pair(dataset, 2)
    assert pair.clean is not None
    assert (pair.clean.pixels == dataset.clean(2).numpy().transpose(1, 2, 0)).all()
    assert (pair.degraded.pixels == dataset.sample(2).image.numpy().transpose(1, 2, 0)).all()
    np.testing.assert_allclose(pair.clean.boxes[0].xyxy, np.array(pair.degraded.boxes[0].xyxy) * 8)
    assert [box.name for box in pair.clean.boxes] == ["person", "car"]
    assert [box.faint for box in pair.clean.boxes] == [False, True]


def test_the_sheet_shows_boxes_where_they_are(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    Image.new("RGB", (360, 270), (0, 0, 255)).save(folder / "a.png")
    box = "<bndbox><xmin>101</xmin><ymin>51</ymin><xmax>200</xmax><ymax>150</ymax></bndbox>"
    (folder / "a.xml").write_text(f"<annotation><object><name>thing</name>{box}</object></annotation>")
    write_preview(open_dataset(f"voc:{folder}"), tmp_path / "sheet.png", 1)
    with Image.open(tmp_path / "sheet.png") as image:
        pixels = np.asarray(image)
    rows, columns = np.nonzero((pixels == colour_of(0)).all(axis=2))
    blue_rows, blue_columns = np.nonzero((pixels == (0, 0, 255)).all(axis=2))
    top, left = blue_rows.min(), blue_columns.min()
    assert (columns.min() - left, columns.max() - left, rows.max() - top) == (100, 199, 149)


def test_the_clean_and_the_degraded_picture_stand_side_by_side(dataset, tmp_path):
    assert write_preview(dataset, tmp_path / "sheet.png", 3) == 3
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.width > image.height
        assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) > 100


def test_the_page_is_one_file_with_the_degraded_pixels(dataset, tmp_path):
    write_preview(dataset, tmp_path / "page.html", 2)
    text = (tmp_path / "page.html").read_text()
    assert re.findall(r'(?:src|href)="(?!data:)', text) == []
    assert "http" not in text
    images = [base64.b64decode(content) for content in re.findall(r"data:image/png;base64,([^\"]+)", text)]
    with Image.open(io.BytesIO(images[0])) as image:
        assert (np.asarray(image) == dataset.sample(0).image.numpy().transpose(1, 2, 0)).all()
    assert text.count("<rect") == 8


def test_class_names_and_ids_are_escaped(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    Image.new("RGB", (40, 30)).save(folder / "x<b>.png")
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    name = "&lt;script&gt;alert(1)&lt;/script&gt;"
    (folder / "x<b>.xml").write_text(f"<annotation><object><name>{name}</name>{box}</object></annotation>")
    write_preview(open_dataset(f"voc:{folder}"), tmp_path / "page.html", 1)
    text = (tmp_path / "page.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "<b>x&lt;b&gt;</b>" in text


def test_images_are_spread_over_the_set():
    assert spread(100, 5) == [0, 25, 50, 74, 99]
    assert spread(3, 12) == [0, 1, 2]
    assert spread(1, 1) == [0]


def test_parameters_are_told_in_words():
    drawn = {"blur": "iso", "theta": None, "variance1": 2.41234, "then": {"factor": 4}, "on": True}
    assert words(drawn) == "blur iso, variance1 2.41, then (factor 4), on true"
    steps = [{"step": "dark", "exposure": 0.1129316}, {"step": "rain", "layers_m": [2.0, 4.0], "rate": None}]
    assert words({"steps": steps}) == "dark (exposure 0.113) | rain (layers_m [2, 4])"


def test_a_wrong_ending_and_an_unwritable_place_are_told(dataset, tmp_path):
    with pytest.raises(UserError, match="must end in"):
        write_preview(dataset, tmp_path / "page.pdf", 2)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        write_preview(dataset, tmp_path / "file" / "page.png", 2)


@pytest.mark.parametrize(
    ("name", "folder", "shown"),
    [
        ("coco-d", "coco128", ("clean ", "noise_sigma_255")),
        ("voc:{}", "voc2012_100", ("person",)),
        ("voc:{}", "dawn_fog", ("car",)),
        ("coco:{}", "underwater_fish", ("Rohu",)),
    ],
)
def test_real_sets_can_be_looked_at(shared_data, tmp_path, name, folder, shown):
    data = shared_data / folder
    dataset = open_dataset(name.format(data), data_root=data)
    assert write_preview(dataset, tmp_path / "sheet.png", 6) == 6
    assert write_preview(dataset, tmp_path / "page.html", 6) == 6
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert len(set(sheet.resize((60, 60)).getdata())) > 500
    page = (tmp_path / "page.html").read_text()
    assert all(text in page for text in shown)
    assert "<script" not in page
