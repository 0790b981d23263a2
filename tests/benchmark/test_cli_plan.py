"""``lqbench plan``, and what ``lqbench run`` does about states, policies, wildcards and suites."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lqbench.benchmark.cli.main import main
from lqbench.methods.catalog import method_registry
from lqbench.results.runs import skipped_cells
from lqbench.results.store import Store

PLUGIN = """
import numpy as np
from lqbench.datasets.types import Detections
from lqbench.methods.base import Method
from lqbench.methods.card import MethodCard


class Corner(Method):
    card = MethodCard(name="corner", title="Corner", summary="Finds the corner.", kind="detector")

    def setup(self, device, weights):
        with open("setups.txt", "a") as file:
            file.write(self.card.name + "\\n")

    def detect(self, batch):
        return [self.one(sample) for sample in batch.samples]

    def one(self, sample):
        height, width = sample.record.size
        box = np.array([[0, 0, width / 2, height / 2]], np.float32)
        return Detections(box, np.full(1, 0.5, np.float32), np.zeros(1, np.int64))


class CornerTwo(Corner):
    card = Corner.card.model_copy(update={"name": "corner-two", "title": "Corner two"})


class Broken(Corner):
    card = Corner.card.model_copy(update={"name": "broken", "title": "Broken"})

    def one(self, sample):
        raise RuntimeError("out of ideas")
"""
STORE = Path(".lqbench/store")


@pytest.fixture(autouse=True)
def plugin_file(no_user_setup, tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN)


@pytest.fixture
def words(coco_root):
    return ["--data-root", str(coco_root), "--plugin", "plugin.py", "--limit", "4"]


def call(command, *arguments):
    method_registry.cache_clear()
    return CliRunner().invoke(main, [command, *arguments])


def plan(*arguments):
    return call("plan", *arguments)


def run(*arguments):
    return call("run", "--workers", "0", "--device", "cpu", *arguments)


def states(*arguments):
    result = plan(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return {cell["title"]: cell["state"] for cell in json.loads(result.stdout)["cells"]}


def setups():
    """Return which methods were set up since the last call."""
    file = Path("setups.txt")
    names = file.read_text().split() if file.exists() else []
    file.unlink(missing_ok=True)
    return names


def make_stale():
    """Change the plug-in's source."""
    Path("plugin.py").write_text(PLUGIN + "\n# changed\n")


COCO = ("--method", "corner", "--dataset", "coco-d")
BOTH = ("--method", "corner,corner-two", "--dataset", "coco-d")


def test_a_plan_changes_nothing(words):
    result = plan(*COCO, *words)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "1 cells: 1 to do"
    assert not Path(".lqbench").exists()
    assert setups() == []


def test_a_plan_shows_states_and_estimates(words):
    run("--method", "corner,broken", "--dataset", "coco-d", *words)
    result = plan("--method", "corner,broken", "--dataset", "coco-d,coco-lr-x4", *words)
    lines = {line.split("  ")[0]: line for line in result.stdout.splitlines()}
    assert "done" in lines["corner on coco-d"]
    assert "failed" in lines["broken on coco-d"]
    assert "to do" in lines["corner on coco-lr-x4"]
    assert "s" in lines["corner on coco-lr-x4"].split("to do")[1]  # a duration: the method has a pace
    closing = result.stdout.splitlines()[-1]
    assert closing.startswith("4 cells: 1 done, 2 to do, 1 failed; about ")
    assert closing.endswith("and 2 cells of unknown length")


def test_a_plan_as_json_has_everything(words):
    run(*COCO, *words)
    found = json.loads(plan("--method", "corner,lr", "--dataset", "coco-d", *words, "--json").stdout)
    (cell,) = found["cells"]
    (record,) = Store(STORE).records()
    assert cell["cell"] == record.cell.directory
    assert (cell["title"], cell["images"], cell["state"], cell["why"]) == ("corner on coco-d", 4, "done", "")
    assert cell["seconds"] == pytest.approx(sum(record.seconds.values()))
    (blocked,) = found["blocked"]
    assert blocked["title"] == "lr on coco-d"
    assert "yolox_nano.onnx" in blocked["reasons"][0]


def test_a_failed_cell_says_why(words):
    run("--method", "broken", "--dataset", "coco-d", *words)
    (cell,) = json.loads(plan("--method", "broken", "--dataset", "coco-d", *words, "--json").stdout)["cells"]
    (record,) = Store(STORE).records()
    assert cell["state"] == "failed"
    assert cell["why"] == record.error.splitlines()[-1]
    assert "out of ideas" in cell["why"]


def test_what_many_cells_lack_is_told_once(words):
    result = plan("--method", "corner,broken", "--dataset", "voc-lr-x4,coco-d", *words)
    assert result.exit_code == 0
    assert result.stdout.count("VOCtest_06-Nov-2007.tar") == 1
    assert result.stdout.splitlines()[-1] == "4 cells: 2 to do, 2 blocked"


