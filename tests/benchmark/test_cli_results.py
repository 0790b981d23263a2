"""``lqbench results`` on a store: what its sub-commands print, write and refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from lqbench.benchmark.cli.main import main
from lqbench.benchmark.cli.results import COMMANDS
from lqbench.benchmark.evaluate import evaluate
from lqbench.datasets.types import Boxes, Detections, ImageRecord
from lqbench.results.cell import Cell
from lqbench.results.record import Provenance, Record
from lqbench.results.store import Store
from lqbench.results.tables import detections_frame, quality_frame

IMAGES = 6
DATASETS = {"fog-1": "coco", "fog-2": "coco", "voc-fog": "voc07"}
SHIFTS = {"hr": 0.0, "carn": 2.0, "bicubic": 4.0, "lr": 6.0}
"""Pixels by which a method misplaces its boxes: the more, the worse."""


class Scenes:
    """Six images; every one but the last shows two objects."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.classes: tuple[str, ...] = ("person", "[red]car")
        self.fingerprint = (name.encode().hex() + "0" * 64)[:64]
        size, scale = (100, 120), (1.0, 1.0)
        self.records = tuple(
            ImageRecord(f"id-{i}", i, f"{name}/{i}.png", size, size, size, scale, i) for i in range(IMAGES)
        )
        xyxy = np.array([[10, 10, 40, 40], [60, 50, 90, 90]], np.float32)
        areas, no = np.array([900.0, 1200.0]), np.zeros(2, bool)
        shown = Boxes(xyxy, np.array([0, 1]), areas, areas, no, no)
        self.boxes: tuple[Boxes, ...] = (*(shown,) * (IMAGES - 1), Boxes.empty())

    def facts(self) -> dict[str, Any]:
        return {"title": self.name, "metric": DATASETS[self.name], "area_frame": "degraded", "images_official": None}


def detections_of(scenes: Scenes, shift: float) -> pd.DataFrame:
    """All objects, misplaced by the shift times the image's number, and one thing that is not there."""
    found = []
    for image, boxes in enumerate(scenes.boxes):
        xyxy = np.concatenate([boxes.xyxy + shift * image / 2, [[95, 0, 119, 20]]]).astype(np.float32)
        labels = np.append(boxes.labels, 1)
        found.append((image, Detections(xyxy, np.linspace(0.9, 0.35, len(xyxy), dtype=np.float32), labels)))
    return detections_frame(found)


def write(store: Store, method: str, dataset: str, **changes: Any) -> Record:
    scenes = Scenes(dataset)
    truth = store.save_ground_truth(scenes)
    found = detections_of(scenes, SHIFTS[method])
    quality = None
    if method in ("bicubic", "carn"):
        gain = 2.0 if method == "carn" else 0.0
        quality = quality_frame({i: {"PSNR_Y": 20.0 + gain * i, "SSIM_Y": 0.5 + gain * i / 100} for i in range(IMAGES)})
    given: dict[str, Any] = {
        "method": method,
        "method_settings": {"detector": "mini"},
        "method_source": "a" * 64,
        "dataset": dataset,
        "dataset_version": "1",
        "split": "val",
        "dataset_fingerprint": scenes.fingerprint,
    }
    record = Record(
        cell=Cell(**{**given, **changes}),
        status="done",
        images=IMAGES,
        detections=len(found),
        started="2026-01-01T00:00:00+00:00",
        seconds={"detect": 1.0},
        provenance=Provenance(lqbench_version="0", python="3", platform="p", cpu="c", device="cpu"),
        metrics=evaluate(truth, found, quality),
        dataset_facts=scenes.facts(),
        method_card={"name": method, "needs_clean": method == "hr", "tuned_on": "none" if method == "bicubic" else ""},
    )
    store.write_cell(record, found, quality)
    return record


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Store.open(tmp_path_factory.mktemp("results") / "store")
    for dataset in DATASETS:
        for method in SHIFTS:
            write(store, method, dataset)
    failed = write(store, "lr", "fog-1", method_source="b" * 64)
    folder = store.cell_path(failed.cell)
    for name in ("detections.parquet", "cell.json", "record.json"):
        (folder / name).unlink()
    folder.rmdir()
    store.write_failure(failed.model_copy(update={"status": "failed", "metrics": None, "error": "boom"}))
    return store.path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["results", *map(str, arguments)])


