"""The Slurm engine: through submitit's local executor, and the batch script that it hands to sbatch."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lqbench.benchmark import runner
from lqbench.benchmark.engines import failing, slurm_engine
from lqbench.benchmark.engines.slurm_engine import SlurmEngine
from lqbench.benchmark.engines.slurm_task import SlurmTask
from lqbench.benchmark.runner import run_cells
from lqbench.datasets.errors import UserError

submitit = pytest.importorskip("submitit", reason="the engine slurm needs submitit")

DOCUMENTED = {
    *("account", "array", "begin", "chdir", "clusters", "comment", "constraint", "cpus-per-gpu", "cpus-per-task"),
    *("deadline", "dependency", "error", "exclude", "exclusive", "export", "gpus", "gpus-per-node", "gpus-per-task"),
    *("gres", "hint", "hold", "job-name", "licenses", "mail-type", "mail-user", "mem", "mem-per-cpu", "mem-per-gpu"),
    *("mincpus", "nice", "no-requeue", "nodelist", "nodes", "ntasks", "ntasks-per-node", "open-mode", "output"),
    *("partition", "prefer", "priority", "qos", "requeue", "reservation", "signal", "switches", "threads-per-core"),
    *("time", "time-min", "tmp", "wait", "wckey"),
}
"""Long options of sbatch that may occur here, from https://slurm.schedmd.com/sbatch.html."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Do not wait for files of slow file systems, nor for a queue."""
    monkeypatch.setattr(runner, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(slurm_engine, "POLL_SECONDS", 1.0)
    monkeypatch.setattr(submitit.core.core.Job, "_results_timeout_s", 1)


@pytest.fixture
def local(options):
    return replace(options, engine="slurm", jobs=2)


@pytest.mark.slow
def test_tasks_of_this_machine_compute_the_same_bytes(store, local, messages, matrix, undisturbed, numbers):
    groups = matrix("steady", "shifted")
    outcomes = run_cells(groups, store, local, messages, SlurmEngine(2, {}, "local"))
    assert [outcome.state for outcome in outcomes] == ["computed"] * 4
    assert numbers(store) == undisturbed(groups)
    assert sorted(title for title, state in messages.finished if state == "done") == sorted(
        job.title for group in groups for job in group.jobs
    )
    record = store.record(groups[0].jobs[0].cell)
    assert record.engine is not None
    assert (record.engine.name, record.engine.workers, record.engine.threads) == ("slurm", 2, 1)
    assert list((store.path / "partial").iterdir()) == list((store.path / "locks").iterdir()) == []


@pytest.mark.slow
def test_a_task_that_dies_is_tried_again_and_takes_nothing_down(
    store, local, messages, matrix, control, undisturbed, numbers
):
    (control / "deaths-wanted").write_text("1")
    groups = matrix("deadly", "steady", limits=(12, 40))
    outcomes = run_cells(groups, store, replace(local, shard_images=0), messages, SlurmEngine(1, {}, "local"))
    assert [outcome.state for outcome in outcomes] == ["computed"] * 4
    assert len((control / "deaths").read_text().split()) == 1
    assert any("ended early" in line for line in messages.lines)
    assert numbers(store) == undisturbed(groups)
    assert list((store.path / "locks").iterdir()) == []


@pytest.mark.slow
def test_a_cell_that_kills_every_task_is_a_failed_record(store, local, messages, matrix, control, monkeypatch):
    monkeypatch.setattr(failing, "ATTEMPTS", 2)
    (control / "deaths-wanted").write_text("99")
    groups = matrix("deadly", "steady", limits=(12,))
    outcomes = run_cells(groups, store, local, messages, SlurmEngine(2, {}, "local"))
    assert [outcome.state for outcome in outcomes] == ["failed", "computed"]
    assert len((control / "deaths").read_text().split()) == 2
    assert "the worker died 2 times while it computed this cell" in store.record(groups[0].jobs[0].cell).error


@pytest.mark.slow
def test_a_preempted_task_is_queued_again_and_goes_on(store, local, messages, matrix, control, undisturbed, numbers):
    groups = matrix("preempted", limits=(40,))
    options = replace(local, shard_images=0)
    outcomes = run_cells(groups, store, options, messages, SlurmEngine(1, {}, "local"))
    assert [outcome.state for outcome in outcomes] == ["computed"]
    assert len((control / "built-preempted").read_text().split()) == 2
    # 20 batches; the sixth was broken off, and nothing of the chunk before it was lost: 6 + 20, less none kept yet.
    assert len((control / "batches").read_text().split()) == 26
    assert numbers(store) == undisturbed(groups)


@pytest.mark.slow
def test_a_node_that_does_not_see_the_store_is_one_sentence(store, local, messages, matrix):
    hidden: Any = HiddenStore(store)
    with pytest.raises(UserError) as refused:
        run_cells(matrix("steady", limits=(12,)), hidden, local, messages, SlurmEngine(1, {}, "local"))
    assert str(refused.value) == (
        f"the node does not see the store {store.path} of the launcher; name one on a file system that all nodes share "
        "with --store."
    )


class HiddenStore:
    """A store that has another id for the launcher than for the nodes, as when another folder lies there."""

    def __init__(self, store):
        self._store = store
        self.identity = replace(store.identity, id="0" * 32)

    def __getattr__(self, name):
        return getattr(self._store, name)


def test_the_preemption_call_releases_the_claims(store, local, matrix):
    (group,) = matrix("steady", limits=(40,))
    task = SlurmTask(store.path, "", local, b"")
    whole, part = store.claim(group.jobs[0].cell), store.claim(group.jobs[0].cell, "000016")
    assert whole is not None
    assert part is not None
    task._claims += [whole, part]
    submission = task.checkpoint()
    assert submission.function is task
    assert list((store.path / "locks").iterdir()) == []
    assert task._claims == []


@pytest.fixture
def slurm(tmp_path, monkeypatch) -> Path:
    """A machine with Slurm's commands, which keep what they are told; every job ends at once without a result."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    _command(folder / "sbatch", f'cp "$1" {folder}/script; echo "$@" >> {folder}/calls; echo Submitted batch job 4242')
    _command(folder / "srun", "exit 0")
    _command(folder / "sacct", "echo 'JobID|State|NodeList'; for i in 0 1 2; do echo \"4242_$i|FAILED|node1\"; done")
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    return folder


def _command(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


class SubmittedError(Exception):
    """Ends a run once the array is submitted."""


def submitted(slurm, store, options, messages, groups, parameters, jobs=3) -> dict[str, str | None]:
    """Run until sbatch has its script; return the script's options."""

    def line(text):
        if text.startswith("submitted"):
            raise SubmittedError

    messages.line = line
    with pytest.raises(SubmittedError):
        run_cells(groups, store, options, messages, SlurmEngine(jobs, parameters))
    lines = [line for line in (slurm / "script").read_text().splitlines() if line.startswith("#SBATCH")]
    found = [re.fullmatch(r"#SBATCH --([a-z-]+)(?:=(.*))?", line) for line in lines]
    assert all(found), lines
    return {match[1]: shlex.split(match[2])[0] if match[2] else None for match in found if match}


def test_the_batch_script_holds_documented_options_alone(slurm, store, local, messages, matrix):
    options = submitted(slurm, store, local, messages, matrix("steady", "shifted"), {})
    assert set(options) <= DOCUMENTED
    assert options["array"] == "0-2%3"
    assert options["requeue"] is None
    assert options["time"] == "60"
    assert options["signal"] == "USR2@90"
    assert options["open-mode"] == "append"
    assert options["job-name"] == "lqbench"
    assert options["gpus-per-node"] == "0"
    output = Path(options["output"] or "")
    assert output.is_relative_to(store.path / "jobs")
    assert "%A_%a" in output.name


def test_options_reach_the_batch_script_under_their_names(slurm, store, local, messages, matrix):
    asked = {
        "time": "90", "mem": "12", "cpus": "4", "gpus": "2", "partition": "a100", "account": "lab",
        "constraint": "a100|h100", "qos": "high", "mail-user": "me@example.org", "exclude": "node[1-3]",
        "reservation": "friday", "licenses": "matlab:1",
    }  # fmt: skip
    options = submitted(slurm, store, replace(local, device="cuda"), messages, matrix("steady"), asked)
    assert set(options) <= DOCUMENTED
    expected = {key: value for key, value in asked.items() if key not in ("mem", "cpus", "gpus")}
    assert {key: options[key] for key in expected} == expected
    assert (options["mem"], options["cpus-per-task"], options["gpus-per-node"]) == ("12GB", "4", "2")


def test_a_gpu_is_asked_for_where_the_device_is_one(slurm, store, local, messages, matrix):
    options = submitted(slurm, store, replace(local, device="cuda"), messages, matrix("steady"), {})
    assert options["gpus-per-node"] == "1"


def test_the_script_starts_python_through_srun_in_the_store_of_all_nodes(slurm, store, local, messages, matrix):
    submitted(slurm, store, local, messages, matrix("steady"), {})
    commands = [line for line in (slurm / "script").read_text().splitlines() if line.startswith("srun ")]
    assert len(commands) == 1
    words = shlex.split(commands[0])
    assert words[-3:-1] == ["-m", "submitit.core._submit"]
    assert Path(words[-1]).is_relative_to(store.path / "jobs")
    # What the tasks unpickle lies where all nodes see it, one for each task.
    assert len(list((store.path / "jobs").rglob("*_submitted.pkl"))) == 3


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"time": "an hour"}, "--slurm time=an hour: give a number."),
        ({"mem": "8G"}, "--slurm mem=8G: give a number."),
        (
            {"partitoin": "gpu"},
            "--slurm partitoin=gpu: there is no such option of sbatch to hand on; see https://slurm.schedmd.com/sbatch.html.",
        ),
        (
            {"array": "0-9"},
            "--slurm array=0-9: the engine sets this itself, from time, mem, cpus and gpus; leave it out.",
        ),
    ],
)
def test_what_slurm_is_asked_for_is_checked(slurm, store, local, messages, matrix, parameters, sentence):
    with pytest.raises(UserError) as refused:
        run_cells(matrix("steady"), store, local, messages, SlurmEngine(2, parameters))
    assert str(refused.value) == sentence
    assert not (slurm / "script").exists()


