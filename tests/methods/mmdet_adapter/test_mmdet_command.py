"""``lqbench run`` with an mmdet model, as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lqbench.benchmark import doctor
from lqbench.benchmark.cli.main import main
from lqbench.datasets.errors import UserError
from lqbench.methods.bicubic.method import Bicubic
from lqbench.methods.mmcv_ops import install
from lqbench.methods.mmdet_adapter.detector import MmdetDetector
from lqbench.methods.source_hash import source_files

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_user_setup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LQBENCH_DATA", "LQBENCH_WEIGHTS", "LQBENCH_STORE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config.yaml").write_text("")
    monkeypatch.setenv("LQBENCH_CONFIG", str(tmp_path / "config.yaml"))
    monkeypatch.chdir(tmp_path)


def run(*arguments: str | Path, limit: int = 3) -> Any:
    words = ["run", "--dataset", "scenes-d", "--limit", str(limit), "--device", "cpu", "--workers", "0"]
    return CliRunner().invoke(main, [*words, *map(str, arguments)])


def records(store: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in sorted(store.glob("cells/*/record.json"))]
    return {record["cell"]["method"]: record for record in found}


def test_an_mmdet_model_alone_and_behind_other_methods(
    config_file: Write, checkpoint_file: Write, tmp_path: Path
) -> None:
    config = config_file()
    files = ("--config", config, "--weights", checkpoint_file(config))
    result = run("--method", "mmdet,bicubic,hr,lr", "--detector", "mmdet", *files)
    assert result.exit_code == 0, result.output
    assert "detector: mmdet:tiny" in result.output
    assert "OneDL" not in result.output
    found = records(tmp_path / ".lqbench" / "store")
    assert set(found) == {"mmdet", "bicubic", "hr", "lr"}
    for record in found.values():
        assert record["detections"] > 0
        assert set(record["cell"]["method_settings"]["detector_config"]) == {"name", "sha256", "packages", "ops"}
    assert found["bicubic"]["metrics"]["values"]["PSNR_Y"] > 10

    again = run("--method", "mmdet", *files)
    assert "already done: 1 of 1" in again.output
    config.write_text("# a comment changes nothing\n" + config.read_text())
    assert "already done: 1 of 1" in run("--method", "mmdet", *files).output
    config.write_text(config.read_text().replace("max_per_img=50", "max_per_img=20"))
    assert "already done" not in run("--method", "mmdet", *files).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "mmdet"], "needs a config: give an mmdet config file"),
        (["--method", "bicubic", "--detector", "mmdet"], "needs a config: give an mmdet config file"),
        (["--method", "mmdet", "--config", "nowhere.py"], "neither a file nor the name of a config that comes with"),
        (["--method", "mmdet", "--config", "retinanet_r18_fpn_1x_coco"], "https://download.openmmlab.com/mmdetection"),
        (["--method", "mmdet", "--config", "tiny.py"], "tiny.py needs its checkpoint: give its path with --weights"),
        (["--method", "mmdet", "--config", "tiny.py", "--weights", "no.pth"], "--weights no.pth does not exist"),
        (["--method", "mmdet", "--config", "broken.py"], "broken.py cannot be read (SyntaxError"),
        (["--method", "lr", "--config", "tiny.py"], "this run has the detectors mini; add --detector mmdet"),
        (
            ["--method", "mmdet", "--detector", "fcos", "--config", "tiny.py"],
            "leave --detector fcos out, or name mmdet",
        ),
    ],
)
def test_a_mistake_before_anything_is_computed(
    config_file: Write, tmp_path: Path, arguments: list[str], message: str
) -> None:
    config_file()
    (tmp_path / "broken.py").write_text("model = dict(")
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / ".lqbench").exists()


@pytest.mark.parametrize(
    ("replacement", "message"),
    [
        (("num_classes=3", "num_classes=7"), "builds a head for 7"),
        (("stacked_convs=1", "stacked_convs=2"), "another architecture"),
        (('type="ResNet"', 'type="NoSuchNet"'), "names the module 'NoSuchNet'"),
    ],
)
def test_files_that_do_not_belong_together(
    config_file: Write, checkpoint_file: Write, replacement: tuple[str, str], message: str
) -> None:
    weights = checkpoint_file(config_file())
    result = run("--method", "mmdet", "--config", config_file(replacement), "--weights", weights)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_shipped_configs_checkpoint_is_found_among_the_weights(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "retinanet_r18_fpn_1x_coco_20220407_171055-614fd399.pth").write_bytes(b"x")
    result = run("--method", "mmdet", "--config", "retinanet_r18_fpn_1x_coco", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "mmdet/mmdet:retinanet_r18_fpn_1x_coco on scenes-d" in result.output


def test_listing_imports_neither_torch_nor_mmdet() -> None:
    program = (
        "import sys\n"
        "from lqbench.benchmark.cli.main import main\n"
        "for kind in ('methods', 'detectors'):\n"
        "    main(['list', kind], standalone_mode=False)\n"
        "assert not {'torch', 'mmengine', 'mmcv', 'mmdet'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--config and" in done.stdout


def test_the_doctor_says_whose_operators_mmdet_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    found = doctor.mmcv_operators()
    assert found.state == "ok"
    own = install.ops_in_charge() == "compiled"
    assert ("with its own compiled operators" in found.text) == own
    assert ("a stand-in" in found.text) != own

    def broken() -> None:
        raise UserError("mmcv's compiled operators do not load (undefined symbol).")

    monkeypatch.setattr(install, "install", broken)
    assert doctor.mmcv_operators().state == "broken"


def test_the_operators_count_among_the_source_of_mmdet_models_alone() -> None:
    assert "methods/mmcv_ops/deform_conv.py" in source_files(Bicubic, MmdetDetector)
    assert "methods/mmdet_adapter/pipeline.py" in source_files(Bicubic, MmdetDetector)
    assert not [name for name in source_files(Bicubic, None) if "mm" in name]
