"""Measures what a second worker brings, and how often methods are constructed; writes docs/performance.md.

    python tests/engine_speed.py [--images 64] [--rounds 3] [--cells 20]

Run it on a machine with at least two processors that does nothing else. A matrix of methods with the bundled detector
"mini" on rendered scenes, which are in the cache, is computed by Ray on this machine with one worker and with two, each
with one computing thread. The engine computes the matrix twice: at first its time includes the start of Ray and of the
workers, which import torch; then the cells are removed and computed again by the workers that are there. Nothing is
asserted.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from performance_page import OUT, cpu, put, torch_version
from rich.console import Console

from lqbench.benchmark.engines.base import Engine
from lqbench.benchmark.engines.inline import InlineEngine
from lqbench.benchmark.engines.ray_engine import RayEngine
from lqbench.benchmark.plan import Group, make_plan
from lqbench.benchmark.progress import LineDisplay
from lqbench.benchmark.request import Request
from lqbench.benchmark.runner import run_cells
from lqbench.benchmark.work import RunOptions
from lqbench.methods.catalog import MethodRegistry, load_plugin
from lqbench.results.store import Store

HEADING = "## Engines"
METHODS, DATASETS = ("hr", "bicubic", "lr"), ("scenes-d", "scenes-blur")
SHARD_IMAGES = 16
OPTIONS = RunOptions(batch_size=4, threads=1, shard_images=SHARD_IMAGES)
COUNTED = Path(__file__).parent / "benchmark" / "engines" / "engine_methods.py"


@dataclass(frozen=True)
class Taken:
    """Wall seconds of the matrix: with the start of the workers, and by workers that are there."""

    cold: float
    warm: float


def compute(groups: Sequence[Group], store: Store, engine: Engine, options: RunOptions = OPTIONS) -> float:
    """Compute a matrix; return the wall seconds."""
    start = time.perf_counter()
    with Path(os.devnull).open("w") as nothing, LineDisplay(Console(file=nothing)) as display:
        outcomes = run_cells(groups, store, options, display, engine)
    taken = time.perf_counter() - start
    if {outcome.state for outcome in outcomes} != {"computed"}:
        raise SystemExit(f"not all cells were computed: {[outcome.state for outcome in outcomes]}")
    return taken


def measure(groups: Sequence[Group], engine: Engine) -> Taken:
    """Compute a matrix twice with one engine."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "store")
        try:
            cold = compute(groups, store, engine)
            for cell in (store.path / "cells").iterdir():
                shutil.rmtree(cell)
            return Taken(cold, compute(groups, store, engine))
        finally:
            engine.close()


def rounds_of(groups: Sequence[Group], rounds: int) -> dict[int, list[Taken]]:
    """Measure one worker and two in turn, each first every other time."""
    found: dict[int, list[Taken]] = {1: [], 2: []}
    for number in range(rounds):
        for workers in (1, 2) if number % 2 == 0 else (2, 1):
            found[workers].append(measure(groups, RayEngine(workers)))
            print(f"round {number + 1}, {workers} workers: {found[workers][-1]}", flush=True)
    return found


def constructions(cells: int) -> dict[str, int]:
    """Return how often each of two methods is constructed for so many cells on one worker."""
    with tempfile.TemporaryDirectory() as folder:
        registry = MethodRegistry()
        load_plugin(COUNTED, registry)
        methods = [registry.get(name) for name in ("steady", "shifted")]
        plugin: Any = sys.modules[methods[0].__module__]
        os.environ[plugin.CONTROL] = folder
        root = plugin.make_root(Path(folder) / "data")
        groups = plugin.make_groups(root, methods, range(4, 4 + cells))
        engine = RayEngine(1)
        try:
            store = Store.open(Path(folder) / "store")
            compute(groups, store, engine, RunOptions(batch_size=4, threads=1, plugins=(COUNTED,)))
        finally:
            engine.close()
        return {method.card.name: len(plugin.notes(f"built-{method.card.name}")) for method in methods}


def section(groups: Sequence[Group], inline: Taken, found: dict[int, list[Taken]], built: int, cells: int) -> str:
    """Return the section of the page."""

    def middle(workers: int, part: str) -> float:
        return median(getattr(taken, part) for taken in found[workers])

    rows = [
        f"| Ray, {workers} worker{'s' if workers > 1 else ''} | {middle(workers, 'cold'):.1f} | "
        f"{middle(workers, 'warm'):.1f} |"
        for workers in found
    ]
    return TEMPLATE.format(
        cells=sum(len(group.jobs) for group in groups),
        images=len(groups[0].jobs[0].dataset),
        shard=SHARD_IMAGES,
        rounds=len(found[1]),
        inline=f"| this process, one thread | {inline.cold:.1f} | {inline.warm:.1f} |",
        rows="\n".join(rows),
        cold=middle(1, "cold") / middle(2, "cold"),
        warm=middle(1, "warm") / middle(2, "warm"),
        built=built,
        counted=cells,
        machine=f"{cpu()}; {os.cpu_count()} processors; load average {os.getloadavg()[1]:.1f}",
        versions=f"Python {platform.python_version()}, torch {torch_version()}, ray {_ray_version()}",
    )


def _ray_version() -> str:
    import ray

    return ray.__version__


TEMPLATE = (
    HEADING
    + """

Written by `python tests/engine_speed.py`: {cells} cells of {images} rendered scenes each, in shards of {shard} images,
by the bundled detector `mini` with one computing thread a worker. Wall seconds, medians of {rounds} rounds in which one
worker and two take turns. The first computation includes the start of Ray and of the workers, each of which imports
torch and the detector; for the second the cells are removed, and the same workers compute them again.

| engine | first time, s | second time, s |
|---|---:|---:|
{inline}
{rows}

Two workers are {warm:.2f} times as fast as one, {cold:.2f} times with the start of the workers.

For {counted} cells of each of two methods one worker constructed {built} methods in all.

{machine} over the last five minutes of the run. A load
above the number of processors means that other programs took part of the machine. {versions}.
"""
)


def main() -> None:
    """Read the arguments, measure, print, and put the section into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cells", type=int, default=20, help="cells of each method whose constructions are counted")
    parser.add_argument("--out", type=Path, default=OUT, help="the page whose section is written")
    arguments = parser.parse_args()
    groups = make_plan(Request(METHODS, DATASETS, limit=arguments.images))
    built = constructions(arguments.cells)
    print(f"constructed: {built}", flush=True)
    inline = measure(groups, InlineEngine())
    found = rounds_of(groups, arguments.rounds)
    text = section(groups, inline, found, sum(built.values()), arguments.cells)
    print(text)
    put(HEADING, text, arguments.out)


if __name__ == "__main__":
    main()