def test_what_sbatch_refuses_is_told_in_its_words(slurm, store, local, messages, matrix):
    _command(slurm / "sbatch", "echo 'sbatch: error: invalid partition specified: gpu' >&2; exit 1")
    with pytest.raises(UserError) as refused:
        run_cells(matrix("steady"), store, local, messages, SlurmEngine(2, {"partition": "gpu"}))
    text = str(refused.value)
    assert "sbatch: error: invalid partition specified: gpu" in text
    assert "\n" not in text


def test_a_machine_without_slurm_is_one_sentence(store, local, messages, matrix, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="cannot submit from this machine") as refused:
        run_cells(matrix("steady"), store, local, messages, SlurmEngine(2))
    assert "\n" not in str(refused.value)


def test_without_submitit_it_is_said_what_to_install(store, local, messages, matrix, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "submitit", None)
    with pytest.raises(UserError, match=r'pip install "lqbench\[slurm\]"'):
        run_cells(matrix("steady"), store, local, messages, SlurmEngine(2))


def test_shards_that_another_launcher_computes_are_not_submitted(slurm, store, local, messages, matrix, make_context):
    (group,) = matrix("steady", limits=(40,))
    claim = store.claim(group.jobs[0].cell)
    assert claim is not None
    from lqbench.benchmark.work import shards_of

    shards = shards_of(group, group.jobs[0], replace(local, shard_images=0))
    outcomes = list(SlurmEngine(2).run(shards, make_context(store, local, messages)))
    assert [outcome.state for _, outcome in outcomes] == ["busy"]
    assert not (slurm / "script").exists()
