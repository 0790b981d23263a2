"""``lqbench data favour``: the recipe of DFUI from a built set and the bundled detector to a COCO file that opens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lqbench.benchmark.analysis.image_ap import image_ap
from lqbench.benchmark.cli.main import main
from lqbench.datasets.dataset import open_dataset
from lqbench.results.store import Store

RUN = ("run", "--method", "lr", "--detector", "mini", "--dataset", "coco:built", "--workers", 0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with four scenes in files and the bundled detector's detections in a store."""
    home = tmp_path_factory.mktemp("favour")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        lqbench("data", "build", "scenes-clean", "--limit", 4, "--out", "built", "--workers", 1)
        lqbench(*RUN)
    return home


@pytest.fixture(autouse=True)
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(home)
    return home


def lqbench(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def told(*arguments: object) -> str:
    """Run the command on a mistake and return its one sentence."""
    line = lqbench("data", "favour", *arguments, code=2).stderr.splitlines()[-1]
    assert line.startswith("lqbench: ")
    return line


def own_aps() -> np.ndarray:
    store = Store(Path(".lqbench/store"))
    (record,) = [r for r in store.records() if r.cell.dataset == "coco:built" and r.cell.limit is None]
    truth = store.ground_truth(record.cell.dataset_fingerprint)
    return image_ap(truth, store.detections(record.cell)).to_numpy()


def test_images_with_a_high_ap_of_their_own_become_a_data_set(here: Path) -> None:
    aps = own_aps()
    limit = float(np.sort(aps)[-2])
    text = lqbench("data", "favour", "coco:built", "--out", "good/a.json", "--min-ap", 100 * limit).stdout
    assert text.startswith("2 of 4 images with objects have an AP of at least ")
    name = text.splitlines()[1].removeprefix("open it as: ")
    assert name == f"coco:good/a.json,{here / 'built' / 'images'}"
    whole, chosen = open_dataset("coco:built"), open_dataset(name)
    indices = np.flatnonzero(aps >= limit).tolist()
    assert [record.image_id for record in chosen.records] == [whole.records[index].image_id for index in indices]
    assert set(chosen.classes) == set(whole.classes)
    for position, index in enumerate(indices):
        assert (chosen.sample(position).image == whole.sample(index).image).all()
        np.testing.assert_array_equal(chosen.boxes[position].xyxy, whole.boxes[index].xyxy)
        np.testing.assert_array_equal(chosen.boxes[position].labels, whole.boxes[index].labels)
        np.testing.assert_array_equal(chosen.boxes[position].areas, whole.boxes[index].areas)
    document = json.loads(Path("good/a.json").read_text())
    assert [image["ap"] for image in document["images"]] == pytest.approx(aps[indices].tolist())
    info = document["info"]
    assert (info["images_favoured"], info["images_judged"], info["images_without_objects"]) == (2, 4, 0)
    assert (info["method"], info["detector"], info["dataset_fingerprint"]) == ("lr", "mini", whole.fingerprint)


def test_the_limit_of_dfui_is_the_default(here: Path) -> None:
    assert "[default: 60.0" in lqbench("data", "favour", "--help").stdout
    favoured = int((own_aps() >= 0.6).sum())
    if favoured == 0:
        assert "no image of coco:built reaches an AP of 60 %: the best has" in told("coco:built", "--out", "b.json")
        assert not Path("b.json").exists()
    else:
        text = lqbench("data", "favour", "coco:built", "--out", "b.json").stdout
        assert text.startswith(f"{favoured} of 4 ")


def test_mistakes_are_a_sentence(here: Path) -> None:
    out = ("--out", "c.json")
    assert "write them with `lqbench data build scenes-clean --split train --out FOLDER`" in told(
        "scenes-clean", "--split", "train", *out
    )
    assert "no image of coco:built reaches an AP of 100 %: the best has" in told("coco:built", "--min-ap", 100, *out)
    assert "no detections of coco:built (val) as it is now; make them with `lqbench run --method lr --dataset" in told(
        "coco:built", "--limit", 3, *out
    )
    assert "must end in .json" in told("coco:built", "--out", "c.txt")
    assert "there is no store at nowhere" in told("coco:built", "--store", "nowhere", *out)
    assert "has no finished cell of method 'hr'" in told("coco:built", "--method", "hr", *out)
    (here / "file").touch()
    assert "file/c.json cannot be written" in told("coco:built", "--min-ap", 0, "--out", "file/c.json")
    assert not Path("c.json").exists()


def test_one_cell_must_be_named_where_several_saw_the_images(here: Path) -> None:
    lqbench(*RUN[:2], "bicubic", *RUN[3:])
    try:
        line = told("coco:built", "--out", "d.json", "--min-ap", 0)
        assert "several cells have detections of coco:built" in line
        key = line.partition("detections of coco:built: ")[2][:12]
        text = lqbench("data", "favour", "coco:built", "--out", "d.json", "--min-ap", 0, "--cell", key).stdout
        assert text.startswith("4 of 4 images")
        lqbench("data", "favour", "coco:built", "--out", "d.json", "--min-ap", 0, "--method", "bicubic")
        assert json.loads(Path("d.json").read_text())["info"]["method"] == "bicubic"
    finally:
        for folder in (here / ".lqbench/store/cells").glob("bicubic*"):
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
