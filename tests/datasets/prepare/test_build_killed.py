"""A build that is killed at any point goes on, and ends with the bytes of one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.prepare.build import build_set
from lqbench.datasets.prepare.encode import ImageFormat
from lqbench.datasets.prepare.journal import JOURNAL

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")]
SCRIPT = Path(__file__).with_name("kill_builds.py")
KILLS = 20


def test_killed_at_twenty_random_points_of_the_code(tiny_root, tmp_path, contents):
    build_set(open_dataset("coco-d", data_root=tiny_root), tmp_path / "whole", ImageFormat())
    command = [sys.executable, str(SCRIPT), str(tiny_root), str(tmp_path / "killed"), str(KILLS), "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, env=environment)
    *attempts, last = done.stdout.splitlines()
    assert last == "end 10"
    assert len(attempts) == KILLS
    assert sum(line.startswith(f"{int(signal.SIGKILL)} ") for line in attempts) == KILLS, attempts
    assert len({line.split()[1] for line in attempts}) >= 4, attempts
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_workers_end_with_a_killed_parent_and_the_command_goes_on(tmp_path, contents, make_root):
    root = make_root(tmp_path / "many", images=300)
    command = [sys.executable, "-m", "lqbench.benchmark.cli.main", "data", "build", "coco-d", "--workers", "2"]
    command += ["--data-root", str(root), "--out"]
    process = subprocess.Popen([*command, str(tmp_path / "set")], start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        journal = tmp_path / "set" / JOURNAL
        wait_for(lambda: journal.is_file() and len(journal.read_bytes().splitlines()) > 20)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        wait_for(lambda: not group_lives(process.pid))
    finally:
        if group_lives(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
    assert not (tmp_path / "set" / "dataset.json").exists()
    done = subprocess.run([*command, str(tmp_path / "set")], capture_output=True, text=True, check=True)
    assert "of them there before" in done.stdout
    build_set(open_dataset("coco-d", data_root=root), tmp_path / "whole", ImageFormat())
    assert contents(tmp_path / "set") == contents(tmp_path / "whole")


def wait_for(condition, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
