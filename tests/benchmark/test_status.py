"""The status of a store: told from notes, cells, chunks and claims alone."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lqbench.benchmark.status import RunStatus, images_stored, store_status
from lqbench.benchmark.status_text import RUNNING_ROWS, status_lines, status_object
from lqbench.datasets.errors import UserError
from lqbench.results.atomic import encode_parquet
from lqbench.results.runs import PlannedCell, RunNote, end_run, new_run, write_run

NAMES = ("hr", "lr", "bicubic", "aeris")
COMMAND = ("lqbench", "run", "--dataset", "a b")


def directory(name: str) -> str:
    return f"{name}__scenes-d__val__0123456789ab"


def planned(name: str, state: str = "to do", images: int = 100, seconds: float | None = None) -> PlannedCell:
    return PlannedCell(
        directory=directory(name), title=f"{name} on scenes-d", images=images, seconds=seconds, state=state
    )


def fresh_note(*cells: PlannedCell, **changes: object) -> RunNote:
    return new_run(COMMAND, "inline", 1, cells or tuple(planned(name) for name in NAMES)).model_copy(update=changes)


def settle(store: Path, name: str, *, failed: str = "", age: float = 0.0) -> None:
    """Put a finished or failed cell into the store, as far as the status looks at it."""
    folder = store / "cells" / directory(name)
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "record.json"
    record.write_text(json.dumps({"status": "failed" if failed else "done", "error": failed}), encoding="utf-8")
    if not failed:
        (folder / "detections.parquet").write_bytes(b"")
    written = time.time() - age
    os.utime(record, (written, written))


def chunk(store: Path, name: str, first: int, stop: int) -> None:
    folder = store / "partial" / directory(name)
    folder.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"image": np.arange(first, stop)})
    (folder / f"chunk-{first:06d}.parquet").write_bytes(encode_parquet(frame, {"chunk": [first, stop]}))


def claim(store: Path, name: str, *, part: str = "", host: str = "node7", age: float = 0.0) -> None:
    text = json.dumps({"host": host, "pid": 4242, "token": f"{name}{part}"})
    place = store / "locks" / f"{directory(name)}{f'.{part}' if part else ''}.lock"
    place.write_text(text, encoding="utf-8")
    beaten = time.time() - age
    os.utime(place, (beaten, beaten))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for name in ("cells", "partial", "locks"):
        (tmp_path / "store" / name).mkdir(parents=True)
    return tmp_path / "store"


def only(store: Path) -> RunStatus:
    (run,) = store_status(store).runs
    return run


def states(run: RunStatus) -> list[str]:
    return [cell.state for cell in run.cells]


def test_cells_are_told_by_what_lies_in_the_store(store: Path):
    write_run(store, fresh_note())
    settle(store, "hr")
    settle(store, "lr", failed="Traceback\nRuntimeError: no")
    claim(store, "bicubic")
    chunk(store, "bicubic", 0, 16)
    chunk(store, "bicubic", 32, 48)
    run = only(store)
    assert run.state == "running"
    assert states(run) == ["done", "failed", "running", "to do"]
    assert [cell.images_done for cell in run.cells] == [100, 0, 32, 0]
    assert run.cells[2].claims[0].owner.name == "node7 (process 4242)"
    assert run.counts == {"done": 1, "failed": 1, "running": 1, "to do": 1}


def test_a_failure_of_an_earlier_run_is_to_do(store: Path):
    settle(store, "hr", failed="RuntimeError: no", age=100)
    write_run(store, fresh_note(planned("hr", "failed")))
    assert states(only(store)) == ["to do"]


def test_a_cell_that_is_computed_again_is_done_when_its_record_is_new(store: Path):
    settle(store, "hr", age=100)
    write_run(store, fresh_note(planned("hr", "done again")))
    assert states(only(store)) == ["to do"]
    claim(store, "hr")
    assert states(only(store)) == ["running"]
    settle(store, "hr")
    assert states(only(store)) == ["done"]


def test_a_cell_that_was_done_before_the_run_is_done(store: Path):
    settle(store, "hr", age=100)
    write_run(store, fresh_note(planned("hr", "done"), planned("lr")))
    run = only(store)
    assert states(run) == ["done", "to do"]
    assert "1 done (1 of them before), 1 to do; 100 of 200 images" in "\n".join(status_lines(store_status(store)))


def test_parts_of_a_cell_are_claimed_apart(store: Path):
    write_run(store, fresh_note(planned("hr")))
    claim(store, "hr", part="000000")
    claim(store, "hr", part="000512", host="node8")
    (cell,) = only(store).cells
    assert [(each.part, each.owner.name) for each in cell.claims] == [
        ("000000", "node7 (process 4242)"),
        ("000512", "node8 (process 4242)"),
    ]
    assert any("from image 512: node8 (process 4242), heartbeat" in line for line in status_lines(store_status(store)))


def test_a_claim_whose_heart_stopped_is_no_work(store: Path):
    write_run(store, fresh_note(planned("hr")))
    claim(store, "hr", age=3600)
    assert states(only(store)) == ["to do"]


def test_a_dead_launcher_is_called_dead_with_the_command_that_goes_on(store: Path):
    write_run(store, fresh_note(planned("hr"), process_start="1", folder="/data/my runs"))
    chunk(store, "hr", 0, 16)
    status = store_status(store)
    assert status.runs[0].state == "dead"
    assert not status.active
    text = "\n".join(status_lines(status))
    assert "dead: its process is gone from" in text
    assert "stopped  hr on scenes-d: 16 of 100 images are kept" in text
    assert f"go on with: cd '/data/my runs' && LQBENCH_STORE={store.resolve()} lqbench run --dataset 'a b'" in text


def test_a_command_that_names_its_store_is_given_as_it_was(store: Path):
    command = ("lqbench", "run", "--store=here")
    write_run(store, fresh_note(planned("hr"), process_start="1", folder="/data", command=command))
    assert only(store).again == "cd /data && lqbench run --store=here"


def test_a_dead_run_is_forgotten_when_a_later_one_took_its_cells_up(store: Path):
    write_run(store, fresh_note(planned("hr"), id="1", process_start="1"))
    write_run(store, fresh_note(planned("hr"), planned("lr"), id="2"))
    assert [run.note.id for run in store_status(store).runs] == ["2"]


def test_a_dead_run_is_forgotten_when_its_cells_are_done(store: Path):
    write_run(store, fresh_note(planned("hr"), process_start="1"))
    settle(store, "hr")
    assert store_status(store).runs == ()


def test_a_run_on_another_machine_lives_by_its_claims(store: Path):
    write_run(store, fresh_note(planned("hr"), host="node7"))
    assert only(store).state == "silent"
    assert "no sign of life" in status_lines(store_status(store))[0]
    claim(store, "hr")
    assert only(store).state == "running"


def test_of_the_runs_that_ended_the_last_is_shown(store: Path):
    for number in range(3):
        end_run(store, fresh_note(planned("hr"), id=str(number)))
    settle(store, "hr")
    status = store_status(store)
    assert [(run.note.id, run.state) for run in status.runs] == [("2", "ended")]
    assert not status.active
    assert status.runs[0].eta is None


def test_the_time_left_comes_from_estimates_and_the_pace(store: Path):
    note = fresh_note(planned("hr", seconds=10.0), planned("lr", seconds=30.0), planned("bicubic", "done"))
    write_run(store, note)
    settle(store, "hr")
    later = datetime.fromisoformat(note.started) + timedelta(seconds=20)
    (run,) = store_status(store, lambda: later).runs
    assert run.eta == pytest.approx(60.0)


def test_chunks_of_an_earlier_run_say_nothing_of_the_pace(store: Path):
    chunk(store, "hr", 0, 50)
    old = time.time() - 100
    os.utime(store / "partial" / directory("hr") / "chunk-000000.parquet", (old, old))
    note = fresh_note(planned("hr"))
    write_run(store, note)
    chunk(store, "hr", 50, 75)
    (run,) = store_status(store, lambda: datetime.fromisoformat(note.started) + timedelta(seconds=20)).runs
    assert (run.cells[0].before, run.cells[0].images_done) == (50, 75)
    assert run.eta == pytest.approx(20.0)


def test_a_claim_of_no_run_is_shown_as_one(store: Path):
    claim(store, "hr")
    status = store_status(store)
    assert [other.directory for other in status.others] == [directory("hr")]
    assert status_lines(status)[0].startswith(f"no run is noted in {store}")
    assert any(directory("hr") in line for line in status_lines(status))


def test_a_damaged_note_is_told(store: Path):
    (store / "runs").mkdir()
    (store / "runs" / "x.json").write_text("{", encoding="utf-8")
    assert "x.json is damaged" in status_lines(store_status(store))[-1]


def test_overlapping_and_damaged_chunks_are_counted_once_and_not_at_all(store: Path):
    chunk(store, "hr", 0, 16)
    chunk(store, "hr", 12, 20)
    (store / "partial" / directory("hr") / "chunk-000020.parquet").write_bytes(b"PAR1")
    assert images_stored(store / "partial" / directory("hr")) == 20
    assert images_stored(store / "partial" / "nothing") == 0


def test_rows_beyond_a_screenful_are_counted(store: Path):
    names = [f"m{number}" for number in range(RUNNING_ROWS + 5)]
    write_run(store, fresh_note(*(planned(name) for name in names)))
    for name in names:
        claim(store, name)
    assert "  ... and 5 more" in status_lines(store_status(store))


def test_the_object_holds_what_the_lines_tell(store: Path):
    write_run(store, fresh_note())
    settle(store, "lr", failed="Traceback\nRuntimeError: no")
    claim(store, "hr", part="000016")
    found = json.loads(json.dumps(status_object(store_status(store))))
    (run,) = found["runs"]
    assert (run["state"], run["counts"]["running"], run["images"], run["command"]) == ("running", 1, 400, list(COMMAND))
    assert run["cells"][0]["claims"][0]["part"] == "000016"
    assert run["cells"][1]["error"] == "RuntimeError: no"


def test_times_are_told_with_how_long_ago(store: Path):
    write_run(store, fresh_note(started="2026-01-01T00:00:00.000+00:00"))
    now = datetime(2026, 1, 1, 0, 3, 20, tzinfo=timezone.utc)
    assert status_lines(store_status(store), now)[0].endswith("running, begun 2026-01-01 00:00:00 UTC (3 min 20 s ago)")


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="there is no store at"):
        store_status(tmp_path)
