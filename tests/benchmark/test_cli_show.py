"""``lqbench show crux`` as a user calls it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lqbench.benchmark.cli.main import main
from lqbench.benchmark.crux_picture import GAP
from lqbench.benchmark.plan import make_plan
from lqbench.benchmark.request import Request
from lqbench.datasets.dataset import Dataset, open_dataset
from lqbench.methods.catalog import method_registry
from lqbench.results.record import Provenance, Record
from lqbench.results.store import Store

LIMIT = 3
PLUGIN = """
import torch
from lqbench.methods.base import Method
from lqbench.methods.card import MethodCard


class Left(Method):
    card = MethodCard(name="left", title="Left", summary="Looks at the left half.", kind="detector")

    def setup(self, device, weights):
        pass

    def detect(self, batch):
        raise NotImplementedError

    def focus(self, sample):
        mask = torch.zeros(sample.record.size)
        mask[:, : mask.shape[1] // 2] = 1
        return mask


class Wide(Left):
    card = Left.card.model_copy(update={"name": "wide"})

    def focus(self, sample):
        return super().focus(sample)[:-1]


class Blind(Left):
    card = Left.card.model_copy(update={"name": "blind"})

    def focus(self, sample):
        return None
"""


@dataclass(frozen=True)
class Tiny:
    """A tiny network's weight file, the images that it is shown, and what the first call wrote."""

    weights: Path
    dataset: Dataset
    store: Path
    first: Result


def show(*arguments: object) -> Result:
    method_registry.cache_clear()
    return CliRunner().invoke(main, ["show", "crux", *map(str, arguments)])


def words(weights: Path) -> tuple[object, ...]:
    return ("--dataset", "scenes-fog", "--weights", weights, "--limit", LIMIT, "--device", "cpu")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    root = tmp_path_factory.mktemp("crux")
    weights, store = root / "lcp.safetensors", root / "store"
    dataset = open_dataset("scenes-fog", limit=LIMIT)
    write_weights(weights, dataset)
    return Tiny(weights, dataset, store, show(*words(weights), "--images", 2, "--store", store))


def write_weights(path: Path, dataset: Dataset) -> None:
    """Write a network whose mask is neither even nor all black or white."""
    import torch

    from lqbench.methods.lcp.checkpoint import save_weights
    from lqbench.methods.lcp.config import LcpConfig, NetworkConfig
    from lqbench.methods.lcp.header import Header
    from lqbench.methods.lcp.net import LcpNet

    config = NetworkConfig(base="mini", size=(64, 64), lcp=LcpConfig(channels=2))
    net = LcpNet(config, dataset.classes)
    assert net.lcp is not None and net.lcp.crux_learner is not None
    with torch.no_grad():
        for name, values in net.lcp.crux_learner.named_parameters():
            values.copy_(values.abs() if name.endswith("weight") else torch.zeros_like(values))
        heat = net.lcp.crux_learner.heat(net.normalise([dataset.sample(0).image]))
        last = dict(net.lcp.crux_learner.h_evaluation[-1].named_parameters())
        last["conv3.weight"].mul_(0.2 / heat.std())
        last["conv3.bias"].fill_(0.5 - 0.2 * float(heat.mean() / heat.std()))
    save_weights(net, Header(method="lcp", classes=dataset.classes, network=config), path)


def masks(tiny: Tiny, index: int) -> np.ndarray:
    from lqbench.methods.base import MethodSettings
    from lqbench.methods.lcp.method import Lcp

    method = Lcp(MethodSettings())
    method.setup("cpu", tiny.weights)
    focus = method.focus(tiny.dataset.sample(index))
    assert focus is not None
    return focus.numpy().astype(np.float64)


def test_pictures_hold_the_image_and_the_image_under_the_mask(tiny: Tiny) -> None:
    assert tiny.first.exit_code == 0, tiny.first.output
    (folder,) = (tiny.store / "pictures").iterdir()
    assert folder.name.startswith("lcp__scenes-fog__val__")
    assert f"pictures: {folder}" in tiny.first.stdout
    shown = [tiny.dataset.records[0], tiny.dataset.records[-1]]
    assert sorted(path.name for path in folder.iterdir()) == [f"crux-{record.image_id}.png" for record in shown]
    for record in shown:
        image = tiny.dataset.sample(record.index).image.numpy().transpose(1, 2, 0)
        mask = masks(tiny, record.index)
        assert 0.05 < mask.mean() < 0.95 and mask.std() > 0.05
        height, width = record.size
        with Image.open(folder / f"crux-{record.image_id}.png") as picture:
            pixels = np.asarray(picture.convert("RGB"))
        assert pixels.shape[1] == 3 * width + 4 * GAP and pixels.shape[0] > height + GAP
        rows = pixels[pixels.shape[0] - GAP - height : -GAP]
        np.testing.assert_array_equal(rows[:, GAP : GAP + width], image)
        right = rows[:, 2 * (GAP + width) + GAP :][:, :width].astype(np.float64)
        assert np.abs(right - image * mask[..., None]).max() <= 0.51


def test_the_table_tells_where_the_mask_lies(tiny: Tiny) -> None:
    record = tiny.dataset.records[0]
    row = next(line for line in tiny.first.stdout.splitlines() if record.image_id in line).split()
    assert row[0] == record.image_id and row[-1] == f"crux-{record.image_id}.png"
    assert float(row[1]) == pytest.approx(masks(tiny, 0).mean(), abs=6e-4)
    assert 0 < float(row[3]) < 100
    assert float(row[4]) == pytest.approx(float(row[2]) / float(row[3]), rel=0.15)
    assert any(line.split()[:2] == ["all", "2"] for line in tiny.first.stdout.splitlines())


def test_the_same_call_gives_the_same_bytes_anywhere(tiny: Tiny, tmp_path: Path) -> None:
    result = show(*words(tiny.weights), "--image", tiny.dataset.records[-1].image_id, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    (path,) = (tmp_path / "out").iterdir()
    (stored,) = (tiny.store / "pictures").rglob(path.name)
    assert path.read_bytes() == stored.read_bytes()
    assert "next:" not in result.stdout


def test_a_plugin_with_a_mask_is_shown(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    common = ("--plugin", tmp_path / "plugin.py", "--dataset", "scenes-fog", "--limit", 1, "--store", tmp_path / "s")
    result = show("--method", "left", *common)
    assert result.exit_code == 0, result.output
    assert "0.500" in result.stdout and "next: `lqbench run`" in result.stdout
    result = show("--method", "wide", *common)
    told = "wide.focus, image val-000000: expected (512, 512) values in [0, 1], got (511, 512)"
    assert result.exit_code == 2 and told in result.stderr
    result = show("--method", "blind", *common)
    assert result.exit_code == 2 and "the method 'blind' has no mask to show" in result.stderr


@pytest.mark.parametrize("method", ["hr", "cascade-rcnn", "lcp-catch-up"])
def test_a_method_without_a_mask_names_those_that_have_one(method: str, tmp_path: Path) -> None:
    result = show("--method", method, "--dataset", "scenes-fog", "--store", tmp_path / "store")
    assert result.exit_code == 2
    assert result.stderr == (
        f"lqbench: the method {method!r} has no mask to show; methods that have one are lcp, lcp-crux.\n"
    )
    assert not (tmp_path / "store").exists()


def test_mistakes_are_told_in_one_sentence(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    first = tiny.dataset.records[0].image_id
    cases = [
        (("--image", "val-00000"), f"--image val-00000: scenes-fog val has no image of this id among its {LIMIT}"),
        (("--images", 2, "--image", first), "--images and --image exclude each other"),
        (("--image", first, "--out", tmp_path / "file"), f"crux-{first}.png cannot be written (File exists)"),
        (("--weights", tmp_path / "none.safetensors"), "there is no such weight file"),
        (("--method", "lpc"), "unknown method 'lpc'; did you mean 'lcp'"),
        (("--dataset", "scenes-frog"), "unknown dataset 'scenes-frog'"),
    ]
    for arguments, told in cases:
        result = show(*words(tiny.weights), "--store", tmp_path / "store", *arguments)
        assert result.exit_code == 2, result.output
        assert told in result.stderr and "Traceback" not in result.output
    assert "Invalid value for '--images'" in show(*words(tiny.weights), "--images", 0).stderr


def test_the_report_finds_the_pictures(tiny: Tiny, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(tiny.store, store)
    (folder,) = (store / "pictures").iterdir()
    assert write_record(tiny, store) == folder.name
    result = CliRunner().invoke(main, ["report", "--store", str(store), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert f"pictures: 2 in {store / 'pictures'}" in result.stdout
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert html.count('<figure class="picture">') == html.count('src="data:image/') == 2
    assert "soft mask and crux of lcp on scenes-fog val, image val-000000" in html


def write_record(tiny: Tiny, store: Path) -> str:
    """Store the record of the cell that the pictures belong to, as that of a failed one; return its folder's name."""
    request = Request(("lcp",), ("scenes-fog",), weights=tiny.weights, limit=LIMIT)
    cell = make_plan(request)[0].jobs[0].cell
    software = Provenance(lqbench_version="0", python="3", platform="x", cpu="x", device="cpu")
    facts = {"cell": cell, "status": "failed", "images": 0, "detections": 0, "started": "2025-03-01", "seconds": {}}
    Store.open(store).write_failure(Record(**facts, error="E: stopped", provenance=software))
    return cell.directory


def test_help_needs_no_torch() -> None:
    code = (
        "import sys, json\n"
        "from lqbench.benchmark.cli.main import main\n"
        "for words in (['show', '--help'], ['show', 'crux', '--help']):\n"
        "    main(words, standalone_mode=False)\n"
        "print(json.dumps([name for name in ('torch', 'numba', 'matplotlib') if name in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
