"""Whatever is killed whenever: every cell arrives once, with the numbers of an undisturbed run, and nothing is left."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lqbench.benchmark import runner
from lqbench.benchmark.engines import failing
from lqbench.benchmark.engines.ray_engine import RayEngine
from lqbench.benchmark.runner import run_cells
from lqbench.results.owner import process_exists
from lqbench.results.store import Store

pytestmark = pytest.mark.slow

LAUNCHER_KILLS = 50
LAUNCHER = Path(__file__).with_name("fault_launcher.py")
CELLS = [f"{method}-{limit}" for method in ("steady", "shifted", "failing") for limit in (12, 24, 40)]
DONE = 7
"""Cells that can be finished: the method "failing" raises at image 20, which its smallest cell lacks."""
DAY_AND_MORE = 100_000.0


class Launchers:
    """The process that forks launchers."""

    def __init__(self, root: Path, log: Path) -> None:
        self.log = log
        self._server = subprocess.Popen(
            [sys.executable, str(LAUNCHER), str(root), str(log)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._answer() == "ready"

    def start(self, store: Path, shard_images: int) -> int:
        return int(self._ask(f"start {store} {shard_images}"))

    def kill(self, pid: int) -> bool:
        """Kill a launcher; False if it had ended by itself before, well."""
        os.kill(pid, signal.SIGKILL)
        return self.wait(pid) == -signal.SIGKILL

    def wait(self, pid: int) -> int:
        code = os.waitstatus_to_exitcode(int(self._ask(f"wait {pid}")))
        assert code in (0, -signal.SIGKILL), self.log.read_text()[-3000:]
        return code

    def close(self) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        assert self._server.wait(60) == 0
        self._server.stdout.close()

    def _ask(self, line: str) -> str:
        assert self._server.stdin is not None
        self._server.stdin.write(f"{line}\n")
        self._server.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().strip()


@dataclass
class Watch:
    """Looks at a store again and again: what was finished once may never be replaced."""

    store: Path
    seen: dict[str, tuple[int, int, bytes]] = field(default_factory=dict)

    def look(self) -> int:
        """Return how many cells are finished."""
        for folder in (self.store / "cells").glob("*__*"):
            if folder.name.startswith("."):
                continue
            try:
                found = (
                    folder.stat().st_ino,
                    (folder / "record.json").stat().st_ino,
                    (folder / "record.json").read_bytes(),
                )
            except FileNotFoundError:
                assert folder.name not in self.seen, "a finished cell is gone"
                continue  # a failed one is being replaced this moment
            if b'"status": "done"' in found[2]:
                assert self.seen.setdefault(folder.name, found) == found, f"{folder.name} was replaced"
        return len(self.seen)

    def progress(self) -> tuple[int, int]:
        """Return something that changes when work is kept: finished cells, and chunks of others."""
        return len(self.seen), len(list((self.store / "partial").glob("*__*/chunk-*")))


@pytest.fixture
def launchers(noise_root, control, tmp_path, monkeypatch) -> Iterator[Launchers]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (control / "pause").write_text("0.02")
    found = Launchers(noise_root, tmp_path / "launchers.log")
    yield found
    found.close()


def test_launchers_killed_at_any_moment_do_each_cell_once(launchers, tmp_path, matrix, undisturbed, numbers, control):
    """Rounds on new stores, one launcher or two at a time, in whole cells or in shards, until 50 are killed."""
    chance = random.Random(8)
    kills = rounds = 0
    stores = []
    while kills < LAUNCHER_KILLS:
        rounds += 1
        watch = Watch(tmp_path / f"store-{rounds}")
        stores.append(watch)
        kills += disturb(launchers, watch, chance)
        finish(launchers, watch)
    assert kills >= LAUNCHER_KILLS
    assert rounds < kills / 4, "the kills came when there was little left to do"
    (control / "pause").write_text("0")
    expected = undisturbed(matrix("steady", "shifted", "failing", limits=(12, 24, 40)))
    for watch in stores:
        check(Store(watch.store), expected, numbers)
        assert watch.look() == DONE


def disturb(launchers: Launchers, watch: Watch, chance: random.Random) -> int:
    """Start launchers and kill them until all cells are finished; return how many were killed at work.

    On a slow machine they live longer: a launcher that never gets to its first chunk would prove nothing.
    """
    kills, span = 0, 0.3
    while watch.look() < DONE:
        before = watch.progress()
        running = [launchers.start(watch.store, chance.choice((0, 16))) for _ in range(chance.choice((1, 2, 2)))]
        for pid in running:
            time.sleep(chance.uniform(0.0, span))
            kills += launchers.kill(pid)
            watch.look()
        span = 0.3 if watch.progress() != before else min(5.0, 1.5 * span)
    return kills


def finish(launchers: Launchers, watch: Watch) -> None:
    """Let a last launcher go to its end."""
    age_temporaries(watch.store)
    assert launchers.wait(launchers.start(watch.store, 16)) == 0


def age_temporaries(store: Path) -> None:
    """Let half-written files look as old as they have to be to count as abandoned."""
    old = time.time() - DAY_AND_MORE
    for path in list(store.rglob(".tmp-*")):
        os.utime(path, (old, old))


def check(store: Store, expected: dict[str, Any], numbers: Callable[[Store], dict[str, Any]]) -> None:
    """Every cell is there once, with the numbers of an undisturbed run, and nothing else is."""
    assert len(store.records()) == len(CELLS)
    assert numbers(store) == expected
    assert len(expected) == DONE
    assert list(store.path.rglob(".tmp-*")) == []
    assert [path.name for path in (store.path / "locks").iterdir()] == []
    for log in (store.path / "logs").iterdir():
        told = re.findall(r"(images \d+ to \d+ are done|\d+ images, \d+ detections,)", log.read_text())
        assert told
        assert len(set(told)) == len(told), f"{log.name}: a chunk or the cell was computed twice: {told}"
    finished = {record.cell.directory for record in store.records() if record.status == "done"}
    assert {path.name for path in (store.path / "partial").iterdir()} & finished == set()


RAY_KILLS = ("worker", "node", "worker")
IMAGES_BETWEEN = 20


def test_workers_and_nodes_of_ray_killed_at_any_moment_lose_no_cell(
    cluster, add_node, store, options, messages, matrix, control, undisturbed, numbers, monkeypatch
):
    """Workers are killed, and nodes with all of their processes, while two workers compute; some nodes are spare."""
    monkeypatch.setattr(runner, "POLL_SECONDS", 0.05)
    # All kills may hit the same shard, which is no sign against it here.
    monkeypatch.setattr(failing, "ATTEMPTS", len(RAY_KILLS) + 1)
    (control / "pause").write_text("0.1")
    groups = matrix("steady", "shifted", limits=(12, 24, 40))
    watch, killed, over = Watch(store.path), [], threading.Event()
    for _ in range(RAY_KILLS.count("node")):
        add_node(cluster)

    def kill() -> None:
        chance = random.Random(8)
        for what in RAY_KILLS:
            before = messages.advanced
            while messages.advanced < before + IMAGES_BETWEEN:
                if over.wait(0.02):
                    return
            time.sleep(chance.uniform(0.0, 0.2))
            if what == "worker":
                kill_worker(control, chance)
            else:
                kill_node(control, chance, cluster)
            killed.append(what)
            watch.look()

    killer = threading.Thread(target=kill)
    killer.start()
    engine = RayEngine(2, cluster.address)
    try:
        run_cells(groups, store, replace(options, engine="ray", jobs=2), messages, engine)
    finally:
        over.set()
        killer.join(120)
        engine.close()
    assert killed == list(RAY_KILLS)
    assert watch.look() == 6
    (control / "pause").write_text("0")
    age_temporaries(store.path)
    last = run_cells(groups, Store.open(store.path), options, messages)
    assert [outcome.state for outcome in last] == ["stored"] * 6
    assert numbers(store) == undisturbed(groups)
    assert watch.look() == 6
    assert list(store.path.rglob(".tmp-*")) == []
    assert list((store.path / "partial").iterdir()) == list((store.path / "locks").iterdir()) == []


def busy_workers(control: Path) -> list[int]:
    """Return the process ids of the living workers that have constructed a method; wait until there are some."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        told = {int(pid) for path in control.glob("built-*") for pid in path.read_text().split()}
        if living := sorted(pid for pid in told if pid != os.getpid() and process_exists(pid)):
            return living
        time.sleep(0.02)
    raise AssertionError("no worker is alive")


def kill_worker(control: Path, chance: random.Random) -> None:
    os.kill(chance.choice(busy_workers(control)), signal.SIGKILL)


def kill_node(control: Path, chance: random.Random, cluster: Any) -> None:
    """Kill all processes of a node that a worker is busy on, its raylet among them."""
    raylets = {parent_of(pid) for pid in busy_workers(control)}
    nodes = [node for node in cluster.worker_nodes if node.all_processes["raylet"][0].process.pid in raylets]
    cluster.remove_node(chance.choice(nodes), allow_graceful=False)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
