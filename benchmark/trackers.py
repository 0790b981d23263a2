"""Experiment trackers: finished cells are told to MLflow or Weights & Biases, which the user has installed.

A tracker gets copies of what the store holds and is never read. Nothing is sent over the network unless the user has
set an address: MLflow writes to a local database without ``MLFLOW_TRACKING_URI``, Weights & Biases to a local folder
without ``WANDB_MODE``.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ..datasets.errors import UserError
from ..results.record import Record
from ..results.runs import ENDED, RunNote

PROJECT = "lqbench"
"""Name of the experiment of MLflow and of the project of W&B; the user changes it by the trackers' own variables."""
MAX_PARAMETER, MAX_TAG, MAX_NAME = 500, 5000, 250
"""Characters that MLflow takes; its lowest limits over versions 2 and 3."""


class Tracker(Protocol):
    """Told what a run computes."""

    def begin(self, run: RunNote) -> None:
        """Take note of a run, before its first cell.

        Raises:
            UserError: The tracker cannot be reached or written.
        """
        ...

    def cell(self, record: Record) -> None:
        """Take a finished or failed cell."""
        ...

    def end(self, state: str = ENDED) -> None:
        """Close the run, whose state is one of ``results.runs``."""
        ...


@dataclass(frozen=True)
class CellFacts:
    """A record as trackers take it.

    Attributes:
        title: Name of the cell.
        parameters: Fields of the cell; settings of the method are named "settings.<name>".
        tags: Provenance and status.
        metrics: Metrics, seconds by phase, counts and costs; undefined metrics are left out.
    """

    title: str
    parameters: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]


def make_tracker(
    name: str, store_path: Path, *, detections: bool = False, tell: Callable[[str], None] | None = None
) -> Tracker:
    """Return a tracker that never makes a run fail once it has begun.

    Args:
        name: "mlflow" or "wandb".
        store_path: The store's folder.
        detections: Whether the files of detections are handed over too.
        tell: Told a sentence about the first cell that the tracker did not take; written on standard error by default.

    Raises:
        UserError: The name is unknown, or the package is not installed.
    """
    if name not in _TRACKERS:
        raise UserError(f"there is no tracker {name!r}; known are {', '.join(sorted(_TRACKERS))}.")
    # Neither reports on its users by itself: the suite uses no network at run time.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"--track {name} needs the package {name}, which cannot be imported ({error}); "
            f'install it by `pip install "lqbench[{name}]"`.'
        ) from error
    return _Guarded(name, _TRACKERS[name](module, store_path if detections else None), tell or _write_error)


def cell_facts(record: Record) -> CellFacts:
    """Return a record as trackers take it."""
    cell = record.cell
    fields = cell.model_dump(mode="json", exclude={"method_settings"})
    parameters = {name: _text(value) for name, value in fields.items() if value is not None}
    parameters |= {"detector": cell.detector, "key": cell.key}
    parameters |= {f"settings.{name}": _text(value) for name, value in cell.method_settings.items()}
    provenance = record.provenance.model_dump(mode="json")
    packages = {f"package.{name}": str(version) for name, version in provenance.pop("packages").items()}
    provenance["command"] = " ".join(record.provenance.command)
    tags = {"status": record.status, "started": record.started, **packages}
    tags |= {name: _text(value) for name, value in provenance.items() if value not in (None, "")}
    if record.metrics is not None:
        tags |= {"detections_sha256": record.metrics.detections_sha256, "scorer": record.metrics.scorer}
    if record.error:
        tags["error"] = record.error
    method = "/".join(part for part in (cell.method, cell.detector) if part)
    return CellFacts(f"{method} on {cell.dataset}", parameters, tags, _metrics(record))


def _metrics(record: Record) -> dict[str, float]:
    """Return all numbers of a record that are defined."""
    values: dict[str, float | None] = {"images": record.images, "detections": record.detections}
    values |= {f"seconds.{phase}": value for phase, value in record.seconds.items()}
    if record.cost is not None:
        values |= {f"cost.{name}": value for name, value in record.cost.model_dump().items()}
    if record.metrics is not None:
        values |= record.metrics.values
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}


class _Guarded:
    """Turns a failed beginning into one sentence, and later failures into one message: cells matter more."""

    def __init__(self, name: str, tracker: Tracker, tell: Callable[[str], None]) -> None:
        self._name = name
        self._tracker = tracker
        self._tell = tell
        self._begun = self._told = False

    def begin(self, run: RunNote) -> None:
        try:
            self._tracker.begin(run)
        except Exception as error:
            raise UserError(
                f"the tracker {self._name} cannot be used ({_first_line(error)}); mend its settings, or leave out "
                f"--track {self._name}."
            ) from error
        self._begun = True

    def cell(self, record: Record) -> None:
        self._try(record.cell.directory, lambda: self._tracker.cell(record))

    def end(self, state: str = ENDED) -> None:
        self._try("the end of the run", lambda: self._tracker.end(state))

    def _try(self, what: str, action: Callable[[], None]) -> None:
        """Do something with a tracker that has begun; of its failures the first is told."""
        if not self._begun:
            return
        try:
            action()
        except Exception as error:
            if not self._told:
                self._told = True
                self._tell(
                    f"the tracker {self._name} did not take {what} ({_first_line(error)}); the store has it, further "
                    "failures of the tracker are not told."
                )


