"""Kills a build at random points of its code, again and again, then finishes it. A script, run by a test.

Usage: kill_builds.py DATA_ROOT FOLDER KILLS SEED. Prints how each attempt ended and how many images it found done.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
from pathlib import Path

from lqbench.datasets.dataset import Dataset, open_dataset
from lqbench.datasets.prepare.build import build_set
from lqbench.datasets.prepare.encode import ImageFormat
from lqbench.datasets.prepare.journal import read_journal


def attempt(dataset: Dataset, folder: Path, calls: int) -> int:
    """Build in a child process that kills itself after so many function calls; return the signal that ended it."""
    child = os.fork()
    if child == 0:
        left = calls

        def count(*_: object) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count)
        build_set(dataset, folder, ImageFormat())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def calls_of(dataset: Dataset, folder: Path) -> int:
    """Return how many function calls a whole build takes."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    build_set(dataset, folder, ImageFormat())
    sys.setprofile(None)
    return calls


def main() -> None:
    """Kill at random points; most attempts find a set begun, and a set that got whole is begun anew."""
    root, folder, kills, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    dataset = open_dataset("coco-d", data_root=root)
    build_set(dataset, folder.with_name("warm"), ImageFormat())  # imports what is imported when it is first needed
    whole = calls_of(dataset, folder.with_name("measured"))
    points = random.Random(seed)
    killed = 0
    while killed < kills:
        # Every other attempt is a short one, since a killed build goes on and would soon be whole.
        ended = attempt(dataset, folder, points.randrange(1, whole // (20 if killed % 2 else 4)))
        journal = read_journal(folder)
        if ended:
            killed += 1
            print(ended, len(journal[1]) if journal else -1, (folder / "dataset.json").exists())
        else:
            shutil.rmtree(folder)
    print("end", build_set(dataset, folder, ImageFormat()).images)


if __name__ == "__main__":
    main()
