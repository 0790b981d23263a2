"""Trackers: what they are told, and that they neither go online by themselves nor make a cell fail."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lqbench.benchmark.trackers import Tracker, cell_facts, make_tracker
from lqbench.datasets.errors import UserError
from lqbench.results.cell import Cell
from lqbench.results.record import Metrics, Provenance, Record
from lqbench.results.runs import STOPPED, new_run

RUN = new_run(("lqbench", "run", "--track"), "inline", 1, ())


def record(*, failed: bool = False) -> Record:
    cell = Cell(
        method="bicubic",
        method_settings={"detector": "mini", "scale": 4},
        method_source="a" * 64,
        dataset="scenes-d",
        dataset_version="1",
        split="val",
        dataset_fingerprint="f" * 64,
    )
    metrics = Metrics(
        detections_sha256="d" * 64, values={"AP": 0.25, "AP_S": None, "PSNR-Y[4]": 30.0}, per_class={}, scorer="test 1"
    )
    provenance = Provenance(
        lqbench_version="0", commit="abc", python="3", platform="p", cpu="c", device="cpu", packages={"torch": "2.12"}
    )
    return Record(
        cell=cell,
        status="failed" if failed else "done",
        error="Traceback\nRuntimeError: no" if failed else "",
        images=2,
        detections=2,
        started="2026-01-01T00:00:00+00:00",
        seconds={"detect": 1.5},
        provenance=provenance,
        metrics=None if failed else metrics,
    )


class FakeClient:
    """Records the calls that MLflow's client gets."""

    def __init__(self, calls: list[tuple[str, Any]]) -> None:
        self.calls = calls

    def get_experiment_by_name(self, name: str) -> None:
        self.calls.append(("experiment", name))

    def create_experiment(self, name: str) -> str:
        return "7"

    def create_run(self, experiment: str, **given: Any) -> SimpleNamespace:
        self.calls.append(("run", given))
        return SimpleNamespace(info=SimpleNamespace(run_id=f"r{len(self.calls)}"))

    def log_batch(self, run_id: str, **given: Any) -> None:
        self.calls.append(("batch", given))

    def log_artifact(self, run_id: str, path: str) -> None:
        self.calls.append(("artifact", path))

    def set_terminated(self, run_id: str, status: str, end_time: int | None = None) -> None:
        self.calls.append(("terminated", (run_id, status)))


@pytest.fixture
def mlflow_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    calls: list[tuple[str, Any]] = []
    module, entities = ModuleType("mlflow"), ModuleType("mlflow.entities")
    module.MlflowClient = lambda: FakeClient(calls)  # type: ignore[attr-defined]
    for name in ("Metric", "Param", "RunTag"):
        setattr(entities, name, lambda *given: given)
    monkeypatch.setitem(sys.modules, "mlflow", module)
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    return calls


@pytest.fixture
def wandb_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    calls: list[tuple[str, Any]] = []

    def init(**given: Any) -> SimpleNamespace:
        calls.append(("init", given))
        return SimpleNamespace(
            summary=SimpleNamespace(update=lambda values: calls.append(("summary", values))),
            finish=lambda exit_code: calls.append(("finish", exit_code)),
            log_artifact=lambda artifact: calls.append(("artifact", artifact.files)),
        )

    class Artifact:
        def __init__(self, name: str, type: str) -> None:
            self.files: list[str] = []

        def add_file(self, path: str) -> None:
            self.files.append(path)

    module = ModuleType("wandb")
    module.init, module.Artifact = init, Artifact  # type: ignore[attr-defined]
    module.Settings = lambda **given: given  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    return calls


def go(tracker: Tracker, *records: Record) -> None:
    tracker.begin(RUN)
    for each in records:
        tracker.cell(each)
    tracker.end()


def test_facts_of_a_cell_leave_undefined_metrics_out():
    facts = cell_facts(record())
    assert facts.title == "bicubic/mini on scenes-d"
    assert facts.metrics == {"images": 2, "detections": 2, "seconds.detect": 1.5, "AP": 0.25, "PSNR-Y[4]": 30.0}
    assert (facts.parameters["settings.scale"], facts.parameters["detector"]) == ("4", "mini")
    assert "limit" not in facts.parameters
    assert facts.parameters["key"] == record().cell.key
    assert (facts.tags["commit"], facts.tags["package.torch"], facts.tags["status"]) == ("abc", "2.12", "done")
    assert facts.tags["detections_sha256"] == "d" * 64


def test_mlflow_gets_a_run_for_each_cell_below_one_for_all(mlflow_calls: list[tuple[str, Any]], tmp_path: Path):
    go(make_tracker("mlflow", tmp_path, detections=True), record())
    kinds = [kind for kind, _ in mlflow_calls]
    assert kinds == ["experiment", "run", "run", "batch", "artifact", "terminated", "terminated"]
    parent, child = (given for kind, given in mlflow_calls if kind == "run")
    assert parent["run_name"] == RUN.id
    assert child["tags"] == {"mlflow.parentRunId": "r2"}
    batch = mlflow_calls[3][1]
    assert {name: value for name, value, *_ in batch["metrics"]}["PSNR-Y_4_"] == 30.0
    assert ("method", "bicubic") in batch["params"]
    assert ("commit", "abc") in batch["tags"]
    assert mlflow_calls[4][1].endswith(f"{record().cell.directory}/detections.parquet")
    assert [given[1] for kind, given in mlflow_calls if kind == "terminated"] == ["FINISHED", "FINISHED"]


