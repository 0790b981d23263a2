"""``lqbench data``."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from lqbench.benchmark.cli.data import COMMANDS
from lqbench.benchmark.cli.main import main
from lqbench.datasets.dataset import open_dataset

pytestmark = pytest.mark.usefixtures("no_user_setup")


def data(*arguments, code=0):
    result = CliRunner().invoke(main, ["data", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def told(*arguments):
    """Run a command that is a mistake and return its one sentence."""
    result = data(*arguments, code=2)
    [line] = result.stderr.splitlines()[-1:]
    assert line.startswith("lqbench: ")
    assert "Traceback" not in result.output
    return line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    assert f"data {command}" in data(command, "--help").stdout


def test_status_names_ready_and_missing_splits(coco_root):
    table = data("status", "--data-root", coco_root).stdout
    [line] = [line for line in table.splitlines() if line.strip().startswith("coco-d ")]
    assert line.split() == ["coco-d", "ready", "val2017", "train2017"]
    assert "lqbench data status TRACK" in table
    entries = json.loads(data("status", "coco-d", "voc-lr-x4", "--json", "--data-root", coco_root).stdout)
    assert [(e["name"], e["state"], e["ready"]) for e in entries] == [
        ("coco-d", "ready", ["val2017"]),
        ("voc-lr-x4", "missing", []),
    ]
    assert any("VOCtest_06-Nov-2007.tar" in line for line in entries[1]["missing"])


def test_status_of_a_named_track_says_what_to_bring(coco_root):
    text = data("status", "coco-d", "--data-root", coco_root).stdout
    assert "http://images.cocodataset.org/zips/train2017.zip" in text
    assert "did you mean 'coco-d'" in told("status", "coco-e")


def test_build_verify_and_run_on_the_built_set(coco_root, tmp_path):
    arguments = ("build", "coco-d", "--data-root", coco_root, "--out", "set", "--limit", 5, "--workers", 1)
    text = data(*arguments).stdout
    assert "5 images" in text
    assert "next: lqbench data verify set" in text
    assert "5 of them there before" in data(*arguments).stdout
    assert data("verify", "set", "--workers", 1).stdout.splitlines()[-1] == "set: no problems"
    there, here = open_dataset("coco-d", data_root=coco_root, limit=5), open_dataset("coco:set")
    assert all((there.sample(k).image == here.sample(k).image).all() for k in range(5))


def test_problems_are_a_line_each_and_the_status_1(coco_root, tmp_path):
    data("build", "coco-d", "--data-root", coco_root, "--out", "set", "--limit", 3, "--workers", 1)
    for name in ("1.png", "2.png"):
        Image.fromarray(np.zeros((3, 3, 3), np.uint8)).save(tmp_path / "set" / "images" / name)
    result = data("verify", "set", "--workers", 1, code=1)
    lines = [line for line in result.stdout.splitlines() if line.startswith("problem")]
    assert [("1.png" in line, "2.png" in line) for line in lines] == [(True, False), (False, True)]
    assert result.stdout.splitlines()[-1] == "set: 2 problems"
    content = json.loads(data("verify", "set", "--workers", 1, "--json", code=1).stdout)
    assert content["problems"] == 2
    assert sum(finding["state"] == "problem" for finding in content["findings"]) == 2


def test_verify_of_a_track(coco_root):
    assert "officially has 5000" in data("verify", "coco-d", "--data-root", coco_root, "--workers", 1, code=1).stdout
    data("verify", "coco-d", "--data-root", coco_root, "--workers", 1, "--subset")
    assert "needs VOCdevkit" in told("verify", "voc-lr-x4", "--data-root", coco_root)
    assert "unknown dataset 'coco-dd'" in told("verify", "coco-dd")


@pytest.mark.parametrize("name", ["sheet.png", "sheet.html"])
def test_preview_writes_a_file(coco_root, tmp_path, name):
    text = data("preview", "coco-d", "--data-root", coco_root, "--out", name, "--count", 2, "--workers", 1).stdout
    assert text == f"2 of 20 images: {name}\n"
    assert (tmp_path / name).stat().st_size > 1000


def test_convert_there_and_back(coco_root, tmp_path):
    text = data("convert", coco_root, "voc", "--from", "coco", "--to", "voc").stdout
    assert "20 images, objects: val2017 19: voc" in text
    data("convert", "voc", "yolo", "--from", "voc", "--to", "yolo", "--images", "link")
    assert (tmp_path / "yolo" / "labels" / "1.txt").read_text().startswith("14 0.29166")
    assert "voc exists already" in told("convert", coco_root, "voc", "--from", "coco", "--to", "voc")


def test_mistakes_are_a_sentence(coco_root, tmp_path):
    (tmp_path / "file").touch()
    root = ("--data-root", coco_root, "--workers", 1)
    assert "cannot be written" in told("build", "coco-d", *root, "--out", "file/below")
    assert "PNG has none" in told("build", "coco-d", *root, "--out", "set", "--quality", 90)
    data("build", "coco-d", *root, "--out", "set", "--limit", 2)
    assert "holds another set" in told("build", "coco-d", *root, "--out", "set", "--limit", 3)
    assert "must end in .png or .html" in told("preview", "coco-d", *root, "--out", "a.pdf")
    assert "data root is set" in told("fetch", "coco-d")
    assert "asks for registration" in told("fetch", "cityscapes", "--data-root", coco_root)
    offline = told("fetch", "coco-d", "--split", "train2017", "--data-root", tmp_path, "--mirror", "http://127.0.0.1:9")
    assert "could not be fetched" in offline


def test_ctrl_c_keeps_what_is_done(coco_root, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("lqbench.datasets.prepare.build._finish", stop)
    arguments = ("build", "coco-d", "--data-root", coco_root, "--out", "set", "--limit", 3, "--workers", 1)
    assert "the same command goes on where it stopped" in data(*arguments, code=130).stderr
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert "3 of them there before" in data(*arguments).stdout


@pytest.mark.parametrize("arguments", [["data", "--help"], ["data", "status"], ["data", "build", "--help"]])
def test_light_commands_import_no_torch(arguments):
    program = (
        "import sys\n"
        "from lqbench.benchmark.cli.main import main\n"
        f"sys.argv = ['lqbench', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