def test_a_long_plan_lists_some_cells_of_each_state(words):
    entries = [{"method": "corner", "dataset": "coco-d", "degrade": f"noise({number})"} for number in range(1, 211)]
    Path("long.yaml").write_text(json.dumps({"title": "Long", "select": entries}))
    result = plan("--suite", "long.yaml", *words)
    assert result.stdout.count("corner on coco-d") == 20
    assert result.stdout.splitlines()[-1] == "210 cells: 210 to do"
    assert len(states("--suite", "long.yaml", *words)) == 210


def test_a_dry_run_is_the_plan(words):
    run(*COCO, *words)
    setups()
    assert run(*BOTH, *words, "--dry-run").stdout == plan(*BOTH, *words).stdout
    assert setups() == []


@pytest.mark.parametrize(
    ("policy", "computed"),
    [
        ((), ["broken", "corner"]),
        (("--only-missing",), ["broken", "corner"]),
        (("--only-stale",), ["corner"]),
        (("--always",), ["broken", "corner", "kept"]),
        (("--never",), []),
    ],
)
def test_policies(words, policy, computed):
    """Kept is done, corner stale, broken failed."""
    kept = PLUGIN.replace('"corner"', '"kept"').replace('"corner-two"', '"kept-two"').replace('"broken"', '"kept-b"')
    Path("kept.py").write_text(kept)
    asked = ("--method", "corner,broken,kept", "--dataset", "coco-d", "--plugin", "kept.py", *words)
    run(*asked)
    stale = PLUGIN.replace('"broken"', '"broken-two"')
    broken = PLUGIN.replace('"corner"', '"c"').replace('"corner-two"', '"c2"')
    Path("broken.py").write_text(broken)
    run("--method", "broken", "--dataset", "coco-d", "--plugin", "broken.py", *words[:2], *words[4:])
    Path("plugin.py").write_text(stale)
    asked = (*asked, "--plugin", "broken.py")
    assert states(*asked) == {"corner on coco-d": "stale", "broken on coco-d": "failed", "kept on coco-d": "done"}
    setups()
    result = run(*asked, *policy)
    assert sorted(setups()) == computed, result.output
    assert result.exit_code == (1 if "broken" in computed else 0)


def test_never_prints_what_is_done_and_says_what_is_left_alone(words):
    run(*COCO, *words)
    result = run(*BOTH, *words, "--never")
    assert result.exit_code == 0
    assert "coco-d val2017" in result.stdout
    assert "already done: 1 of 1 cells" in result.stdout
    assert "left alone: 1 cells" in result.output


def test_a_stale_cell_says_what_changed(words):
    run(*COCO, *words)
    make_stale()
    (cell,) = json.loads(plan(*COCO, *words, "--json").stdout)["cells"]
    assert cell["state"] == "stale"
    assert cell["why"].endswith(": the method's source")


def test_wildcards_are_expanded(words):
    assert list(states("--method", "corner*", "--dataset", "coco-lr-x?", *words)) == [
        "corner on coco-lr-x4",
        "corner on coco-lr-x8",
        "corner-two on coco-lr-x4",
        "corner-two on coco-lr-x8",
    ]


@pytest.mark.parametrize("command", ["plan", "run"])
def test_wildcards_that_nothing_fits_are_a_mistake(words, command):
    result = call(command, "--method", "nix*", "--dataset", "coco-d", *words)
    assert result.exit_code == 2
    assert result.stderr.startswith("lqbench: no method fits 'nix*'; there are hr, ")
    assert len(result.stderr.splitlines()) == 1


def test_named_cells_that_lack_something_stop_the_run(words):
    result = run("--method", "corner,lr", "--dataset", "coco-d,voc-lr-x4", *words)
    assert result.exit_code == 2
    assert "yolox_nano.onnx" in result.stderr
    assert "VOCtest_06-Nov-2007.tar" in result.stderr
    assert all(line.startswith("lqbench: ") for line in result.stderr.splitlines())
    assert not STORE.exists()


@pytest.mark.parametrize(
    "asked",
    [
        ("--method", "corner,lr", "--dataset", "coco-d", "--skip-blocked"),
        ("--method", "corner,l[r]", "--dataset", "coco-d"),
        ("--suite", "two.yaml"),
    ],
)
def test_cells_that_lack_something_can_be_left_out_and_are_named(words, asked):
    Path("two.yaml").write_text("title: Two\nselect: [{method: [corner, lr], dataset: coco-d}]\n")
    result = run(*asked, *words)
    assert result.exit_code == 0, result.output
    assert "left out: lr on coco-d: " in result.stderr
    (left_out,) = skipped_cells(STORE)
    assert (left_out.method, left_out.dataset) == ("lr", "coco-d")
    assert left_out.reason in result.stderr
    assert "yolox_nano.onnx" in result.stderr
    assert [record.cell.method for record in Store(STORE).records()] == ["corner"]


