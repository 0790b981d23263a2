"""Claims: exclusive, with a heartbeat, taken over from the dead only."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from lqbench.results import lock
from lqbench.results.lock import STALE_SECONDS, claim, holder


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
