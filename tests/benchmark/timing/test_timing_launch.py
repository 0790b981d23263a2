"""The process that watches: when it looks, and what it makes of a process that ends early."""

from __future__ import annotations

import sys

import pytest

from lqbench.benchmark.timing.job import TimingJob, TimingOptions, read_job
from lqbench.benchmark.timing.launch import measure_apart
from lqbench.methods.base import MethodSettings
from lqbench.methods.lr.method import LowResolution
from lqbench.results.timing import Surroundings

TALK = """
import os, sys
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq
folder = Path(sys.argv[1])
for word in ("noise", "ready GPU-7", "measured"):
    print(word, flush=True)
    assert sys.stdin.readline() == "go\\n"
pq.write_table(pa.table({"threads": [os.environ["OMP_NUM_THREADS"]]}), folder / "latencies.parquet")
(folder / "result.json").write_text('{"load_ms": 4.5}')
"""


class Watch:
    """Notes what it is asked."""

    said: list[object]

    def __init__(self, pids, gpu):
        self.said += [len(set(pids)), gpu]

    def start(self):
        self.said.append("start")

    def stop(self):
        self.said.append("stop")
        return Surroundings(quiet=True, seconds=1)


@pytest.fixture
def job(dataset) -> TimingJob:
    return TimingJob(LowResolution, MethodSettings(detector="mini"), None, dataset, TimingOptions(threads=3))


@pytest.fixture
def watch():
    return type("Noting", (Watch,), {"said": []})


def test_the_machine_is_watched_from_word_to_word(job, watch):
    measured = measure_apart(job, watch, (sys.executable, "-c", TALK))
    assert watch.said == [2, "GPU-7", "start", "stop"]
    assert measured.result.load_ms == 4.5
    assert measured.surroundings == Surroundings(quiet=True, seconds=1)
    assert measured.latencies is not None
    assert measured.latencies["threads"].tolist() == ["3"]


@pytest.mark.parametrize(
    ("program", "ending"),
    [
        ("import sys; print('ready', flush=True); sys.stderr.write('boom'); sys.exit(3)", "ended with status 3"),
        ("pass", "ended with status 0"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "was killed by SIGTERM"),
        ("import pathlib, sys; pathlib.Path(sys.argv[1], 'result.json').write_text('{')", "ended with status 0"),
    ],
)
def test_a_process_without_a_result_is_told(job, watch, program, ending):
    measured = measure_apart(job, watch, (sys.executable, "-c", program))
    assert measured.latencies is None
    assert measured.surroundings is None
    assert measured.result.error.splitlines()[-1] == f"the process that measured {ending} before it was done"
    assert ("boom" in measured.result.error) == ("boom" in program)


def test_a_job_comes_through_a_file(job, tmp_path, watch):
    keep = f"import shutil, sys; shutil.copy(sys.argv[1] + '/job.pickle', {str(tmp_path)!r})"
    measure_apart(job, watch, (sys.executable, "-c", keep))
    found = read_job(tmp_path)
    assert (found.method, found.settings, found.options) == (job.method, job.settings, job.options)
    assert found.dataset.fingerprint == job.dataset.fingerprint


def test_an_interruption_ends_the_process(job):
    class Stopped(Watch):
        said = []  # noqa: RUF012

        def start(self):
            raise KeyboardInterrupt

    endless = "import time; print('ready', flush=True); time.sleep(600)"
    with pytest.raises(KeyboardInterrupt):
        measure_apart(job, Stopped, (sys.executable, "-c", endless))
