"""Measures how long `lqbench plan` takes over a finished store; writes docs/performance.md.

    python tests/plan_speed.py [--rounds 5]

Run it on a machine that does nothing else. A suite asks for every method of a plug-in, and for some that come along, on
many datasets: scenes under further degradations. The store is filled with a record and detections for each cell; no
method is run. Then `lqbench plan --suite` is started as a process of its own, and the median over the rounds is told:
wall time and processor time from the start of Python to its end. Nothing is asserted here; the targets are in
tests/benchmark/test_planning_speed.py.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import yaml
from performance_page import OUT, cpu, put

from lqbench.benchmark.plan import Job
from lqbench.benchmark.planning import plan_all
from lqbench.benchmark.request import Request
from lqbench.benchmark.selecting import load_suite, requests_of
from lqbench.methods.catalog import load_plugin, method_registry
from lqbench.results.record import Metrics, Provenance, Record
from lqbench.results.store import Store, detections_sha256

HEADING = "## Planning"
IMAGES = 20
BUILT_IN = (
    *("hr", "lr", "bicubic", "aeris", "aeris-stage1", "aeris-wo-arrd", "centernet", "centernet-control"),
    *("dcp-then-detect", "udcp-then-detect", "clahe-then-detect", "opening-then-detect"),
)
"""Methods that run on any scenes from bundled weights; a plug-in brings the others."""
TRACKS = ("scenes-clean", "scenes-d", "scenes-noise", "scenes-fog")

PLUGIN = """
from lqbench.methods.hr.method import HighResolution
from lqbench.methods.card import MethodCard


def method(number):
    card = MethodCard(name=f"own-{{number}}", title=f"Own {{number}}", summary="For measuring.", kind="detector")
    return type(f"Own{{number}}", (HighResolution,), {{"card": card, "__module__": __name__}})


for number in range({count}):
    globals()[f"Own{{number}}"] = method(number)
