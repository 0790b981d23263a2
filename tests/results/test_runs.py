"""Notes of runs: written whole, read back, and whether their launcher still lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lqbench.results import runs as module
from lqbench.results.owner import process_start
from lqbench.results.runs import (
    KEPT_NOTES,
    STOPPED,
    PlannedCell,
    RunNote,
    SkippedCell,
    end_run,
    is_alive,
    new_run,
    runs,
    skipped_cells,
    write_run,
)

CELLS = (PlannedCell(directory="hr__scenes-d__val__0123456789ab", title="hr on scenes-d", images=10, seconds=2.5),)


def note(number: int = 0, **changes: object) -> RunNote:
    fresh = new_run(("lqbench", "run", "--method", "hr"), "ray", 2, CELLS)
    return fresh.model_copy(update={"id": f"20260101T000000{number:03d}Z-here-1", **changes})


def test_a_note_survives_the_store(tmp_path: Path):
    fresh = new_run(("lqbench", "run"), "inline", 1, CELLS)
    path = write_run(tmp_path, fresh)
    assert path == tmp_path / "runs" / f"{fresh.id}.json"
    assert runs(tmp_path) == [fresh]
    assert (fresh.pid, fresh.process_start, fresh.state, fresh.ended) == (
        os.getpid(),
        process_start(os.getpid()),
        "running",
        None,
    )
    assert fresh.folder == str(Path.cwd())


def test_an_ended_note_replaces_the_one_it_was(tmp_path: Path):
    fresh = note()
    write_run(tmp_path, fresh)
    ended = end_run(tmp_path, fresh, STOPPED)
    assert runs(tmp_path) == [ended]
    assert ended.state == "stopped"
    assert ended.ended is not None
    assert is_alive(ended) is False


def test_notes_come_sorted_by_when_their_runs_began(tmp_path: Path):
    for number, started in ((1, "2026-01-02T00:00:00+00:00"), (2, "2026-01-01T00:00:00+00:00")):
        write_run(tmp_path, note(number, started=started))
    assert [each.started[:10] for each in runs(tmp_path)] == ["2026-01-01", "2026-01-02"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": 3}', "\x00\xff"])
def test_a_damaged_note_is_passed_over_with_a_sentence(tmp_path: Path, content: str):
    write_run(tmp_path, note())
    (tmp_path / "runs" / "20250101T000000000Z-x-1.json").write_bytes(content.encode("latin-1"))
    told: list[str] = []
    assert len(runs(tmp_path, told.append)) == 1
    assert len(told) == 1
    assert "20250101T000000000Z-x-1.json" in told[0]


def test_fields_of_a_later_version_are_passed_over(tmp_path: Path):
    path = write_run(tmp_path, note())
    path.write_text(path.read_text(encoding="utf-8").replace("{", '{"colour": "red",', 1), encoding="utf-8")
    assert len(runs(tmp_path)) == 1


def test_a_store_without_runs_has_none(tmp_path: Path):
    assert runs(tmp_path / "nowhere") == []


def test_this_process_is_alive():
    assert is_alive(note()) is True


def test_a_recycled_process_number_is_not_the_launcher():
    if not note().process_start:
        pytest.skip("this system has no /proc")
    assert is_alive(note(process_start="1")) is False


def test_another_machine_boot_or_container_cannot_be_told():
    assert is_alive(note(host="elsewhere")) is None
    if note().boot:
        assert is_alive(note(boot="another")) is None


def test_a_killed_launcher_is_dead_even_before_its_parent_looks():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        noted = note(pid=child.pid, process_start=process_start(child.pid))
        assert is_alive(noted) is True
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_alive(noted) is False


def test_old_notes_are_removed_but_none_of_a_run_that_may_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "KEPT_NOTES", 3)
    write_run(tmp_path, note(0))
    write_run(tmp_path, note(1, host="elsewhere"))
    for number in range(2, 9):
        write_run(tmp_path, note(number, ended="2026-01-01T00:00:00+00:00"))
    assert [each.id[15:18] for each in runs(tmp_path)] == ["000", "001", "006", "007", "008"]
    assert KEPT_NOTES == 50


def test_of_several_reasons_for_leaving_a_cell_out_the_newest_counts(tmp_path: Path):
    def left_out(reason: str) -> tuple[SkippedCell, ...]:
        return (SkippedCell(method="tdsr", dataset="coco-d", reason=reason),)

    assert skipped_cells(tmp_path) == []
    for number, reason in ((1, "old"), (2, "new")):
        write_run(tmp_path, note(number, started=f"2026-01-0{number}", skipped=left_out(reason)))
    assert tuple(skipped_cells(tmp_path)) == left_out("new")