class _MLflow:
    """A parent run for each run of the suite, below it one for each cell; the user's active run is left alone."""

    def __init__(self, module: Any, store_path: Path | None) -> None:
        self._entities = importlib.import_module("mlflow.entities")
        self._module = module
        self._store_path = store_path
        self._client: Any = None
        self._experiment = self._parent = ""

    def begin(self, run: RunNote) -> None:
        self._client = self._module.MlflowClient()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        found = self._client.get_experiment_by_name(name)
        self._experiment = self._client.create_experiment(name) if found is None else found.experiment_id
        tags = {"host": run.host, "user": run.user, "engine": run.engine, "command": " ".join(run.command)}
        made = self._client.create_run(self._experiment, run_name=run.id, tags=_cut(tags, MAX_TAG))
        self._parent = made.info.run_id

    def cell(self, record: Record) -> None:
        facts = cell_facts(record)
        began = _milliseconds(record.started)
        tags = {"mlflow.parentRunId": self._parent}
        made = self._client.create_run(self._experiment, start_time=began, run_name=facts.title, tags=tags)
        run_id = made.info.run_id
        try:
            self._log(run_id, facts, began)
            if self._store_path is not None and record.status == "done":
                self._client.log_artifact(run_id, str(_detections(self._store_path, record)))
        finally:
            ended = began + round(1000 * sum(record.seconds.values()))
            status = "FINISHED" if record.status == "done" else "FAILED"
            self._client.set_terminated(run_id, status=status, end_time=ended)

    def end(self, state: str = ENDED) -> None:
        self._client.set_terminated(self._parent, status="FINISHED" if state == ENDED else "KILLED")

    def _log(self, run_id: str, facts: CellFacts, time: int) -> None:
        metrics = [self._entities.Metric(_name(key), value, time, 0) for key, value in facts.metrics.items()]
        parameters = _cut(facts.parameters, MAX_PARAMETER)
        self._client.log_batch(
            run_id,
            metrics=metrics,
            params=[self._entities.Param(_name(key), value) for key, value in parameters.items()],
            tags=[self._entities.RunTag(_name(key), value) for key, value in _cut(facts.tags, MAX_TAG).items()],
        )


class _WandB:
    """A run of W&B for each cell, all in one group."""

    def __init__(self, module: Any, store_path: Path | None) -> None:
        self._module = module
        self._store_path = store_path
        self._group = ""

    def begin(self, run: RunNote) -> None:
        self._group = run.id

    def cell(self, record: Record) -> None:
        facts = cell_facts(record)
        made = self._module.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            group=self._group,
            job_type="cell",
            name=facts.title,
            config={**facts.parameters, "provenance": facts.tags},
            # Never online by itself: only where the user says so.
            mode=os.environ.get("WANDB_MODE") or "offline",
            reinit="create_new",
            save_code=False,
            settings=self._module.Settings(silent=True, console="off", x_disable_stats=True),
        )
        done = False
        try:
            made.summary.update(facts.metrics)
            if self._store_path is not None and record.status == "done":
                artifact = self._module.Artifact(f"detections-{record.cell.key}", type="detections")
                artifact.add_file(str(_detections(self._store_path, record)))
                made.log_artifact(artifact)
            done = record.status == "done"
        finally:
            made.finish(exit_code=0 if done else 1)

    def end(self, state: str = ENDED) -> None:
        """Every cell's run is finished by itself."""


_TRACKERS: dict[str, Callable[[Any, Path | None], Tracker]] = {"mlflow": _MLflow, "wandb": _WandB}


def _write_error(sentence: str) -> None:
    sys.stderr.write(f"lqbench: {sentence}\n")


def _detections(store_path: Path, record: Record) -> Path:
    return store_path / "cells" / record.cell.directory / "detections.parquet"


def _cut(values: Mapping[str, str], length: int) -> dict[str, str]:
    """Shorten long values, visibly."""
    return {key: value if len(value) <= length else f"{value[: length - 3]}..." for key, value in values.items()}


def _name(text: str) -> str:
    """Return a name that MLflow accepts."""
    return re.sub(r"[^\w.\-/ ]", "_", text)[:MAX_NAME]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _milliseconds(time: str) -> int:
    return round(1000 * datetime.fromisoformat(time).timestamp())


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
