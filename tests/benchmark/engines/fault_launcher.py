"""Forks launchers on demand, so that a start costs milliseconds: ``python fault_launcher.py ROOT LOG``.

Each line of standard input is a command, answered by one line: ``start STORE SHARD_IMAGES`` forks a launcher that
computes the matrix and answers its process id; ``wait PID`` answers how it ended, as ``os.waitpid`` tells. Launchers
write what they raise to LOG. No test file; tests/benchmark/engines/test_faults.py runs it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from rich.console import Console

from lqbench.benchmark import runner
from lqbench.benchmark.plan import Group
from lqbench.benchmark.progress import LineDisplay
from lqbench.benchmark.work import RunOptions
from lqbench.methods.catalog import MethodRegistry, load_plugin
from lqbench.results.store import Store

METHODS = ("steady", "shifted", "failing")
LIMITS = (12, 24, 40)


def matrix(root: Path) -> list[Group]:
    """Return the cells to compute; one of them fails."""
    registry = MethodRegistry()
    load_plugin(Path(__file__).with_name("engine_methods.py"), registry)
    methods = [registry.get(name) for name in METHODS]
    plugin: Any = sys.modules[methods[0].__module__]
    return plugin.make_groups(root, methods, LIMITS)


def launch(groups: list[Group], store: Path, shard_images: int, log: Path) -> int:
    """Compute the matrix; return the launcher's exit status."""
    options = RunOptions(batch_size=2, threads=1, shard_images=shard_images)
    try:
        with log.open("a") as stream, LineDisplay(Console(file=stream)) as display:
            runner.run_cells(groups, Store.open(store), options, display)
    except BaseException:
        with log.open("a") as stream:
            traceback.print_exc(file=stream)
        return 1
    return 0


def main() -> None:
    """Serve until standard input ends."""
    root, log = map(Path, sys.argv[1:])
    groups = matrix(root)
    runner.POLL_SECONDS = 0.02
    with tempfile.TemporaryDirectory() as folder:
        # What is imported, read or built at first use is there from now on.
        launch(groups[:1], Path(folder) / "store", 0, log)
    print("ready", flush=True)
    for line in sys.stdin:
        command, *words = line.split()
        if command == "wait":
            print(os.waitpid(int(words[0]), 0)[1], flush=True)
            continue
        child = os.fork()
        if child == 0:
            os._exit(launch(groups, Path(words[0]), int(words[1]), log))
        print(child, flush=True)


if __name__ == "__main__":
    main()
