"""``lqbench results import`` and ``export``: detections travel as COCO files without changing a number."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lqbench.benchmark.cli.main import main
from lqbench.results.store import Store

FIGURES = ("AP", "AP50", "AP75", "AP_S", "AP_M", "AP_L", "AR1", "AR10", "AR100", "AR_S", "AR_M", "AR_L")
ENTRY = {"image_id": 1, "category_id": 1, "bbox": [1.0, 1.0, 5.0, 5.0], "score": 0.5}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["results", *map(str, arguments)])


@pytest.fixture
def place(coco_root: Path, tmp_path: Path) -> list[object]:
    """The options that name a dataset of 20 images and a store."""
    return ["--dataset", "coco-d", "--data-root", coco_root, "--store", tmp_path / "store"]


def import_entries(entries: Any, place: list[object], tmp_path: Path, *more: object, method: str = "theirs") -> Result:
    file = tmp_path / "found.json"
    file.write_text(json.dumps(entries))
    return run("import", file, "--method", method, *place, *more)


def exported(tmp_path: Path, *more: object) -> tuple[Path, list[Path]]:
    """Export the store; return the ground truth's file and those of the cells."""
    out = tmp_path / "coco"
    result = run("export", "--out", out, "--store", tmp_path / "store", *more)
    assert result.exit_code == 0, result.output
    (truth,) = out.glob("ground-truth__*.json")
    return truth, sorted(path for path in out.glob("*.json") if path != truth)


def detections_near(truth: Path) -> list[dict[str, Any]]:
    """Two detections for each object, misplaced a little, and one anywhere in each image; scores with ties."""
    document = json.loads(truth.read_text())
    noise = np.random.default_rng(0)
    entries = []
    for image in document["images"]:
        boxes = [one["bbox"] for one in document["annotations"] if one["image_id"] == image["id"]]
        for number, (x, y, width, height) in enumerate([*boxes, *boxes, [0.0, 0.0, 6.0, 5.0]]):
            shift = float(noise.uniform(0, width / 4))
            box = [x + shift, y, min(width, image["width"] - x - shift), height]
            score = round(float(noise.random()), 1)
            entries.append({"image_id": image["id"], "category_id": 1 + number % 2, "bbox": box, "score": score})
    return entries


