"""The Ray engine on a cluster of several nodes, all of them on this machine."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lqbench.benchmark import runner
from lqbench.benchmark.engines.ray_engine import RayEngine
from lqbench.benchmark.runner import run_cells
from lqbench.datasets.errors import UserError
from lqbench.results.store import Store

ray = pytest.importorskip("ray", reason="the engine ray needs ray")
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def quick_polling(monkeypatch):
    monkeypatch.setattr(runner, "POLL_SECONDS", 0.05)


@pytest.fixture
def engine(cluster) -> Iterator[RayEngine]:
    """Two workers; none is left after the test."""
    found = RayEngine(2, cluster.address)
    yield found
    found.close()
    assert not ray.is_initialized()


@pytest.fixture
def remote(options):
    return replace(options, engine="ray", jobs=2)


def test_workers_compute_the_same_bytes_and_a_failure_is_a_record(
    engine, store, remote, messages, matrix, undisturbed, numbers
):
    groups = matrix("steady", "failing")
    outcomes = run_cells(groups, store, remote, messages, engine)
    assert [outcome.state for outcome in outcomes] == ["computed", "computed", "computed", "failed"]
    assert "image 20" in store.record(groups[1].jobs[1].cell).error
    assert numbers(store) == undisturbed(groups)
    ended = {title: state for title, state in messages.finished if state in ("done", "failed")}
    states = ["done", "done", "done", "failed"]
    assert ended == dict(zip([job.title for group in groups for job in group.jobs], states, strict=True))
    record = store.record(groups[0].jobs[0].cell)
    assert record.engine is not None
    assert (record.engine.name, record.engine.workers) == ("ray", 2)
    assert list((store.path / "locks").iterdir()) == []


def test_one_worker_constructs_each_method_once_for_all_its_cells(cluster, store, remote, messages, matrix, control):
    groups = matrix("steady", "shifted", limits=(4, 8, 12, 40))
    engine = RayEngine(1, cluster.address)
    try:
        run_cells(groups, store, remote, messages, engine)
    finally:
        engine.close()
    assert len(store.records()) == 8
    assert len((control / "built-steady").read_text().split()) == 1
    assert len((control / "built-shifted").read_text().split()) == 1


def test_a_worker_that_dies_is_replaced_and_its_chunks_are_kept(
    engine, store, remote, messages, matrix, control, undisturbed, numbers
):
    (control / "deaths-wanted").write_text("1")
    groups = matrix("deadly", "steady")
    outcomes = run_cells(groups, store, remote, messages, engine)
    assert [outcome.state for outcome in outcomes] == ["computed"] * 4
    assert any(line.partition(": ")[2].startswith("worker ") and " is gone (" in line for line in messages.lines)
    assert numbers(store) == undisturbed(groups)
    assert list((store.path / "locks").iterdir()) == []


class ElsewherePath(type(Path())):
    """A path that leads another way from other processes, as on nodes without the launcher's file system."""

    def resolve(self, strict: bool = False) -> Path:
        return Path("/nowhere") / self.name


@pytest.mark.parametrize("names", [("steady", "failing")])
def test_workers_without_the_store_send_their_chunks(
    engine, store, remote, messages, matrix, undisturbed, numbers, names
):
    groups = matrix(*names)
    apart = Store(ElsewherePath(store.path))
    outcomes = run_cells(groups, apart, remote, messages, engine)
    assert [outcome.state for outcome in outcomes] == ["computed", "computed", "computed", "failed"]
    assert "image 20" in store.record(groups[1].jobs[1].cell).error
    assert numbers(store) == undisturbed(groups)
    assert "setup" in store.record(groups[0].jobs[0].cell).seconds
    assert list((store.path / "locks").iterdir()) == []


def test_a_worker_works_in_the_launchers_folder_with_its_variables(
    engine, store, remote, messages, engine_methods, control, monkeypatch, tmp_path
):
    """Paths of data and weights may be relative, and caches be named by variables."""
    root = engine_methods.make_root(tmp_path / "here" / "data")
    monkeypatch.chdir(root.parent)
    groups = engine_methods.make_groups(Path("data"), engine_methods.METHODS[:1], (4,))
    (outcome,) = run_cells(groups, store, remote, messages, engine)
    assert outcome.state == "computed"
    assert (control / "built-steady").exists()  # found through an environment variable


def test_a_node_that_goes_away_takes_no_cell_with_it(
    engine, cluster, add_node, store, remote, messages, matrix, control, undisturbed, numbers
):
    (control / "pause").write_text("0.1")
    node = add_node(cluster)
    lost = threading.Event()

    def remove() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and messages.advanced < 20:
            time.sleep(0.05)
        victim = next(one for one in cluster.worker_nodes if one is not node)
        cluster.remove_node(victim, allow_graceful=False)
        lost.set()

    remover = threading.Thread(target=remove)
    remover.start()
    groups = matrix("steady", "shifted")
    outcomes = run_cells(groups, store, remote, messages, engine)
    remover.join(60)
    assert lost.is_set()
    assert [outcome.state for outcome in outcomes] == ["computed"] * 4
    (control / "pause").write_text("0")
    assert numbers(store) == undisturbed(groups)


def test_a_broken_plug_in_is_one_sentence(engine, store, remote, messages, matrix, tmp_path):
    plugin = tmp_path / "broken.py"
    plugin.write_text("import no_such_module\n")
    with pytest.raises(UserError) as refused:
        run_cells(matrix("steady"), store, replace(remote, plugins=(plugin,)), messages, engine)
    assert str(refused.value) == (
        f"a Ray worker cannot be started: the plug-in {plugin} cannot be imported "
        "(ModuleNotFoundError: No module named 'no_such_module'); mend it."
    )


def test_what_the_worker_cannot_write_ends_the_run_with_its_sentence(engine, store, remote, messages, matrix):
    shutil.rmtree(store.path / "partial")
    (store.path / "partial").write_text("no folder")
    with pytest.raises((UserError, RuntimeError)) as refused:
        run_cells(matrix("steady", limits=(12,)), store, remote, messages, engine)
    assert "partial" in str(refused.value)
    engine.close()
    assert list((store.path / "locks").iterdir()) == []


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1"])
def test_no_cluster_at_the_address_is_one_sentence_at_once(store, remote, messages, matrix, address):
    start = time.monotonic()
    with pytest.raises(UserError) as refused:
        run_cells(matrix("steady"), store, remote, messages, RayEngine(1, address))
    assert str(refused.value).startswith(f"no Ray cluster answers at {address} (")
    assert "ray start --head" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert time.monotonic() - start < 60  # Ray itself tries for four minutes


def test_without_ray_it_is_said_what_to_install(store, remote, messages, matrix, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r'pip install "lqbench\[ray\]"'):
        run_cells(matrix("steady"), store, remote, messages, RayEngine(1))


def test_ray_on_this_machine_ends_with_the_engine(store, remote, messages, matrix):
    engine = RayEngine(1)
    before = _children()
    try:
        (outcome,) = run_cells(matrix("steady", limits=(4,)), store, remote, messages, engine)
        assert outcome.state == "computed"
        assert _children() - before
    finally:
        engine.close()
    deadline = time.monotonic() + 30
    while _children() - before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _children() - before == set()
    engine.close()


def _children() -> set[int]:
    """Return the process ids of all descendants of this process, zombies included."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found, new = set(), {os.getpid()}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new}
        found |= new
    return found
