"""``lqbench run`` and ``lqbench score`` as a user calls them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from lqbench.benchmark.cli.main import main
from lqbench.methods.catalog import ANNOUNCED_METHODS, method_registry
from lqbench.results.store import Store

pytestmark = pytest.mark.usefixtures("no_user_setup")

PLUGIN = """
import numpy as np
from lqbench.datasets.types import Detections
from lqbench.methods.base import Method
from lqbench.methods.card import MethodCard


class Corner(Method):
    card = MethodCard(name="corner", title="Corner", summary="Finds the corner.", kind="detector")

    def setup(self, device, weights):
        print("setup of corner")

    def detect(self, batch):
        return [self.one(sample) for sample in batch.samples]

    def one(self, sample):
        height, width = sample.record.size
        box = np.array([[0, 0, width / 2, height / 2]], np.float32)
        score = np.array([float(sample.image.double().mean()) / 256], np.float32)
        return Detections(box, score, np.zeros(1, np.int64))


class Broken(Corner):
    card = Corner.card.model_copy(update={"name": "broken", "title": "Broken"})

    def one(self, sample):
        raise RuntimeError("out of ideas")


class Slow(Corner):
    card = Corner.card.model_copy(update={"name": "slow", "title": "Slow"})

    def one(self, sample):
        import os
        import time

        time.sleep(0 if sample.record.index < 16 else float(os.environ.get("SLOW_SECONDS", "60")))
        return super().one(sample)
