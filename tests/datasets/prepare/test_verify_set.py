"""What a verification finds, and that it finds nothing where nothing is wrong."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from lqbench.datasets.catalog import dataset_spec
from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.errors import UserError
from lqbench.datasets.prepare import archives
from lqbench.datasets.prepare.build import build_set
from lqbench.datasets.prepare.check_annotations import check_annotations
from lqbench.datasets.prepare.check_files import check_archives, nested
from lqbench.datasets.prepare.encode import ImageFormat
from lqbench.datasets.prepare.journal import JOURNAL
from lqbench.datasets.prepare.verify import verify
from lqbench.datasets.source import Annotations, FileSource, SourceImage


def found(name, state="problem", **options):
    return [(f.check, f.text) for f in verify(str(name), **options) if f.state == state]


@pytest.fixture
def problems(tiny_root):
    """Return a function that verifies the tiny set, whose small size is no problem."""
    return lambda: found("coco-d", data_root=tiny_root, subset=True)


def test_nothing_is_wrong_with_a_sound_set(problems, tiny_root):
    assert problems() == []
    notes = found("coco-d", "note", data_root=tiny_root, subset=True)
    assert any("10 images, but val2017 officially has 5000" in text for _, text in notes)


def test_a_smaller_set_is_a_problem_unless_it_is_meant(tiny_root):
    [(check, text)] = found("coco-d", data_root=tiny_root)
    assert (check, text[:42]) == ("count", "10 images, but val2017 officially has 5000")


def test_more_images_than_published_are_a_problem(tiny_root, monkeypatch):
    spec = dataset_spec("coco-d").model_copy(update={"official_images": {"val2017": 9}})
    monkeypatch.setattr("lqbench.datasets.prepare.verify.dataset_spec", lambda name: spec)
    [(check, text)] = found("coco-d", data_root=tiny_root, subset=True)
    assert check == "count"
    assert "another release" in text


def test_every_broken_image_is_a_line(problems, tiny_root):
    folder = tiny_root / "val2017"
    whole = (folder / "000000000002.png").read_bytes()
    (folder / "000000000002.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (9, 9)).save(folder / "000000000005.png")
    Image.fromarray(np.zeros((36, 48), np.uint16)).save(folder / "000000000007.png")
    told = problems()
    assert [check for check, _ in told] == ["images"] * 3
    words = {2: "truncated or broken", 5: "9 x 9 pixels", 7: "pixel mode"}
    for (_, text), (number, word) in zip(told, words.items(), strict=True):
        assert word in text
        assert f"{number:012d}.png" in text


def test_every_box_without_an_area_or_outside_is_a_line(problems, tiny_root, change_coco):
    def spoil(document):
        for entry, box in zip(document["annotations"], ([4, 5, 0, 9], [4, 5, 9, -1], [60, 5, 9, 9]), strict=False):
            entry["bbox"] = box

    change_coco(tiny_root, spoil)
    told = problems()
    assert [check for check, _ in told] == ["boxes"] * 3
    assert "annotation 2 (image 1)" in told[0][1]
    assert ["zero or negative width" in told[0][1], "height" in told[1][1], "outside" in told[2][1]] == [True] * 3


def test_boxes_that_are_clipped_are_noted(problems, tiny_root, change_coco):
    change_coco(tiny_root, lambda d: d["annotations"][0].update(bbox=[-1, 5, 10, 10]))
    assert problems() == []
    assert ("boxes", "1 boxes reach up to 2 px beyond their image and are clipped") in found(
        "coco-d", "note", data_root=tiny_root, subset=True
    )


@pytest.mark.parametrize("factor", [16.0, 1 / 64])
def test_areas_in_other_pixels_than_the_boxes_are_found(problems, tiny_root, change_coco, factor):
    change_coco(tiny_root, lambda d: [entry.update(area=entry["area"] * factor) for entry in d["annotations"]])
    [(check, text)] = problems()
    assert check == "areas"
    assert f"{factor / 2:.3g}" in text


def test_another_order_of_classes_is_told(problems, tiny_root, change_coco):
    change_coco(tiny_root, lambda d: d["categories"].reverse())
    [(check, text)] = problems()
    assert check == "classes"
    assert text.startswith("the annotation file lists its classes as car, person")


def test_a_foreign_class_is_one_problem_and_ends_the_reading(problems, tiny_root, change_coco):
    change_coco(tiny_root, lambda d: d["categories"][0].update(name="unicorn"))
    [(check, text)] = problems()
    assert check == "annotations"
    assert "unicorn" in text


def test_an_image_in_two_splits_is_found_whatever_its_name(problems, tiny_root, make_root):
    make_root(tiny_root, images=4, split="train2017", first=50)
    assert problems() == []
    shutil.copy(tiny_root / "val2017" / "000000000003.png", tiny_root / "train2017" / "000000000051.png")
    [(check, text)] = problems()
    assert check == "leakage"
    assert "000000000003.png of val2017 is in train2017 too" in text
    assert text.endswith("000000000051.png; take it out of one of them")


@pytest.mark.parametrize(
    ("split", "other", "expected"),
    [("test", "all", True), ("trainval", "val", True), ("train", "val", False), ("test-A", "test-B", False)],
)
def test_splits_that_contain_each_other_are_not_compared(split, other, expected):
    assert nested(split, other) == nested(other, split) == expected


@pytest.fixture
def foggy(tmp_path):
    """Return a function that checks sources whose image names carry the given betas."""

    def check(betas):
        folder = tmp_path / "val" / "city"
        folder.mkdir(parents=True)
        images = []
        for number, beta in enumerate(betas):
            file = folder / f"city_000000_{number:06d}_leftImg8bit_foggy_beta_{beta}.png"
            file.touch()
            images.append(SourceImage(str(number), str(file), (4, 4), Annotations.of([])))
        spec = dataset_spec("foggy-cityscapes")
        read = [image for image in images if "beta_0.03" not in image.file]
        source = FileSource(spec.classes, read, [1] * len(read), {})
        return [f.text for f in check_annotations(spec, "val", source, subset=True) if f.check == "beta"]

    return check


def test_the_beta_of_foggy_images_is_read_from_their_names(foggy):
    assert foggy(["0.02", "0.02"]) == ["all file names say beta 0.02"]


def test_images_of_another_beta_are_found(foggy):
    told = foggy(["0.02", "0.01"])
    assert "should say _beta_0.02" in told[0]
    assert told[1:] == [f"1 files say beta {beta}, but 2 frames are annotated" for beta in ("0.01", "0.02")]


def test_files_of_an_unknown_beta_are_found(foggy):
    assert foggy(["0.02", "0.03"]) == ["1 files say beta 0.03, which is none of 0.02, 0.005, 0.01"]


def archive_findings(*listed):
    return [(f.state, f.text) for f in check_archives([archives.Archive(*pair) for pair in listed])]


def test_archives_are_compared_with_their_published_checksum(tmp_path):
    path = tmp_path / "set.tar"
    path.write_bytes(b"content")
    md5 = hashlib.md5(b"content").hexdigest()
    assert archive_findings((path, md5)) == [("ok", "set.tar has its published md5")]
    [(state, text)] = archive_findings((path, "0" * 32))
    assert state == "problem"
    assert f"has md5 {md5}, but {'0' * 32} is published" in text


@pytest.mark.parametrize("name", ["set.zip", "set.tar", "set.tar.gz"])
def test_half_downloaded_archives_are_found_without_a_checksum(tmp_path, name):
    content, path = tmp_path / "content", tmp_path / name
    content.write_bytes(np.random.default_rng(0).bytes(50_000))
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(content, "content")
    else:
        with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as archive:
            archive.add(content, "content")
    assert archive_findings((path, ""))[0][0] == "ok"
    path.write_bytes(path.read_bytes()[:30_000])
    [(state, text)] = archive_findings((path, ""))
    assert state == "problem"
    assert "only part of an archive" in text


def test_archives_beside_the_data_are_looked_at(voc_root, monkeypatch):
    root = voc_root()
    (root / "VOCtest_06-Nov-2007.tar").write_bytes(b"half")
    told = found("voc-lr-x4", data_root=root, subset=True)
    assert [check for check, _ in told] == ["archives"]
    assert "b6e924de25625d8de591ea690078ad9f is published" in told[0][1]


def test_a_checksum_handed_out_as_a_file_is_used(tmp_path):
    spec = dataset_spec("cityscapes")
    (tmp_path / "gtFine_trainvaltest.zip").write_bytes(b"x")
    (tmp_path / "gtFine_trainvaltest.zip.md5").write_text(f"{'A' * 32}  gtFine_trainvaltest.zip\n")
    [archive] = archives.archives_at_hand(spec, [tmp_path])
    assert archive.md5 == "a" * 32


@pytest.fixture
def built(tiny_root, tmp_path):
    folder = tmp_path / "set"
    build_set(open_dataset("coco-d", data_root=tiny_root), folder, ImageFormat())
    return folder


def test_a_built_set_is_sound(built):
    assert found(built) == []


def test_changes_in_a_built_set_are_found(built):
    images = sorted((built / "images").iterdir())
    images[0].unlink()
    images[1].write_bytes(images[2].read_bytes())
    (built / "images" / "holiday.png").touch()
    (built / "manifest.parquet").write_bytes((built / "manifest.parquet").read_bytes() + b" ")
    told = found(built)
    assert [check for check, _ in told][:1] == ["checksums"]
    (built / "manifest.parquet").write_bytes((built / "manifest.parquet").read_bytes()[:-1])
    texts = [text for check, text in found(built) if check == "images"]
    assert ["is missing" in texts[0], "was changed" in texts[1], "not in the manifest" in texts[2]] == [True] * 3


def test_areas_of_the_wrong_frame_in_a_built_set_are_found(built):
    file = built / "annotations" / "instances_val2017.json"
    document = json.loads(file.read_text())
    document["annotations"][3]["area"] = document["annotations"][3]["area_annotated"] * 0.999
    file.write_text(json.dumps(document))
    checks = [check for check, text in found(built)]
    assert checks == ["checksums", "areas"]


def test_an_unfinished_build_is_told(built):
    (built / JOURNAL).write_text("{}\n")
    assert [check for check, _ in found(built)] == ["build"]
    (built / "dataset.json").unlink()
    assert "not finished" in found(built)[0][1]


def test_what_is_not_there_is_a_mistake_of_the_command(tmp_path, tiny_root):
    with pytest.raises(UserError, match="needs VOCdevkit"):
        verify("voc-lr-x4", data_root=tiny_root)
    with pytest.raises(UserError, match="no split 'x'"):
        verify("coco-d", data_root=tiny_root, split="x")
    with pytest.raises(UserError, match="write coco:"):
        verify(str(tiny_root))


@pytest.mark.parametrize(
    ("name", "boxes"),
    [("coco:{}/coco128", 898), ("voc:{}/voc2012_100", 273), ("voc:{}/dawn_fog", 517), ("coco:{}/underwater_fish", 74)],
)
def test_real_sets_are_sound(shared_data, name, boxes):
    findings = list(verify(name.format(shared_data)))
    assert [f.text for f in findings if f.state == "problem"] == []
    assert any(f.text.startswith(f"{boxes} boxes") for f in findings)
