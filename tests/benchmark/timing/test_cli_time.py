"""``lqbench time`` as a user calls it, with real measuring processes; no figure is held to the wall clock."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from lqbench.benchmark.cli.main import main
from lqbench.benchmark.timing.statistics import latency
from lqbench.results.timing import LATENCY_COLUMNS, read_latencies, read_timings, timing_path

pytestmark = pytest.mark.usefixtures("no_user_setup")

PLUGIN = """
import os
import signal

import numpy as np
import torch
from lqbench.datasets.types import Detections
from lqbench.methods.base import Method
from lqbench.methods.card import MethodCard


class Chatty(Method):
    card = MethodCard(name="chatty", title="Chatty", summary="Prints.", kind="detector", restores=True)

    def setup(self, device, weights):
        print("ready")
        self.net = torch.nn.Conv2d(3, 2, 1)

    def detect(self, batch):
        print("measured", flush=True)
        os.system("echo measured")
        for sample in batch.samples:
            self.net(sample.image.float()[None])
        return [Detections.empty() for sample in batch.samples]

    def restore(self, batch):
        return [sample.image for sample in batch.samples]


class Dying(Chatty):
    card = Chatty.card.model_copy(update={"name": "dying"})

    def detect(self, batch):
        os.kill(os.getpid(), signal.SIGKILL)


class Broken(Chatty):
    card = Chatty.card.model_copy(update={"name": "broken"})

    def detect(self, batch):
        raise RuntimeError("out of ideas")
"""


def call(*words):
    return CliRunner().invoke(main, ["time", *words])


def test_lr_is_timed_on_embedded_scenes(tmp_path):
    words = ("--method", "lr", "--dataset", "scenes-d", "--limit", "3", "--threads", "1", "--device", "cpu")
    done = call(*words, "--warm-up", "1")
    assert done.exit_code == 0, done.output
    (record,) = read_timings(tmp_path / ".lqbench" / "store")
    folder = timing_path(tmp_path / ".lqbench" / "store", record.cell, record.conditions)
    frame = read_latencies(folder)
    assert list(frame.columns) == list(LATENCY_COLUMNS)
    assert frame["phase"].tolist() == ["detect"] * 3
    assert record.latency == latency(frame, 1)
    assert record.conditions.images == 3
    assert record.cell.limit is None
    assert record.compute.complaint == ""
    assert record.compute.parameters == 1_872_270 or record.compute.parameters
    assert record.compute.flops_mean
    assert record.split is None
    assert record.surroundings is not None
    assert record.provenance.command[:2] == ("lqbench", "time")
    assert "scenes-d, val: 3 images" in done.output
    assert "next: lqbench run --method lr --dataset scenes-d\n" in done.output


def test_a_process_that_dies_and_one_that_raises_are_recorded(tmp_path, coco_root):
    plugin = tmp_path / "plugin.py"
    plugin.write_text(PLUGIN)
    words = ["--dataset", "coco-d", "--data-root", str(coco_root), "--plugin", "plugin.py", "--store", "s"]
    done = call("--method", "dying,broken,chatty", *words, "--device", "cpu", "--limit", "4", "--batch-size", "2")
    assert done.exit_code == 1, done.output
    records = {record.cell.method: record for record in read_timings(tmp_path / "s")}
    assert {name: record.status for name, record in records.items()} == {
        "dying": "failed",
        "broken": "failed",
        "chatty": "done",
    }
    assert "was killed by SIGKILL" in records["dying"].error
    assert records["broken"].error.splitlines()[-1] == "RuntimeError: out of ideas"
    assert "dying failed: the process that measured was killed by SIGKILL" in done.output
    assert done.output.count("failed: what it said last is in s/timings/") == 2
    chatty = records["chatty"]
    assert chatty.compute.parameters == 8
    assert chatty.split is not None
    assert chatty.split.restoring == "apart"
    frame = read_latencies(timing_path(tmp_path / "s", chatty.cell, chatty.conditions))
    assert frame["phase"].tolist() == ["detect"] * 2 + ["restore"] * 2
    assert set(frame["images"]) == {2}
    assert "--plugin plugin.py --store s" in done.output


def test_an_unknown_method_is_told():
    done = call("--method", "lrr", "--dataset", "scenes-d")
    assert done.exit_code == 2
    assert "unknown method 'lrr'" in done.output


@pytest.mark.parametrize("words", [("--limit", "0"), ("--repeat", "0"), ("--threads", "0"), ("--warm-up", "-1")])
def test_numbers_out_of_range_are_refused(words):
    done = call("--method", "lr", "--dataset", "scenes-d", *words)
    assert done.exit_code == 2
    assert words[0] in done.output


def test_a_batch_that_cannot_be_filled_is_refused(tmp_path):
    done = call("--method", "lr", "--dataset", "scenes-d", "--limit", "2", "--batch-size", "3", "--device", "cpu")
    assert done.exit_code == 2
    assert "--batch-size 3 is more than the 2 images" in done.output
    assert read_timings(tmp_path / ".lqbench" / "store") == []


def test_help_does_not_import_torch():
    program = (
        "import sys\n"
        "from lqbench.benchmark.cli.main import main\n"
        "sys.argv = ['lqbench', 'time', '--help']\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "assert not {'torch', 'numba'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--warm-up" in done.stdout
