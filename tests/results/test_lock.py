"""Claims: exclusive, with a heartbeat, taken over from the dead only."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from lqbench.results import lock
from lqbench.results.failures import WriteError
from lqbench.results.lock import STALE_SECONDS, claim, holder, remove_abandoned
from lqbench.results.owner import process_exists, this_process


@pytest.fixture
def path(tmp_path):
    return tmp_path / "locks" / "cell.lock"


def write(path, host, pid):
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"host": host, "pid": pid, "token": "t"}))


def dead_pid():
    process = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    return int(process.stdout)


def test_a_claim_is_exclusive_until_released(path):
    first = claim(path)
    assert first is not None
    assert claim(path) is None
    assert str(os.getpid()) in holder(path)
    first.release()
    assert not path.exists()
    assert claim(path) is not None


def test_the_claim_of_a_dead_process_of_this_host_is_taken_over(path):
    write(path, socket.gethostname(), dead_pid())
    assert claim(path) is not None


def test_a_process_of_another_host_counts_as_alive_while_its_heart_beats(path):
    write(path, "elsewhere", dead_pid())
    assert claim(path) is None
    assert holder(path).startswith("elsewhere")
    old = time.time() - STALE_SECONDS - 1
    os.utime(path, (old, old))
    assert claim(path) is not None


def test_a_heartbeat_keeps_the_claim(path):
    mine = claim(path)
    assert mine is not None
    old = time.time() - STALE_SECONDS - 1
    os.utime(path, (old, old))
    mine.heartbeat()
    assert time.time() - path.stat().st_mtime < STALE_SECONDS
    assert claim(path) is None


def test_who_lost_a_claim_does_not_end_that_of_its_successor(path):
    mine = claim(path)
    assert mine is not None
    os.utime(path, (0, 0))
    theirs = claim(path)
    assert theirs is not None
    os.utime(path, (0, 0))
    mine.heartbeat()
    assert path.stat().st_mtime == 0
    mine.release()
    assert path.exists()
    theirs.release()
    assert not path.exists()


def test_a_claim_that_is_being_written_is_respected(path):
    path.parent.mkdir()
    path.touch()
    assert claim(path) is None


def test_of_two_who_see_a_stale_claim_one_gets_it(path, monkeypatch):
    write(path, socket.gethostname(), dead_pid())
    judge = lock._abandoned

    def faster_rival(where, text):
        """A rival takes the stale claim over while we still look at it."""
        verdict = judge(where, text)
        monkeypatch.setattr(lock, "_abandoned", judge)
        assert claim(path) is not None
        return verdict

    monkeypatch.setattr(lock, "_abandoned", faster_rival)
    assert claim(path) is None
    assert json.loads(path.read_text())["pid"] == os.getpid()


def test_the_clock_of_this_machine_does_not_matter(path, monkeypatch):
    mine = claim(path)
    assert mine is not None
    write_as_elsewhere(path)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert claim(path) is None
    monkeypatch.setattr(lock, "file_system_now", lambda _: path.stat().st_mtime + STALE_SECONDS - 1)
    assert claim(path) is None
    monkeypatch.setattr(lock, "file_system_now", lambda _: path.stat().st_mtime + STALE_SECONDS + 1)
    assert claim(path) is not None


def test_a_claim_from_the_far_future_is_abandoned_one_from_the_near_future_is_not(path):
    path.parent.mkdir()
    write_as_elsewhere(path)
    for ahead, taken in ((STALE_SECONDS / 2, False), (STALE_SECONDS + 60, True)):
        stamp = time.time() + ahead
        os.utime(path, (stamp, stamp))
        assert (claim(path) is not None) == taken


def test_a_recycled_process_id_does_not_look_alive(path):
    path.parent.mkdir()
    mine = this_process()
    if not mine.process_start:
        pytest.skip("no /proc here")
    path.write_text(replace(mine, process_start="1").text)
    assert claim(path) is not None


def test_a_process_of_another_boot_or_container_is_judged_by_its_heartbeat(path):
    path.parent.mkdir()
    for other in ({"boot": "another"}, {"namespace": "pid:[1]"}):
        path.write_text(replace(this_process(), pid=dead_pid(), **other).text)
        assert claim(path) is None


def test_a_zombie_counts_as_gone():
    process = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 20
    while process_exists(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not process_exists(process.pid)
    process.wait()


def test_the_heart_beats_until_the_block_ends(path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    mine = claim(path)
    assert mine is not None
    with mine.beating():
        for _ in range(2):
            os.utime(path, (0, 0))
            wait_until(lambda: path.stat().st_mtime > 0)
    os.utime(path, (0, 0))
    time.sleep(0.05)
    assert path.stat().st_mtime == 0


def test_the_heart_stops_when_another_launcher_took_over(path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    mine = claim(path)
    assert mine is not None
    with mine.beating():
        path.write_text(replace(this_process(), host="elsewhere").text)
        wait_until(lambda: mine.lost)
        os.utime(path, (0, 0))
        time.sleep(0.05)
        assert path.stat().st_mtime == 0
    mine.release()
    assert path.exists()


def test_a_heart_outlives_a_file_server_that_fails_for_a_moment(path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    mine = claim(path)
    assert mine is not None
    calls = []

    def utime(where):
        calls.append(where)
        if len(calls) == 1:
            raise OSError(errno.ESTALE, "stale")

    monkeypatch.setattr(lock.os, "utime", utime)
    with mine.beating():
        wait_until(lambda: len(calls) > 2)


def test_a_guard_of_a_dead_taker_does_not_block_the_cell(path):
    path.parent.mkdir()
    text = replace(this_process(), pid=dead_pid()).text
    path.write_text(text)
    guard = path.with_name(f"{path.name}.{hashlib.sha256(text.encode()).hexdigest()[:8]}")
    guard.write_text(replace(this_process(), pid=dead_pid()).text)
    assert claim(path) is not None
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_guard_of_a_live_taker_is_respected(path):
    path.parent.mkdir()
    text = replace(this_process(), pid=dead_pid()).text
    path.write_text(text)
    path.with_name(f"{path.name}.{hashlib.sha256(text.encode()).hexdigest()[:8]}").write_text(this_process().text)
    assert claim(path) is None
    assert path.read_text() == text


def test_only_abandoned_claims_are_removed(path):
    path.parent.mkdir()
    path.write_text(replace(this_process(), pid=dead_pid()).text)
    assert remove_abandoned(path)
    assert not remove_abandoned(path)
    assert claim(path) is not None
    assert not remove_abandoned(path)
    assert path.exists()


def no_links(*_):
    raise OSError(errno.EPERM, "Operation not permitted")


def test_a_file_system_without_hard_links_will_do(path, monkeypatch):
    monkeypatch.setattr(lock.os, "link", no_links)
    first = claim(path)
    assert first is not None
    assert lock._create_in_steps(path, "text") is False
    assert claim(path) is None
    first.release()
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("links", [True, False])
def test_a_full_disk_leaves_no_claim_and_is_told(path, monkeypatch, links):
    write_new = lock._write_new

    def full(where, text):
        write_new(where, "")
        if links or where == path:
            raise OSError(errno.ENOSPC, "No space left on device")

    if not links:
        monkeypatch.setattr(lock.os, "link", no_links)
    monkeypatch.setattr(lock, "_write_new", full)
    with pytest.raises(WriteError, match=r"cell\.lock cannot be written, the disk is full"):
        claim(path)
    assert list(path.parent.iterdir()) == []


STRESS = """
import os, sys, time
from pathlib import Path
from lqbench.results.lock import claim
path, log, inside = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
stop = time.monotonic() + float(sys.argv[4])
print("ready", flush=True)
sys.stdin.readline()
count = 0
while time.monotonic() < stop:
    held = claim(path)
    if held is None:
        continue
    # Only one process may be here: a second one finds the marker.
    os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
    os.unlink(inside)
    count += 1
    if count % 2:
        held.release()
    else:
        # As if killed: the claim stays and names a process that does not exist.
        path.write_text(path.read_text().replace(f'"pid": {os.getpid()}', '"pid": 4194305'))
print(count)
"""


def test_of_many_processes_one_at_a_time_holds_the_claim(path, tmp_path):
    """Four processes claim, release, and leave dead claims behind, as fast as they can."""
    arguments = [sys.executable, "-c", STRESS, str(path), str(tmp_path / "log"), str(tmp_path / "inside"), "1.5"]
    started = [
        subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [process.communicate() for process in started]
    assert [error for _, error in ended] == [""] * 4
    assert sum(int(output) for output, _ in ended) > 8
    assert [one.name for one in path.parent.iterdir() if one != path] == []


def write_as_elsewhere(path):
    path.write_text(replace(this_process(), host="elsewhere").text)


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
