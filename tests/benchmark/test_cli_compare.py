"""``lqbench compare`` on a store: what it prints and refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from lqbench.benchmark.cli.main import main
from lqbench.benchmark.evaluate import evaluate
from lqbench.datasets.types import Boxes, ImageRecord
from lqbench.results.cell import Cell
from lqbench.results.record import Provenance, Record
from lqbench.results.store import Store

IMAGES = 40
FINGERPRINT = "ab" * 32


def image_set(fingerprint: str) -> Any:
    """A dataset without pixels: one object of 40 x 40 pixels in each image."""
    size = (100, 100)
    records = [
        ImageRecord(
            image_id=str(i),
            index=i,
            file=f"{i}.png",
            annotated_size=size,
            clean_size=size,
            size=size,
            scale=(1.0, 1.0),
            seed=0,
        )
        for i in range(IMAGES)
    ]
    box = Boxes(
        xyxy=np.array([[10, 10, 50, 50]], np.float32),
        labels=np.zeros(1, np.int64),
        areas=np.full(1, 1600.0),
        areas_annotated=np.full(1, 1600.0),
        crowd=np.zeros(1, bool),
        difficult=np.zeros(1, bool),
    )
    facts = {"area_frame": "degraded", "metric": "coco"}
    return SimpleNamespace(
        classes=("thing",), records=tuple(records), boxes=(box,) * IMAGES, fingerprint=fingerprint, facts=lambda: facts
    )


def detections(shift: float) -> pd.DataFrame:
    """A right box in every image; in each second one shifted."""
    moved = np.where(np.arange(IMAGES) % 2, shift, 0.0)
    columns = {"x1": 10 + moved, "y1": 10.0 + 0 * moved, "x2": 50 + moved, "y2": 50.0 + 0 * moved}
    table = pd.DataFrame(
        {"image": np.arange(IMAGES, dtype=np.int32), **columns, "score": 0.9 - np.arange(IMAGES) / 100}
    )
    return table.astype({**dict.fromkeys([*columns, "score"], "float32")}).assign(label=np.zeros(IMAGES, np.int16))


def add(store: Store, method: str, shift: float, fingerprint: str = FINGERPRINT, limit: int | None = None) -> Cell:
    cell = Cell(
        method=method,
        method_settings={"detector": "mini"},
        method_source="0" * 64,
        dataset="scenes-d",
        dataset_version="1",
        split="test",
        limit=limit,
        dataset_fingerprint=fingerprint,
    )
    truth = store.save_ground_truth(image_set(fingerprint))
    found = detections(shift)
    record = Record(
        cell=cell,
        status="done",
        images=IMAGES,
        detections=len(found),
        started="2026-11-21T10:00:00+00:00",
        seconds={},
        provenance=Provenance(lqbench_version="0", python="3", platform="x", cpu="x", device="cpu"),
        metrics=evaluate(truth, found, None),
    )
    store.write_cell(record, found)
    return cell


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare") / "store"
    opened = Store.open(path)
    add(opened, "good", 0.0)
    add(opened, "bad", 8.0)
    add(opened, "other", 8.0, fingerprint="cd" * 32, limit=5)
    return path


def run(store: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare", *arguments, "--dataset", "scenes-d", "--store", str(store)])


def test_the_table_names_metrics_intervals_and_verdicts(store: Path) -> None:
    result = run(store, "good", "bad")
    assert result.exit_code == 0, result.output
    lines = {line.split()[0]: line for line in result.output.splitlines() if line.strip()}
    assert "good with mini (A) against bad with mini (B) on scenes-d, split test" in result.output
    assert "100.00 [100.00, 100.00]" in lines["AP"]
    assert "+" in lines["AP"]
    assert lines["AP"].rstrip().endswith("better")
    assert lines["AP50"].rstrip().endswith("not told apart")
    assert lines["AP_S"].count("\N{EN DASH}") == 5
    assert "1000 paired bootstrap replicates over 40 images, seed 0" in result.output


def test_json_holds_the_stored_values(store: Path) -> None:
    result = run(store, "bad", "good", "--json", "--replicates", "200", "--metric", "AP,AP75", "--seed", "3")
    document = json.loads(result.output)
    rows = {row["metric"]: row for row in document["rows"]}
    values = Store(store).record(Cell.model_validate({k: v for k, v in document["a"].items() if k != "key"})).metrics
    assert list(rows) == ["AP", "AP75"]
    assert values is not None
    assert rows["AP"]["a"]["value"] == pytest.approx(values.values["AP"], abs=1e-12)
    assert rows["AP"]["difference"]["value"] < 0
    assert rows["AP"]["verdict"] == "worse"
    assert rows["AP"]["p_holm"] == document["smallest_p_holm"] == pytest.approx(2 * 2 / 201)
    assert (document["replicates"], document["seed"], document["images"]) == (200, 3, 40)


def test_a_method_against_itself_differs_by_0(store: Path) -> None:
    result = run(store, "bad", "bad", "--json", "--replicates", "100")
    for row in json.loads(result.output)["rows"]:
        assert row["difference"]["value"] in (0.0, None)
        assert row["verdict"] in ("not told apart", None)


def test_too_few_replicates_are_pointed_out(store: Path) -> None:
    assert "raise --replicates" in run(store, "good", "bad", "--replicates", "200").output
    assert "raise --replicates" not in run(store, "good", "bad", "--replicates", "400").output
    assert run(store, "good", "bad", "--replicates", "99").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("good", "other"), "no cells on the same images of scenes-d (the dataset fingerprints differ"),
        (("good", "none"), "no such finished cell of 'none'"),
        (("good", "bad", "--detector", "fcos"), "no such finished cell of 'good'"),
        (("good", "bad", "--metric", "AP,F1"), "--metric F1: these two can be compared by AP, AP50"),
    ],
)
def test_mistakes_are_told_without_a_traceback(store: Path, arguments: tuple[str, ...], text: str) -> None:
    result = run(store, *arguments)
    assert result.exit_code == 2
    assert text in result.output
    assert "Traceback" not in result.output


def test_does_not_import_torch(store: Path) -> None:
    program = (
        "import sys\n"
        "from lqbench.benchmark.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert 'torch' not in sys.modules\n"
    )
    words = ["compare", "good", "bad", "--dataset", "scenes-d", "--store", str(store), "--replicates", "100"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
