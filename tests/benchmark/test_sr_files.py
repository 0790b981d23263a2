"""Which weights a super-resolution method gets, and what is said where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from lqbench.benchmark import sr_files
from lqbench.benchmark.cli.main import main
from lqbench.benchmark.plan import make_plan
from lqbench.benchmark.request import Request
from lqbench.benchmark.sr_files import dataset_scale, parse_sr_weights
from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.errors import UserError
from lqbench.methods.sr.catalog import build_sr
from lqbench.methods.sr.checkpoints import describe, save_sr
from lqbench.methods.sr_then_detect.method import SrSettings


def network_file(path: Path, scale: int = 4) -> Path:
    torch.manual_seed(0)
    network = build_sr("dbpn-res", scale, {"stages": 2, "base": 2, "features": 2, "iterations": 1})
    save_sr(network, describe(network, "dbpn-res"), path)
    return path


@pytest.fixture(autouse=True)
def nothing_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sr_files, "BUNDLE", tmp_path / "bundle")
    monkeypatch.delenv("LQBENCH_WEIGHTS", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "degrade", "factor"),
    [
        ("scenes-lr-x4", "", 4),
        ("scenes-lr-x8", "", 8),
        ("scenes-d", "", None),
        ("scenes-clean", "", None),
        ("scenes-clean", "down(3)", 3),
        ("scenes-clean", "down(1..4)", None),
    ],
)
def test_a_dataset_has_one_whole_scale_or_none(name: str, degrade: str, factor: int | None) -> None:
    assert dataset_scale(open_dataset(name, limit=6, degrade=degrade)) == factor


def test_the_file_given_is_taken_and_its_hash_is_in_the_key(tmp_path: Path) -> None:
    file = network_file(tmp_path / "a.safetensors")
    request = Request(("tdsr",), ("scenes-lr-x4",), limit=1, sr_weights={"tdsr": file})
    (group,) = make_plan(request)
    assert isinstance(group.settings, SrSettings)
    assert group.settings.sr is not None
    assert (group.settings.sr.path, group.settings.sr.scale) == (file, 4)
    assert group.jobs[0].cell.method_settings["sr"]["sha256"] == group.settings.sr.sha256
    moved = file.rename(tmp_path / "b.safetensors")
    (again,) = make_plan(Request(("tdsr",), ("scenes-lr-x4",), limit=1, sr_weights={"tdsr": moved}))
    assert again.jobs[0].cell.key == group.jobs[0].cell.key


def test_bundled_weights_are_chosen_by_scale_and_for_scenes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coco_root: Path
) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for scale in (4, 8):
        network_file(bundle / f"tdsr-x{scale}.safetensors", scale)
    groups = make_plan(Request(("tdsr",), ("scenes-lr-x4", "scenes-lr-x8", "scenes-d"), limit=1))
    chosen = [(job.cell.dataset, group.settings.sr.scale) for group in groups for job in group.jobs]  # type: ignore[attr-defined]
    assert chosen == [("scenes-lr-x4", 4), ("scenes-d", 4), ("scenes-lr-x8", 8)]
    with pytest.raises(UserError, match="'tdsr' has no weights for x4 here: train some with"):
        make_plan(Request(("tdsr",), ("coco-d",), ("mini",), data_root=coco_root, limit=1))


def test_a_published_file_is_found_among_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    monkeypatch.setenv("LQBENCH_WEIGHTS", str(folder))
    request = Request(("dbpn",), ("scenes-lr-x4",), limit=1)
    with pytest.raises(UserError, match=r"get DBPN_x4\.pth from https://github.com/alterzero/DBPN-Pytorch") as told:
        make_plan(request)
    assert str(folder) in str(told.value)
    network = build_sr("dbpn", 4, {"stages": 7, "base": 2, "features": 2})
    torch.save({f"module.{name}": value for name, value in network.state_dict().items()}, folder / "DBPN_x4.pth")
    (group,) = make_plan(request)
    assert group.settings.sr.network == "dbpn"  # type: ignore[attr-defined]


def test_weights_of_another_scale_are_refused(tmp_path: Path) -> None:
    file = network_file(tmp_path / "a.safetensors")
    with pytest.raises(UserError, match=r"tdsr on scenes-lr-x8: .* weights for x4, not for x8"):
        make_plan(Request(("tdsr",), ("scenes-lr-x8",), limit=1, sr_weights={"tdsr": file}))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    file = network_file(tmp_path / "a.safetensors")
    with pytest.raises(UserError, match=r"holds weights of 'dbpn-res'.* not of 'carn'"):
        make_plan(Request(("carn",), ("scenes-lr-x4",), limit=1, sr_weights={"carn": file}))


@pytest.mark.parametrize(
    ("text", "methods", "said"),
    [
        ("tdsr=nowhere.pth", ("tdsr",), "the file nowhere.pth does not exist"),
        ("nowhere.pth", ("tdsr",), "the file nowhere.pth does not exist"),
        ("lr=a", ("lr", "tdsr"), "'lr' has no super-resolution network"),
        ("a.pth", ("tdsr", "carn"), "METHOD being one of tdsr, carn"),
        ("edsr=a.pth", ("tdsr", "carn"), "METHOD being one of tdsr, carn"),
        ("a.pth", ("lr",), "no method of this run takes such a file"),
    ],
)
def test_mistakes_in_sr_weights_are_named(text: str, methods: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_sr_weights([text], methods)


def test_a_file_name_may_hold_an_equals_sign(tmp_path: Path) -> None:
    file = tmp_path / "lr=0.1.pth"
    file.touch()
    assert parse_sr_weights([f"tdsr={file}"], ("tdsr", "carn")) == {"tdsr": file}
    assert parse_sr_weights([str(file)], ("tdsr",)) == {"tdsr": file}


def test_a_run_measures_detections_and_restored_images(tmp_path: Path) -> None:
    file = network_file(tmp_path / "a.safetensors")
    command = ["run", "--method", "sr-then-detect", "--dataset", "scenes-lr-x4", "--limit", "2", "--store", "s"]
    done = CliRunner().invoke(main, [*command, "--sr-weights", str(file)])
    assert done.exit_code == 0, done.output
    assert "PSNR-Y" in done.output
    again = CliRunner().invoke(main, [*command, "--sr-weights", f"sr-then-detect={file}"])
    assert "already done: 1 of 1" in again.output
    wrong = CliRunner().invoke(main, [*command, "--sr-weights", "nowhere.pth"])
    assert wrong.exit_code == 2
    assert "Traceback" not in wrong.output
