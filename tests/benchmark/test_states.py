"""What the store holds of a plan's cells: states, what has changed, estimates."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest

from lqbench.benchmark.plan import Group, Job
from lqbench.benchmark.states import CellStatus, estimator, statuses
from lqbench.datasets.errors import UserError
from lqbench.results.cell import Cell
from lqbench.results.record import Metrics, Provenance, Record
from lqbench.results.store import Store, detections_sha256
from lqbench.results.summaries import CellSummary
from lqbench.results.tables import DETECTION_COLUMNS

NO_DETECTIONS = pd.DataFrame(columns=list(DETECTION_COLUMNS), dtype="float32")
STARTED = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def group(make_method, make_group, dataset) -> Group:
    return make_group(make_method(), dataset)


@pytest.fixture
def cell(group) -> Cell:
    return group.jobs[0].cell


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.open(tmp_path / "store")


def record_of(cell: Cell, **fields) -> Record:
    metrics = Metrics(detections_sha256=detections_sha256(NO_DETECTIONS), values={}, per_class={}, scorer="none")
    provenance = Provenance(lqbench_version="0", python="3", platform="p", cpu="c", device="cpu")
    given = {"status": "done", "images": 20, "detections": 0, "started": STARTED, "seconds": {"detect": 10.0}}
    facts = {"cell": cell, "provenance": provenance, "metrics": metrics}
    return Record.model_validate({**facts, **given, **fields})


def finish(store: Store, cell: Cell, **fields) -> None:
    store.write_cell(record_of(cell, **fields), NO_DETECTIONS)


def only(group: Group, store: Store) -> CellStatus:
    (found,) = statuses([group], store)
    return found


def test_nothing_is_there_to_begin_with(group, tmp_path):
    found = only(group, Store(tmp_path / "none"))
    assert (found.state, found.why, found.seconds) == ("to do", "", None)
    assert not (tmp_path / "none").exists()


def test_a_finished_cell_is_done(group, cell, store):
    finish(store, cell)
    found = only(group, store)
    assert (found.state, found.why) == ("done", "")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"method_source": "1" * 64}, "the method's source"),
        ({"weights_sha256": "2" * 64}, "the weights"),
        ({"method_settings": {"strength": 2}}, "the settings"),
        ({"dataset_version": "older"}, "the dataset's version"),
        ({"dataset_fingerprint": "3" * 64}, "the dataset's content"),
        ({"weights_sha256": "2" * 64, "dataset_version": "older"}, "the weights, the dataset's version"),
    ],
)
def test_a_cell_of_another_version_is_stale_and_says_what_changed(group, cell, store, change, told):
    finish(store, cell.model_copy(update=change))
    found = only(group, store)
    assert (found.state, found.why) == ("stale", f"changed since {STARTED}: {told}")


@pytest.mark.parametrize("change", [{"split": "train2017"}, {"limit": 3}, {"precision": "bfloat16"}, {"method": "b"}])
def test_a_cell_of_another_name_makes_nothing_stale(group, cell, store, change):
    finish(store, cell.model_copy(update=change))
    assert only(group, store).state == "to do"


def test_the_newest_of_several_older_results_is_compared_with(group, cell, store):
    finish(store, cell.model_copy(update={"weights_sha256": "1" * 64}), started="2026-01-02T00:00:00+00:00")
    finish(store, cell.model_copy(update={"method_source": "1" * 64}), started=STARTED)
    assert only(group, store).why == "changed since 2026-01-02T00:00:00+00:00: the weights"


def test_a_failure_of_another_version_makes_nothing_stale(group, cell, store):
    store.write_failure(
        record_of(cell.model_copy(update={"method_source": "1" * 64}), status="failed", metrics=None, error="no")
    )
    assert only(group, store).state == "to do"


def test_a_failed_cell_tells_its_last_line(group, cell, store):
    store.write_failure(record_of(cell, status="failed", metrics=None, error="Traceback\nValueError: too much"))
    found = only(group, store)
    assert (found.state, found.why) == ("failed", "ValueError: too much")


def spoil_detections(folder: Path) -> None:
    (folder / "detections.parquet").write_bytes(b"PAR1")


def remove_detections(folder: Path) -> None:
    (folder / "detections.parquet").unlink()


def spoil_record(folder: Path) -> None:
    (folder / "record.json").write_text("{")


def edit_identity(folder: Path) -> None:
    content = json.loads((folder / "cell.json").read_text())
    (folder / "cell.json").write_text(json.dumps(content | {"split": "train2017"}))


def edit_both(folder: Path) -> None:
    edit_identity(folder)
    record = json.loads((folder / "record.json").read_text())
    record["cell"]["split"] = "train2017"
    (folder / "record.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (spoil_detections, "detections.parquet is damaged or was edited"),
        (remove_detections, "detections.parquet is missing"),
        (spoil_record, "record.json is damaged"),
        (edit_identity, "another cell"),
        (edit_both, "another cell than its name says"),
    ],
)
def test_a_damaged_cell_is_told_as_such_and_in_one_sentence(group, cell, store, spoil, told):
    finish(store, cell)
    spoil(store.cell_path(cell))
    found = only(group, store)
    assert found.state == "damaged"
    assert told in found.why
    assert "--always" in found.why


def test_an_older_form_of_a_cell_is_no_damage(group, cell, store):
    """Fields that came later are not in the files of a store made before."""
    finish(store, cell)
    folder = store.cell_path(cell)
    for name in ("cell.json", "record.json"):
        content = json.loads((folder / name).read_text())
        del (content if name == "cell.json" else content["cell"])["precision"]
        (folder / name).write_text(json.dumps(content))
    assert only(group, store).state == "done"


def test_of_cells_that_nobody_asks_for_no_detections_are_read(group, cell, store):
    other = cell.model_copy(update={"dataset": "other"})
    finish(store, other)
    remove_detections(store.cell_path(other))
    finish(store, cell)
    assert only(group, store).state == "done"


def test_a_cell_that_a_live_launcher_computes_is_running(group, cell, store):
    claim = store.claim(cell)
    assert claim is not None
    found = only(group, store)
    assert found.state == "running"
    assert str(os.getpid()) in found.why
    claim.release()
    assert only(group, store).state == "to do"


def test_a_claim_of_a_process_that_is_gone_does_not_count(group, cell, store):
    claim = store.claim(cell)
    assert claim is not None
    path = store.path / "locks" / f"{cell.directory}.lock"
    # No process has an id beyond the kernel's largest.
    path.write_text(path.read_text().replace(str(os.getpid()), str(2**22 + 1)))
    assert only(group, store).state == "to do"


def test_a_store_of_a_newer_version_is_refused_in_one_sentence(group, store):
    identity = json.loads((store.path / "store.json").read_text())
    (store.path / "store.json").write_text(json.dumps(identity | {"version": 10_000}))
    with pytest.raises(UserError) as caught:
        only(group, Store(store.path))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("state", "chosen"),
    [
        ("done", {"always"}),
        ("stale", {"only-missing", "only-stale", "always"}),
        ("failed", {"only-missing", "always"}),
        ("damaged", {"only-missing", "always"}),
        ("running", {"only-missing", "always"}),
        ("to do", {"only-missing", "always"}),
    ],
)
def test_what_each_policy_computes(group, state, chosen):
    status = CellStatus(group.jobs[0], state, "", None)
    policies = ("only-missing", "only-stale", "always", "never")
    assert {policy for policy in policies if status.wanted(policy)} == chosen


def summary(
    method: str = "m",
    detector: str = "d",
    dataset: str = "s",
    images: int = 10,
    seconds: float = 20.0,
    status: Literal["done", "failed"] = "done",
) -> CellSummary:
    return CellSummary("", status, method=method, detector=detector, dataset=dataset, images=images, seconds=seconds)


def estimate(cell: Cell, *known: CellSummary, images: int = 5) -> float | None:
    return estimator(known)(cell, images)


@pytest.fixture
def asked(cell) -> Cell:
    return cell.model_copy(update={"method": "m", "method_settings": {"detector": "d"}, "dataset": "s"})


def test_an_estimate_is_the_mean_pace_times_images(asked):
    assert estimate(asked, summary(seconds=20.0), summary(seconds=40.0)) == pytest.approx(15.0)


def test_an_estimate_takes_the_nearest_relatives(asked):
    same_dataset, same_detector = summary(seconds=10.0), summary(dataset="t", seconds=30.0)
    same_method = summary(dataset="t", detector="e", seconds=50.0)
    everything = (same_dataset, same_detector, same_method)
    assert estimate(asked, *everything) == pytest.approx(5.0)
    # The pace of a method with a detector is the mean over its datasets.
    assert estimate(asked.model_copy(update={"dataset": "u"}), *everything) == pytest.approx(10.0)
    other = asked.model_copy(update={"method_settings": {"detector": "f"}})
    assert estimate(other, *everything) == pytest.approx(15.0)


@pytest.mark.parametrize(
    "useless", [summary(method="n"), summary(status="failed"), summary(images=0), summary(seconds=0.0)]
)
def test_without_a_relative_nothing_is_estimated(asked, useless):
    assert estimate(asked) is None
    assert estimate(asked, useless) is None


def test_a_stale_result_estimates_its_successor(group, cell, store):
    finish(store, cell.model_copy(update={"method_source": "1" * 64}), seconds={"detect": 6.0, "score": 4.0})
    assert only(group, store).seconds == pytest.approx(10.0)


def test_statuses_are_in_the_plans_order(group, cell, store):
    jobs = tuple(Job(cell.model_copy(update={"dataset": name}), group.jobs[0].dataset) for name in "cab")
    finish(store, jobs[1].cell)
    found = statuses([replace(group, jobs=jobs)], store)
    assert [one.job for one in found] == list(jobs)
    assert [one.state for one in found] == ["to do", "done", "to do"]


def test_the_key_of_a_float32_cell_is_that_of_the_time_before_the_choice():
    """Computed by the release before cells had a precision."""
    cell = Cell(
        method="lr",
        method_settings={"detector": "mini", "detector_config": None},
        method_source="a" * 64,
        weights_sha256="b" * 64,
        dataset="scenes-d",
        dataset_version="1",
        split="val",
        limit=20,
        dataset_fingerprint="c" * 64,
    )
    assert cell.key == "da87523a30c3"
    assert cell.directory == "lr__mini__scenes-d__val__da87523a30c3"
    lower = cell.model_copy(update={"precision": "bfloat16"})
    assert lower.key != cell.key
    assert lower.directory == f"lr__mini__scenes-d__val__bfloat16__{lower.key}"