def test_a_failed_cell_is_a_failed_run_with_its_error(mlflow_calls: list[tuple[str, Any]], tmp_path: Path):
    go(make_tracker("mlflow", tmp_path, detections=True), record(failed=True))
    assert not [kind for kind, _ in mlflow_calls if kind == "artifact"]
    assert ("error", "Traceback\nRuntimeError: no") in dict(mlflow_calls)["batch"]["tags"]
    assert mlflow_calls[-2][1][1] == "FAILED"


def test_a_stopped_run_is_told_as_killed(mlflow_calls: list[tuple[str, Any]], tmp_path: Path):
    tracker = make_tracker("mlflow", tmp_path)
    tracker.begin(RUN)
    tracker.end(STOPPED)
    assert mlflow_calls[-1] == ("terminated", ("r2", "KILLED"))


def test_wandb_gets_a_run_for_each_cell_and_stays_offline(wandb_calls: list[tuple[str, Any]], tmp_path: Path):
    go(make_tracker("wandb", tmp_path, detections=True), record(), record(failed=True))
    kinds = [kind for kind, _ in wandb_calls]
    assert kinds == ["init", "summary", "artifact", "finish", "init", "summary", "finish"]
    given = wandb_calls[0][1]
    assert (given["mode"], given["group"], given["name"]) == ("offline", RUN.id, "bicubic/mini on scenes-d")
    assert given["config"]["method"] == "bicubic"
    assert given["config"]["provenance"]["commit"] == "abc"
    assert wandb_calls[1][1]["AP"] == 0.25
    assert [exit_code for kind, exit_code in wandb_calls if kind == "finish"] == [0, 1]


@pytest.mark.parametrize(("variable", "mode"), [("online", "online"), ("disabled", "disabled"), ("", "offline")])
def test_wandb_goes_online_only_where_the_user_says_so(
    wandb_calls: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, mode: str
):
    monkeypatch.setenv("WANDB_MODE", variable)
    go(make_tracker("wandb", tmp_path), record())
    assert wandb_calls[0][1]["mode"] == mode


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_an_absent_package_is_one_sentence_with_its_extra(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=rf'install it by `pip install "lqbench\[{name}\]"`'):
        make_tracker(name, tmp_path)


def test_an_unknown_tracker_is_one_sentence(tmp_path: Path):
    with pytest.raises(UserError, match="there is no tracker 'excel'; known are mlflow, wandb"):
        make_tracker("excel", tmp_path)


def test_a_tracker_that_cannot_begin_is_a_mistake_of_the_user(
    mlflow_calls: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(FakeClient, "create_experiment", refuse)
    told: list[str] = []
    tracker = make_tracker("mlflow", tmp_path, tell=told.append)
    with pytest.raises(UserError, match=r"the tracker mlflow cannot be used \(OSError: no server\)"):
        tracker.begin(RUN)
    tracker.end()
    assert told == []


def test_a_tracker_that_fails_later_is_told_once(
    mlflow_calls: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(FakeClient, "log_batch", refuse)
    told: list[str] = []
    go(make_tracker("mlflow", tmp_path, tell=told.append), record(), record())
    assert len(told) == 1
    assert f"did not take {record().cell.directory} (OSError: no server)" in told[0]
    assert len([1 for kind, _ in mlflow_calls if kind == "terminated"]) == 3


def test_a_failure_is_told_on_standard_error_by_default(
    mlflow_calls: list[tuple[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(FakeClient, "log_batch", refuse)
    go(make_tracker("mlflow", tmp_path), record())
    assert capsys.readouterr().err.startswith("lqbench: the tracker mlflow did not take")


def refuse(*_: Any, **__: Any) -> None:
    raise OSError("no server\nat all")


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("mlflow", "sqlalchemy", "alembic")),
    reason="the extra lqbench[mlflow] is not installed",
)
def test_the_real_mlflow_takes_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    path = tmp_path / "cells" / record().cell.directory
    path.mkdir(parents=True)
    (path / "detections.parquet").write_bytes(b"x")
    told: list[str] = []
    go(make_tracker("mlflow", tmp_path, detections=True, tell=told.append), record(), record(failed=True))
    assert told == []
    import mlflow  # type: ignore[import-not-found]

    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("lqbench")
    found = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert len(found) == 2
    assert found[RUN.id].info.status == "FINISHED"
    cells = [run for run in client.search_runs([experiment.experiment_id]) if run.info.run_name != RUN.id]
    assert sorted(run.info.status for run in cells) == ["FAILED", "FINISHED"]
    (done,) = [run for run in cells if run.info.status == "FINISHED"]
    assert done.data.metrics["AP"] == 0.25
    assert done.data.params["settings.scale"] == "4"
    assert done.data.tags["mlflow.parentRunId"] == found[RUN.id].info.run_id
    assert [item.path for item in client.list_artifacts(done.info.run_id)] == ["detections.parquet"]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="the extra lqbench[wandb] is not installed")
def test_the_real_wandb_takes_cells_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    path = tmp_path / "cells" / record().cell.directory
    path.mkdir(parents=True)
    (path / "detections.parquet").write_bytes(b"x")
    told: list[str] = []
    go(make_tracker("wandb", tmp_path, detections=True, tell=told.append), record(), record(failed=True))
    assert told == []
    kept = [each.name for each in (tmp_path / "wandb").iterdir() if each.is_dir() and not each.is_symlink()]
    assert len([name for name in kept if name.startswith("offline-run-")]) == 2
    assert not [name for name in kept if name.startswith("run-")]