def pycocotools_figures(truth: Path, found: Path) -> list[float]:
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO(str(truth))
        evaluation = COCOeval(known, known.loadRes(str(found)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return list(evaluation.stats)


@pytest.mark.parametrize("frame", ["degraded", "annotated"])
def test_there_and_back_again_every_figure_stays(place, tmp_path, frame):
    assert import_entries([], place, tmp_path, method="nothing").exit_code == 0
    truth, _ = exported(tmp_path)
    result = import_entries(detections_near(truth), place, tmp_path)
    assert result.exit_code == 0, result.output
    truth, files = exported(tmp_path, "--method", "theirs", "--frame", frame)
    found = next(path for path in files if path.name.startswith("theirs"))
    assert run("import", found, "--method", "again", *place, "--frame", frame).exit_code == 0
    values = {
        record.cell.method: record.metrics.values
        for record in Store(tmp_path / "store").records()
        if record.metrics is not None
    }
    assert 0.05 < (values["theirs"]["AP"] or 0) < 0.95
    assert values["nothing"]["AP"] == 0
    assert values["again"] == pytest.approx(values["theirs"], abs=1e-6)
    sized = [values["theirs"][f"{name}_{frame}" if name[-2:] in ("_S", "_M", "_L") else name] for name in FIGURES]
    # pycocotools writes -1 where there is nothing to measure.
    told = [-1.0 if value is None else value for value in sized]
    assert pycocotools_figures(truth, found) == pytest.approx(told, abs=1e-6)


def test_the_cell_says_where_it_comes_from(place, tmp_path):
    assert import_entries([ENTRY], place, tmp_path).exit_code == 0
    (record,) = Store(tmp_path / "store").records()
    assert record.metrics is not None
    assert record.cell.method_source == "imported"
    assert record.cell.weights_sha256 == ""
    assert record.cell.method_settings == {"detections_sha256": record.metrics.detections_sha256}
    assert record.method_card["kind"] == "external"
    assert "found.json" in record.method_card["summary"]
    assert (record.images, record.detections) == (20, 1)
    assert record.finished >= record.started
    again = import_entries([ENTRY], place, tmp_path)
    assert "already there" in again.output
    assert len(Store(tmp_path / "store").records()) == 1


def test_an_imported_cell_is_reported_like_others(place, tmp_path):
    assert import_entries([ENTRY], place, tmp_path).exit_code == 0
    out = tmp_path / "report"
    result = CliRunner().invoke(main, ["report", "--store", str(tmp_path / "store"), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "theirs" in (out / "report.md").read_text()


def test_the_best_100_of_an_image_are_kept_and_it_is_said(place, tmp_path):
    many = [{**ENTRY, "score": number / 1000} for number in range(130)]
    result = import_entries([*many, {**ENTRY, "image_id": 2}], place, tmp_path)
    assert "30 detections left out" in result.output
    store = Store(tmp_path / "store")
    (record,) = store.records()
    assert record.notes == ("30 detections left out in 1 images: only the best 100 of an image are kept",)
    found = store.detections(record.cell)
    assert len(found) == 101
    assert found["score"].iloc[:100].min() == pytest.approx(0.03)


def test_boxes_are_cut_at_the_border_within_a_pixel(place, tmp_path):
    assert import_entries([{**ENTRY, "bbox": [-0.9, 1, 5, 5]}], place, tmp_path).exit_code == 0
    store = Store(tmp_path / "store")
    assert store.detections(store.records()[0].cell)["x1"].tolist() == [0.0]


NAN = float("nan")


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ([{**ENTRY, "image_id": 99}], "entry 0 .*'image_id' is 99"),
        ([ENTRY, {**ENTRY, "image_id": True}], "entry 1 .*'image_id' is True"),
        ([{**ENTRY, "image_id": [1]}], "'image_id' is"),
        ([{**ENTRY, "category_id": 0}], "'category_id' is 0, and the 80 classes"),
        ([{**ENTRY, "category_id": 12}], "'category_id' is 12"),
        ([{**ENTRY, "category_id": 91}], "'category_id' is 91"),
        ([{**ENTRY, "category_id": "1"}], "'category_id' is '1'"),
        ([{**ENTRY, "score": NAN}], "'score' is nan"),
        ([{**ENTRY, "score": 1.01}], "'score' is 1.01, not a number from 0 to 1"),
        ([{**ENTRY, "score": -0.1}], "'score' is -0.1"),
        ([{**ENTRY, "score": None}], "'score' is None"),
        ([{**ENTRY, "bbox": [1, 1, NAN, 5]}], "'bbox' is"),
        ([{**ENTRY, "bbox": [1, 1, 10**400, 5]}], "'bbox' is"),
        ([{**ENTRY, "bbox": [1, 1, 5]}], "'bbox' is"),
        ([{**ENTRY, "bbox": "1155"}], "'bbox' is"),
        ([{**ENTRY, "bbox": [1, 1, -5, 5]}], "negative width or height"),
        ([{**ENTRY, "bbox": [-1.1, 1, 5, 5]}], "leaves its image .*by more than 1"),
        ([{**ENTRY, "bbox": [1, 1, 5, 1000]}], "leaves its image"),
        ([{"image_id": 1}], "no object with the fields"),
        ([[]], "no object with the fields"),
        ({"annotations": []}, "annotation file, not a results file"),
        ({}, "is no list"),
    ],
)
def test_wrong_files_are_told_in_one_sentence_and_change_nothing(place, tmp_path, entries, complaint):
    result = import_entries(entries, place, tmp_path)
    assert result.exit_code == 2
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert len(result.output.splitlines()) == 1
    assert re.search(complaint, result.output), result.output
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("content", [None, "", "no json", "[" * 100_000])
def test_files_that_are_no_json_are_told(place, tmp_path, content):
    file = tmp_path / "broken.json"
    if content is not None:
        file.write_text(content)
    result = run("import", file, "--method", "theirs", *place)
    assert result.exit_code == 2
    assert "broken.json" in result.output
    assert len(result.output.splitlines()) == 1


def test_a_name_of_the_suite_or_of_no_folder_is_refused(place, tmp_path):
    for name, complaint in (("hr", "the suite has a method of this name"), ("a/b", "letters, digits"), ("", "letters")):
        result = import_entries([], place, tmp_path, method=name)
        assert result.exit_code == 2
        assert complaint in result.output


def test_an_image_may_be_named_by_its_own_id(place, tmp_path):
    assert import_entries([{**ENTRY, "image_id": "7"}], place, tmp_path).exit_code == 0
    store = Store(tmp_path / "store")
    assert store.detections(store.records()[0].cell)["image"].tolist() == [6]


def test_images_of_other_names_are_counted_from_one(tmp_path):
    place = ["--dataset", "scenes-d", "--limit", "2", "--store", tmp_path / "store"]
    assert import_entries([{**ENTRY, "image_id": 2}], place, tmp_path).exit_code == 0
    truth, (found,) = exported(tmp_path)
    document = json.loads(truth.read_text())
    assert [image["id"] for image in document["images"]] == [1, 2]
    assert all(image["source_id"].startswith("val-") for image in document["images"])
    assert json.loads(found.read_text()) == [{**ENTRY, "image_id": 2}]


def test_torch_is_not_imported(coco_root, tmp_path):
    file = tmp_path / "found.json"
    file.write_text(json.dumps([ENTRY]))
    words = ["results", "import", file, "--method", "theirs", "--dataset", "coco-d", "--data-root", coco_root]
    program = (
        "import sys\nfrom lqbench.benchmark.cli.main import main\n"
        f"sys.argv = ['lqbench', *{[*map(str, words), '--store', str(tmp_path / 'store')]!r}]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_export_writes_the_same_bytes_again_and_nothing_without_cells(place, tmp_path):
    assert import_entries([ENTRY], place, tmp_path).exit_code == 0
    truth, (found,) = exported(tmp_path)
    first = truth.read_bytes(), found.read_bytes()
    truth, (found,) = exported(tmp_path)
    assert (truth.read_bytes(), found.read_bytes()) == first
    result = run("export", "--out", tmp_path / "none", "--method", "no", "--store", tmp_path / "store")
    assert result.exit_code == 2
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", ["import", "export", "prune"])
def test_help_shows_an_example(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"  lqbench results {command} " in result.output