"""


@dataclass(frozen=True)
class Size:
    """How many cells, and how quickly they are to be planned.

    Attributes:
        methods: Number of methods.
        datasets: Number of datasets; a multiple of ``len(TRACKS)``.
        most: Wall seconds asked for at most.
    """

    methods: int
    datasets: int
    most: float

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.methods * self.datasets


SIZES = (Size(25, 40, 2.0), Size(50, 200, 15.0))


def fill(folder: Path, size: Size) -> Path:
    """Write plug-in, suite and a finished store; return the suite's file.

    Args:
        folder: Where they go, as ``plugin.py``, ``suite.yaml`` and ``store``.
        size: How many cells.
    """
    plugin, suite = folder / "plugin.py", folder / "suite.yaml"
    plugin.write_text(PLUGIN.format(count=size.methods - len(BUILT_IN)), encoding="utf-8")
    suite.write_text(yaml.safe_dump(suite_content(size)), encoding="utf-8")
    method_registry.cache_clear()  # the plug-in of another size has the same names
    load_plugin(plugin)
    plan = plan_all(requests_of(load_suite(str(suite)), Request((), ())), lenient=True)
    store = Store.open(folder / "store")
    jobs = [job for group in plan.groups for job in group.jobs]
    for job in jobs:
        finish(store, job)
    if plan.blocked or len(jobs) != size.cells:
        raise RuntimeError(f"{len(jobs)} cells and {len(plan.blocked)} blocked in place of {size.cells}")
    return suite


def suite_content(size: Size) -> dict[str, Any]:
    """Return a suite of all methods on the tracks under one further degradation an entry."""
    methods = [*BUILT_IN, *(f"own-{number}" for number in range(size.methods - len(BUILT_IN)))]
    recipes = ["", *(f"noise({number})" for number in range(1, size.datasets // len(TRACKS)))]
    entries = [{"method": methods, "dataset": list(TRACKS), "degrade": recipe, "limit": IMAGES} for recipe in recipes]
    return {"title": "For measuring", "select": entries}


def finish(store: Store, job: Job) -> None:
    """Store a cell as if it had been computed: 15 boxes an image, metrics with all classes."""
    boxes = np.random.default_rng(0).uniform(0, 100, (15 * len(job.dataset), 4)).astype(np.float32)
    detections = pd.DataFrame(boxes, columns=pd.Index(["x1", "y1", "x2", "y2"]))
    detections.insert(0, "image_id", np.repeat([record.image_id for record in job.dataset.records], 15))
    names = ("AP", "AP50", "VOC07_AP50", "VOC_area_AP50", "oLRP", "F1@score0.50", "LRP@score0.50")
    values: dict[str, float | None] = dict.fromkeys(names, 0.123456789012345)
    record = Record(
        cell=job.cell,
        status="done",
        images=len(job.dataset),
        detections=len(detections),
        started="2026-01-01T00:00:00+00:00",
        seconds={"setup": 1.0, "detect": 2.0, "score": 0.5},
        provenance=Provenance(lqbench_version="0", python="3", platform="p", cpu="c", device="cpu"),
        metrics=Metrics(
            detections_sha256=detections_sha256(detections),
            values=values,
            per_class={name: dict.fromkeys(job.dataset.classes, 0.123456789012345) for name in names},
            scorer="none",
        ),
        dataset_facts=job.dataset.facts(),
    )
    store.write_cell(record, detections)


@dataclass(frozen=True)
class Taken:
    """One start of the command: wall and processor seconds."""

    wall: float
    processor: float


def measure(folder: Path, cells: int) -> Taken:
    """Plan a filled folder's suite in a fresh process.

    Raises:
        RuntimeError: The plan does not find all cells done.
    """
    words = [sys.executable, "-m", "lqbench.benchmark.cli.main", "plan", "--suite", str(folder / "suite.yaml")]
    words += ["--plugin", str(folder / "plugin.py"), "--store", str(folder / "store")]
    # Installed packages are compiled to byte code once; the folder stands for that where the tree is not written to.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = inherited | {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    told = done.stdout.splitlines()[-1]
    if told != f"{cells} cells: {cells} done":
        raise RuntimeError(f"expected {cells} finished cells, the plan says: {told}")
    return Taken(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measured(size: Size, rounds: int) -> Taken:
    """Return the median over rounds of planning a finished store of a size."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), size)
        measure(Path(folder), size.cells)  # compiles
        taken = [measure(Path(folder), size.cells) for _ in range(rounds)]
    return Taken(median(one.wall for one in taken), median(one.processor for one in taken))


def section(results: dict[Size, Taken], rounds: int) -> str:
    """Return the section of the page."""
    rows = [
        f"| {size.cells:,} | {size.methods} x {size.datasets} | {one.wall:.2f} | {one.processor:.2f} | {size.most:g} |"
        for size, one in results.items()
    ]
    return TEMPLATE.format(
        rows="\n".join(rows),
        images=IMAGES,
        rounds=rounds,
        machine=f"{cpu()}; {os.cpu_count()} processors; load average {os.getloadavg()[1]:.1f}",
        versions=f"Python {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}",
    )


TEMPLATE = (
    HEADING
    + """

Written by `python tests/plan_speed.py`: `lqbench plan --suite` over a store in which every cell is finished, from the
start of the process to its end; every dataset has {images} images. It imports every method, hashes sources and weights,
opens every dataset, reads every record and compares the sha256 of every file of detections. Median of {rounds} starts,
files in the page cache.

| cells | methods x datasets | wall s | processor s | asked for, s |
|---:|---:|---:|---:|---:|
{rows}

{machine} over the last five minutes of the run. {versions}.
"""
)


def main() -> None:
    """Read the arguments, measure, print, and put the section into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=OUT, help="the page whose section is written")
    arguments = parser.parse_args()
    text = section({size: measured(size, arguments.rounds) for size in SIZES}, arguments.rounds)
    print(text)
    put(HEADING, text, arguments.out)


if __name__ == "__main__":
    main()