def read(*arguments: object) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def told(result: Result) -> str:
    """The one line on standard error of a user's mistake."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("lqbench: ")
    return line


def test_help_lists_every_sub_command_without_importing_pandas_or_torch() -> None:
    program = (
        "import sys\n"
        "from lqbench.benchmark.cli.main import main\n"
        "sys.argv = ['lqbench', 'results', '--help']\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "assert not {'torch', 'pandas', 'numpy', 'scipy'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_no_sub_command_needs_torch(name: str, path: Path, tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    found.write_text("[]")
    more = {
        "frame": ["--out", str(tmp_path / "x.csv")],
        "robustness": ["--clean", "fog-1", "--at", "fog:1=fog-2"],
        "export": ["--out", str(tmp_path / "coco")],
        # Opens embedded scenes, and writes: into a store of its own.
        "import": [
            str(found),
            "--method",
            "x",
            "--dataset",
            "scenes-d",
            "--limit",
            "1",
            "--store",
            str(tmp_path / "s"),
        ],
    }
    words = ["lqbench", "results", name, "--store", str(path), *more.get(name, [])]
    program = (
        "import sys\n"
        "from lqbench.benchmark.cli.main import main\n"
        f"sys.argv = {words!r}\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_frame_writes_every_number_the_same_each_time(path: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / "deep" / f"x.{ending}"
    result = run("frame", "--store", path, "--out", out)
    assert result.exit_code == 0, result.output
    frame = pd.read_parquet(out) if ending == "parquet" else pd.read_csv(out)
    assert f"{len(frame)} rows from 12 cells" in result.output
    assert set(frame["method"]) == set(SHIFTS)
    ap = frame[(frame["metric"] == "AP") & frame["class"].isin(["", np.nan]) & (frame["dataset"] == "fog-1")]
    assert ap.set_index("method")["value"]["hr"] > ap.set_index("method")["value"]["lr"]
    first = out.read_bytes()
    assert run("frame", "--store", path, "--out", out).exit_code == 0
    assert out.read_bytes() == first
    assert [entry.name for entry in out.parent.iterdir()] == [out.name]


def test_frame_of_some_cells(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    assert run("frame", "--store", path, "--out", out, "--method", "lr,carn", "--dataset", "fog-2").exit_code == 0
    frame = pd.read_csv(out)
    assert set(frame["method"]) == {"lr", "carn"} and set(frame["dataset"]) == {"fog-2"}


def test_frame_refuses_other_endings_and_places_it_cannot_write(path: Path, tmp_path: Path) -> None:
    for name in ("x.xlsx", "x"):
        assert ".parquet or .csv" in told(run("frame", "--store", path, "--out", tmp_path / name))
    (tmp_path / "file").write_text("")
    assert "cannot be written" in told(run("frame", "--store", path, "--out", tmp_path / "file" / "x.csv"))
    (tmp_path / "folder.csv").mkdir()
    assert "cannot be written" in told(run("frame", "--store", path, "--out", tmp_path / "folder.csv"))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder.csv"]


def test_a_store_that_is_not_there_or_empty_is_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    assert "no store" in told(run("frame", "--store", tmp_path / "nowhere", "--out", out))
    assert "no such finished cell" in told(run("errors", "--store", Store.open(tmp_path / "s").path))
    assert not out.exists()


def test_unknown_names_tell_the_known_ones(path: Path) -> None:
    line = told(run("errors", "--store", path, "--method", "aeris"))
    assert "'aeris'" in line and "bicubic, carn, hr, lr" in line
    assert "fog-1, fog-2, voc-fog" in told(run("errors", "--store", path, "--dataset", "snow"))
    both = run("errors", "--store", path, "--cell", "123456789abc")
    assert "no finished cell of cell" in told(both)


def test_errors_tell_what_each_kind_costs_and_state_the_threshold(path: Path) -> None:
    given = read("errors", "--store", path, "--dataset", "fog-1", "--threshold", 0.5)
    assert (given["threshold"], given["iou"], given["background"]) == (0.5, 0.5, 0.1)
    cells = {cell["method"]: cell for cell in given["cells"]}
    # The thing that is not there is the best-scored car in the empty image: five of six are right.
    assert cells["hr"]["ap"] == pytest.approx((1 + 5 / 6) / 2)
    assert cells["lr"]["ap"] < cells["bicubic"]["ap"] < cells["hr"]["ap"]
    assert cells["lr"]["d_ap"]["Loc"] > 0
    # Below the threshold lies the thing that is not there, but in the last image it is the only one and scores 0.9.
    assert cells["hr"]["fp_per_image"] == pytest.approx(1 / IMAGES)
    assert read("errors", "--store", path, "--method", "hr")["cells"][0]["fp_per_image"] == pytest.approx(1.0)
    shown = run("errors", "--store", path, "--dataset", "fog-1")
    assert "FP/image at 0.3" in shown.output and "lr" in shown.output


def test_errors_refuse_a_threshold_of_zero_and_a_background_above_the_iou(path: Path) -> None:
    assert run("errors", "--store", path, "--threshold", 0).exit_code == 2
    assert "--background 0.6" in told(run("errors", "--store", path, "--background", 0.6))


def test_calibration_states_what_entered(path: Path) -> None:
    (cell,) = read("calibration", "--store", path, "--method", "hr", "--dataset", "fog-1", "--bins", 4)["cells"]
    assert cell["detections"] == 3 * IMAGES - 2
    assert cell["precision"] == pytest.approx(10 / 16)
    assert len(cell["curve"]) == 4 and cell["curve"][0]["precision"] is None
    shown = run("calibration", "--store", path, "--method", "hr", "--dataset", "fog-1")
    assert "score at least 0.05" in shown.output and "Reliability curve" in shown.output


def test_quality_links_changes_and_lists_the_hurt_images(path: Path) -> None:
    given = read("quality", "--store", path, "--dataset", "fog-1", "--method", "carn", "--replicates", 20)
    (cell,) = given["cells"]
    assert (cell["method"], given["reference"], cell["images"]) == ("carn", "bicubic", IMAGES - 1)
    links = {(row["metric"], row["kind"]): row for row in cell["correlations"]}
    # The later the image, the more is gained in PSNR and in AP.
    assert links["PSNR_Y", "spearman"]["value"] > 0.5
    assert cell["hurt"] == []
    worse = read("quality", "--store", path, "--dataset", "fog-1", "--method", "bicubic", "--reference", "carn")
    hurt = worse["cells"][0]["hurt"]
    assert [row["d_ap"] for row in hurt] == sorted(row["d_ap"] for row in hurt) and len(hurt) > 1
    shown = run("quality", "--store", path, "--dataset", "fog-1", "--reference", "carn", "--worst", 1)
    assert "Images where bicubic/mini hurts" in shown.output and hurt[0]["image_id"] in shown.output


def test_quality_needs_methods_that_restore_and_one_reference(path: Path) -> None:
    assert "no cell beside those of bicubic restored" in told(run("quality", "--store", path, "--method", "lr"))
    assert "lr stored no image quality" in told(
        run("quality", "--store", path, "--reference", "lr", "--method", "carn")
    )


def test_ranking_leaves_oracles_out_and_orders_methods(path: Path) -> None:
    given = read("ranking", "--store", path)
    assert [row["method"] for row in given["table"]] == ["carn", "bicubic", "lr"]
    assert given["datasets"] == ["fog-1", "fog-2", "voc-fog"]
    assert given["critical_difference"] > 0 and given["chi2"] > 0
    assert read("ranking", "--store", path, "--oracles")["table"][0]["method"] == "hr"
    shown = run("ranking", "--store", path)
    assert "Nemenyi: critical difference" in shown.output and "rough" in shown.output


def test_ranking_over_unequal_coverage_is_refused(path: Path, tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    for method, dataset in (("lr", "fog-1"), ("bicubic", "fog-1"), ("lr", "fog-2")):
        write(store, method, dataset)
    assert "bicubic on fog-2" in told(run("ranking", "--store", store.path))


def test_two_versions_of_a_method_are_told_apart_by_key(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    keys = [write(store, "lr", "fog-1", method_source=letter * 64).cell.key for letter in "ab"]
    write(store, "bicubic", "fog-1")
    line = told(run("ranking", "--store", store.path))
    assert "--cell" in line and all(key in line for key in keys)
    chosen = read("recovered", "--store", store.path, "--cell", keys[0], "--floor", "lr", "--ceiling", "bicubic")
    assert {row["method"] for row in chosen["cells"]} == {"lr", "bicubic"}


def test_transfer_names_what_methods_were_tuned_on(path: Path) -> None:
    rows = read("transfer", "--store", path, "--dataset", "fog-1,voc-fog")
    assert (rows[0]["tuned_on"], rows[0]["method"]) == ("none", "bicubic")
    assert set(rows[0]) == {"tuned_on", "method", "fog-1", "voc-fog"}
    assert "tuned on" in run("transfer", "--store", path).output


def test_recovered_share_lies_between_floor_and_ceiling(path: Path) -> None:
    rows = read("recovered", "--store", path, "--dataset", "fog-1", "--method", "carn")["cells"]
    shares = {row["method"]: row["recovered"] for row in rows}
    assert shares["lr"] == 0.0 and shares["hr"] == 1.0
    assert 0 < shares["carn"] < 1
    assert "recovered" in run("recovered", "--store", path).output


def test_robustness_shows_coverage_and_no_number_for_a_half_sweep(path: Path) -> None:
    words = ["robustness", "--store", path, "--method", "lr", "--clean", "fog-1", "--at", "fog:1=fog-1"]
    (half,) = read(*words, "--severities", "1,2")
    assert (half["coverage"], half["mpc"], half["rpc"]) == ("1/2", None, None)
    (full,) = read(*words, "--at", "fog:2=fog-2", "--severities", "1,2")
    assert (full["coverage"], full["rpc"]) == ("2/2", pytest.approx(1.0))
    assert [row["severity"] for row in full["curves"]] == [0, 1, 2, 0, 1, 2]
    shown = run(*words, "--severities", "1,2")
    assert "1/2" in shown.output and "\N{EN DASH}" in shown.output


def test_robustness_refuses_what_it_cannot_read(path: Path) -> None:
    words = ["robustness", "--store", path, "--clean", "fog-1"]
    for wrong in ("fog=fog-1", "fog:x=fog-1", ":1=fog-1", "fog:1="):
        assert "corruption:severity=dataset" in run(*words, "--at", wrong).output
    assert "severities" in run(*words, "--at", "fog:1=fog-1", "--severities", "1,,2").output
    assert "two values" in told(run(*words, "--at", "fog:1=fog-1", "--at", "fog:1=fog-2"))
    assert "no cell of the sweep" in told(run(*words, "--at", "fog:9=fog-1"))
    assert "P on clean images" in told(run("robustness", "--store", path, "--clean", "sun", "--at", "fog:1=fog-1"))


def test_names_with_markup_are_printed_as_they_are(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    assert run("frame", "--store", path, "--out", out).exit_code == 0
    assert "[red]car" in out.read_text(encoding="utf-8")