"""


@pytest.fixture
def words(tmp_path, coco_root):
    """The options that all calls share."""
    plugin = tmp_path / "plugin.py"
    plugin.write_text(PLUGIN)
    return ["--dataset", "coco-d", "--data-root", str(coco_root), "--plugin", str(plugin), "--device", "cpu"]


def run(*arguments):
    method_registry.cache_clear()
    return CliRunner().invoke(main, ["run", "--workers", "0", *arguments])


def detections(store=".lqbench/store"):
    return {path.parent.name: path.read_bytes() for path in Path(store).glob("cells/*/detections.parquet")}


def test_a_run_ends_with_a_table_and_what_comes_next(words):
    result = run("--method", "corner", "--limit", "4", *words)
    assert result.exit_code == 0, result.output
    assert "Corner" in result.stdout or "corner" in result.stdout
    assert "records: .lqbench/store/cells" in result.stdout
    assert result.stdout.endswith("next: lqbench report\n")
    (record,) = Store(Path(".lqbench/store")).records()
    assert record.images == 4
    assert record.provenance.command[:4] == ("lqbench", "run", "--workers", "0")


def test_a_second_run_says_already_done_and_sets_nothing_up(words):
    first = run("--method", "corner", "--limit", "4", *words)
    second = run("--method", "corner", "--limit", "4", *words)
    assert "setup of corner" in first.stdout
    assert second.exit_code == 0
    assert "setup of corner" not in second.stdout
    assert "already done: 1 of 1 cells" in second.stdout
    assert "already done" in second.stderr


def test_the_store_can_be_named(words, tmp_path):
    result = run("--method", "corner", "--limit", "2", "--store", str(tmp_path / "my store"), *words)
    assert result.exit_code == 0, result.output
    assert f"next: lqbench report --store '{tmp_path / 'my store'}'" in result.stdout
    assert len(detections(tmp_path / "my store")) == 1


def test_a_failed_cell_is_shown_and_gives_status_1(words):
    result = run("--method", "broken,corner", "--limit", "4", *words)
    assert result.exit_code == 1
    assert "RuntimeError: out of ideas" in result.output
    assert "failed: traceback in .lqbench/store/cells/broken__coco-d" in result.stdout
    records = Store(Path(".lqbench/store")).records()
    assert {record.cell.method: record.status for record in records} == {"broken": "failed", "corner": "done"}


def test_a_dry_run_shows_the_plan_and_writes_nothing(words):
    result = run("--method", "corner", "--limit", "4", "--dry-run", *words)
    assert result.exit_code == 0
    assert re.search(r"corner on coco-d +val2017 +4 +to do", result.stdout)
    assert not Path(".lqbench").exists()
    run("--method", "corner", "--limit", "4", *words)
    assert "1 done" in run("--method", "corner", "--limit", "4", "--dry-run", *words).stdout


def test_workers_change_no_byte(words):
    assert run("--method", "corner", "--store", "a", *words).exit_code == 0
    assert run("--method", "corner", "--store", "b", "--workers", "2", *words).exit_code == 0
    assert detections("a") == detections("b")
    assert len(detections("a")) == 1


def test_missing_data_names_everything_and_a_command_that_runs(monkeypatch):
    monkeypatch.setitem(ANNOUNCED_METHODS, "future-net", "Future: detects what will be there")
    result = run("--method", "future-net", "--dataset", "coco-d")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert all(line.startswith("lqbench: ") for line in lines)
    assert "'future-net'" in lines[0]
    assert "annotations_trainval2017.zip" in result.stderr
    assert lines[-1].endswith("lqbench run --method hr,lr,bicubic --dataset scenes-d")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--method", "bicubc"], "did you mean 'bicubic'"),
        (["--method", "corner", "--dataset", "coco-dd"], "did you mean 'coco-d'"),
        (["--method", "lr", "--detector", "yolo"], "unknown detector 'yolo'"),
        (["--method", "lr", "--detector", "yolox-nano"], "yolox_nano.onnx"),
        (["--method", "lr", "--weights", "none.pth"], "--weights none.pth"),
        (["--method", "corner", "--split", "test"], "no split 'test'"),
        (["--method", "corner", "--device", "gpu"], "--device gpu"),
        (["--method", "corner", "--device", "cuda:99"], "--device cuda:99"),
        (["--method", "corner", "--data-root", "none"], "none"),
        (["--method", "corner", "--store", "plugin.py"], "the store plugin.py cannot be written"),
        (["--method", "corner", "--plugin", "none.py"], "none.py"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(words, arguments, told):
    result = run(*words, *arguments)
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "arguments", [["--limit", "0"], ["--workers", "-1"], ["--batch-size", "0"], ["--method", "a,,b"]]
)
def test_a_wrong_value_is_a_usage_error(words, arguments):
    result = run("--method", "corner", *words, *arguments)
    assert result.exit_code == 2
    assert "Invalid value for" in result.stderr


def break_image(root):
    image = root / "val2017" / "2.png"
    image.write_bytes(image.read_bytes()[:600])


def break_box(root):
    edit(root, lambda document: document["annotations"][0].update(bbox=[8, 8, 0, 32]))


def move_box_out(root):
    edit(root, lambda document: document["annotations"][0].update(bbox=[500, 8, 10, 32]))


def repeat_image(root):
    edit(root, lambda document: document["images"].append(document["images"][0]))


def remove_image(root):
    (root / "val2017" / "2.png").unlink()


def replace_annotations(root):
    (root / "annotations" / "instances_val2017.json").write_text('{"shapes": []}')


def edit(root, change):
    path = root / "annotations" / "instances_val2017.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("spoil", "told", "workers"),
    [
        (break_image, "2.png", "0"),
        (break_image, "2.png", "1"),
        (break_box, "bbox", "0"),
        (move_box_out, "bbox", "0"),
        (repeat_image, "used twice", "0"),
        (remove_image, "2.png", "0"),
        (replace_annotations, "not COCO", "0"),
    ],
)
def test_bad_data_is_one_sentence_and_status_2(words, coco_root, tmp_path, spoil, told, workers):
    root = tmp_path / "root"
    shutil.copytree(coco_root, root)
    spoil(root)
    result = run("--method", "corner", *words, "--data-root", str(root), "--workers", workers)
    assert result.exit_code == 2, result.output
    mistakes = [line for line in result.stderr.splitlines() if line.startswith("lqbench: ")]
    assert len(mistakes) == 1
    assert told in mistakes[0]
    assert "Traceback" not in result.output
    assert detections() == {}


def test_invalid_boxes_can_be_dropped(words, coco_root, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(coco_root, root)
    break_box(root)
    result = run("--method", "corner", *words, "--data-root", str(root), "--invalid-boxes", "drop")
    assert result.exit_code == 0, result.output


def test_scoring_again_needs_no_data_and_no_torch(words):
    run("--method", "corner", "--limit", "4", *words)
    (path,) = Path(".lqbench/store/cells").glob("*/record.json")
    first = json.loads(path.read_text())
    path.write_text(json.dumps(first | {"metrics": first["metrics"] | {"values": {}}}))
    code = (
        "import sys\nfrom lqbench.benchmark.cli.main import main\n"
        "main(['score'], standalone_mode=False)\nassert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "scored 1 cells" in done.stdout
    assert json.loads(path.read_text()) == first


def test_scoring_takes_selected_cells_and_tells_of_failed_ones(words):
    run("--method", "broken,corner", "--limit", "4", *words)
    runner = CliRunner()
    assert "scored 1 cells; 1 failed cells have no detections" in runner.invoke(main, ["score"]).stdout
    assert "scored 1 cells\n" in runner.invoke(main, ["score", "--method", "corner"]).stdout
    wrong = runner.invoke(main, ["score", "--method", "corners"])
    assert (wrong.exit_code, "--method corners" in wrong.stderr) == (2, True)


def test_scoring_an_absent_store_is_a_mistake():
    result = CliRunner().invoke(main, ["score"])
    assert result.exit_code == 2
    assert "there is no store at" in result.stderr


def start_slow(words):
    command = [sys.executable, "-m", "lqbench.benchmark.cli.main", "run", "--method", "slow", "--workers", "0", *words]
    # A test run in the background ignores Ctrl-C, which its children would inherit.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 60
    while not list(Path(".lqbench/store/partial").glob("*/chunk-000000.parquet")):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def test_ctrl_c_leaves_a_store_from_which_the_same_command_goes_on(words):
    process = start_slow(words)
    os.kill(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == "lqbench: stopped; the same command goes on where it stopped."
    assert "Traceback" not in stderr
    assert list(Path(".lqbench/store/locks").iterdir()) == []
