"""Which weights a restoration method gets, what is said where there are none, and runs of enhancers end to end."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from lqbench.benchmark import restorer_files
from lqbench.benchmark.cli.main import main
from lqbench.benchmark.inventory import methods as listed
from lqbench.benchmark.plan import make_plan
from lqbench.benchmark.request import Request
from lqbench.benchmark.sr_files import parse_sr_weights
from lqbench.datasets.errors import UserError
from lqbench.methods.enhance.aod import AodNet
from lqbench.methods.enhance.checkpoints import save_restorer
from lqbench.methods.enhance.learnt import RestorerSettings

ALL = "dcp-then-detect,udcp-then-detect,clahe-then-detect,opening-then-detect,aod-then-detect"


def network_file(path: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    save_restorer(AodNet(), {}, path)
    return path


@pytest.fixture(autouse=True)
def nothing_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LQBENCH_WEIGHTS", "LQBENCH_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put bundled weights for two datasets in the place of the real ones."""
    folder = tmp_path / "bundle"
    monkeypatch.setattr(restorer_files, "BUNDLE", folder)
    for seed, name in enumerate(("scenes-fog", "scenes-rain")):
        network_file(folder / f"aod-{name}.safetensors", seed)
    return folder


def chosen(request: Request) -> dict[str, str]:
    """Return the file that each dataset of a request gets."""
    groups = make_plan(request)
    assert all(isinstance(group.settings, RestorerSettings) for group in groups)
    return {job.cell.dataset: group.settings.restorer.path.name for group in groups for job in group.jobs}  # type: ignore[attr-defined]


def test_bundled_weights_follow_the_datasets_name(bundle: Path) -> None:
    names = ("scenes-fog", "scenes-fog:beta_per_m=0.01", "scenes-rain")
    files = chosen(Request(("aod-then-detect",), names, limit=1))
    assert list(files.values()) == ["aod-scenes-fog.safetensors"] * 2 + ["aod-scenes-rain.safetensors"]
    further = chosen(Request(("aod-then-detect",), ("scenes-fog",), limit=1, degrade="noise(5)"))
    assert further == {"scenes-fog+noise(5)": "aod-scenes-fog.safetensors"}


def test_real_weights_are_bundled_for_the_weather_of_the_scenes() -> None:
    names = ("scenes-fog", "scenes-rain", "scenes-underwater")
    assert set(chosen(Request(("aod-then-detect",), names, limit=1))) == set(names)


def test_other_scenes_are_refused(bundle: Path) -> None:
    said = r"has bundled weights for scenes-fog, scenes-rain, not for scenes-dark: train some with .* --sr-weights aod"
    with pytest.raises(UserError, match=said):
        make_plan(Request(("aod-then-detect",), ("scenes-dark",), limit=1))


def test_photographs_want_published_weights_or_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    request = Request(("aod-then-detect",), ("rtts",), ("mini",), data_root=tmp_path, limit=1)
    with pytest.raises(UserError) as told:
        make_plan(request)
    sentence = next(line for line in str(told.value).splitlines() if "has no weights for photographs" in line)
    assert "get dehazer.pth from https://github.com/MayankSingal/PyTorch-Image-Dehazing" in sentence
    assert "train some with `lqbench train --method aod-then-detect`" in sentence
    assert "--method aod-then-detect,hr,lr,bicubic --dataset scenes-fog" in str(told.value)
    monkeypatch.setenv("LQBENCH_WEIGHTS", str(tmp_path / "w"))
    (tmp_path / "w").mkdir()
    torch.save({f"e_{name}": value for name, value in AodNet().state_dict().items()}, tmp_path / "w" / "dehazer.pth")
    with pytest.raises(UserError) as told:
        make_plan(request)
    assert "has no weights for photographs" not in str(told.value)


def test_the_file_given_is_taken_and_its_hash_is_in_the_key(tmp_path: Path) -> None:
    def key(file: Path) -> str:
        given = {"restore-then-detect": file}
        (group,) = make_plan(Request(("restore-then-detect",), ("scenes-dark",), limit=1, sr_weights=given))
        return group.jobs[0].cell.key

    file = network_file(tmp_path / "a.safetensors")
    first = key(file)
    moved = file.rename(tmp_path / "b.safetensors")
    assert key(moved) == first
    network_file(moved, seed=1)
    assert key(moved) != first


def test_a_network_must_be_brought_where_there_is_none() -> None:
    with pytest.raises(UserError, match=r"'restore-then-detect' has no network of its own: .*--sr-weights restore"):
        make_plan(Request(("restore-then-detect",), ("scenes-fog",), limit=1))


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save({"some.weight": torch.zeros(2, 3)}, tmp_path / "other.pth")
    request = Request(
        ("aod-then-detect",), ("scenes-fog",), limit=1, sr_weights={"aod-then-detect": tmp_path / "other.pth"}
    )
    with pytest.raises(UserError, match=r"aod-then-detect on scenes-fog: .*other\.pth holds a network that is no AOD"):
        make_plan(request)


def test_enhancers_with_a_network_take_files_by_the_option(tmp_path: Path) -> None:
    file = network_file(tmp_path / "a.safetensors")
    assert parse_sr_weights([str(file)], ("lr", "aod-then-detect")) == {"aod-then-detect": file}
    both = parse_sr_weights([f"restore-then-detect={file}"], ("restore-then-detect", "tdsr"))
    assert both == {"restore-then-detect": file}
    with pytest.raises(UserError, match="'dcp-then-detect' has no super-resolution network and no other"):
        parse_sr_weights([f"dcp-then-detect={file}"], ("dcp-then-detect", "tdsr"))


def test_lists_say_what_must_be_brought(bundle: Path) -> None:
    entries = {entry.name: entry for entry in listed()}
    assert all(entries[name].state == "ready" for name in ALL.split(","))
    assert (entries["restore-then-detect"].state, entries["restore-then-detect"].brings) == ("missing", "--sr-weights")


def test_enhancers_run_on_fog(tmp_path: Path) -> None:
    command = ["run", "--method", ALL, "--dataset", "scenes-fog", "--detector", "mini", "--limit", "4", "--store", "s"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert "PSNR-Y" in done.output
    again = CliRunner().invoke(main, command)
    assert "already done: 5 of 5" in again.output
    wrong = CliRunner().invoke(main, ["run", "--method", "aod-then-detect", "--dataset", "scenes-dark"])
    assert wrong.exit_code == 2
    assert "Traceback" not in wrong.output