def test_a_suite_is_run_as_planned(words):
    Path("two.yaml").write_text(
        "title: Two\nselect:\n- {method: corner, dataset: coco-d}\n- {method: corner*, dataset: coco-d}\n"
        "- {method: corner, dataset: coco-d, degrade: noise(3), limit: 2}\n"
    )
    short = words[:-2]
    expected = ["corner on coco-d", "corner-two on coco-d", "corner on coco-d+noise(3)"]
    assert states("--suite", "two.yaml", *short) == dict.fromkeys(expected, "to do")
    assert run("--suite", "two.yaml", *short).exit_code == 0
    assert states("--suite", "two.yaml", *short) == dict.fromkeys(expected, "done")
    assert sorted(record.images for record in Store(STORE).records()) == [2, 20, 20]


def test_the_command_line_fills_what_a_suite_leaves_open(words):
    Path("one.yaml").write_text("title: One\nselect: [{method: lr, dataset: coco-d}]\n")
    assert states("--suite", "one.yaml", *words, "--detector", "mini") == {"lr/mini on coco-d": "to do"}


@pytest.mark.parametrize("asked", [("--method", "lr"), ("--dataset", "scenes-d"), COCO])
def test_a_suite_names_methods_and_datasets_itself(asked):
    result = plan("--suite", "scenes", *asked)
    assert result.exit_code == 2
    assert asked[0] in result.stderr


@pytest.mark.parametrize("asked", [(), ("--method", "lr"), ("--dataset", "scenes-d")])
def test_without_names_or_suite_nothing_is_planned(asked):
    result = plan(*asked)
    assert result.exit_code == 2
    assert "Missing option" in result.stderr
    assert "--suite" in result.stderr


def test_a_mistake_in_a_suite_is_one_sentence_and_status_2(words):
    Path("wrong.yaml").write_text("title: Wrong\nselect: [{method: corner, dataset: coco-d, limt: 3}]\n")
    for command in ("plan", "run"):
        result = call(command, "--suite", "wrong.yaml", *words)
        assert result.exit_code == 2
        assert "wrong.yaml, field select.0.limt" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_the_embedded_suite_lacks_nothing():
    result = plan("--suite", "scenes", "--limit", "1", "--json")
    found = json.loads(result.stdout)
    assert found["blocked"] == []
    assert len(found["cells"]) > 40


def test_a_store_that_cannot_be_written_can_be_planned_over(words):
    run(*COCO, *words)
    folders = [STORE, *(path for path in STORE.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        before = sorted(STORE.rglob("*"))
        assert states(*COCO, *words) == {"corner on coco-d": "done"}
        assert sorted(STORE.rglob("*")) == before
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_store_of_a_newer_version_is_refused(words):
    run(*COCO, *words)
    identity = json.loads((STORE / "store.json").read_text())
    (STORE / "store.json").write_text(json.dumps(identity | {"version": 10_000}))
    for command in ("plan", "run"):
        result = call(command, *COCO, *words)
        assert result.exit_code == 2, result.output
        assert len(result.stderr.splitlines()) == 1
        assert "newer" in result.stderr


def test_a_damaged_cell_is_shown_and_computed_again(words):
    run(*COCO, *words)
    (file,) = STORE.glob("cells/*/detections.parquet")
    good = file.read_bytes()
    file.write_bytes(good[:-8])
    assert states(*COCO, *words) == {"corner on coco-d": "damaged"}
    result = run(*COCO, *words, "--always")
    assert result.exit_code == 0, result.output
    assert file.read_bytes() == good
    assert states(*COCO, *words) == {"corner on coco-d": "done"}


@pytest.mark.parametrize(
    "asked",
    [
        "--method hr,tdsr,lcp,aeris,dcp-then-detect,centernet --dataset scenes-d,scenes-fog --limit 1",
        "--suite scenes --limit 1",
        "--suite tdsr-table1",
        "--method * --dataset scenes-lr-x4 --limit 1 --detector mini --precision bfloat16",
    ],
)
def test_a_plan_imports_neither_torch_nor_numba_nor_pandas(asked):
    code = (
        "import sys\nfrom lqbench.benchmark.cli.main import main\n"
        "main(['plan', *sys.argv[1:]], standalone_mode=False)\n"
        "heavy = {'torch', 'torchvision', 'numba', 'pandas', 'pyarrow', 'mmdet', 'mmengine'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *asked.split()], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert " to do" in done.stdout or " blocked" in done.stdout
