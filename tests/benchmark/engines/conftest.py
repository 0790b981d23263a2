"""A small matrix of cells and methods that every process can load."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lqbench.benchmark.engines.base import Context
from lqbench.benchmark.plan import Group
from lqbench.benchmark.runner import run_cells
from lqbench.benchmark.work import RunOptions
from lqbench.methods.catalog import MethodRegistry, load_plugin
from lqbench.results.store import Store

PLUGIN = Path(__file__).with_name("engine_methods.py")


@pytest.fixture(scope="session")
def engine_methods() -> ModuleType:
    """The plug-in as a module, registered nowhere: this process serves other tests too."""
    registry = MethodRegistry()
    load_plugin(PLUGIN, registry)
    return sys.modules[registry.get("steady").__module__]


@pytest.fixture(scope="session")
def noise_root(tmp_path_factory, engine_methods) -> Path:
    return engine_methods.make_root(tmp_path_factory.mktemp("noise") / "root")


@pytest.fixture
def control(tmp_path, monkeypatch, engine_methods) -> Path:
    """The folder through which tests and methods speak."""
    folder = tmp_path / "control"
    folder.mkdir()
    monkeypatch.setenv(engine_methods.CONTROL, str(folder))
    return folder


@pytest.fixture
def matrix(engine_methods, noise_root, control) -> Callable[..., list[Group]]:
    """Return a function that makes the groups of methods, by name, on so many images."""
    named = {method.card.name: method for method in engine_methods.METHODS}

    def make(*names: str, limits: tuple[int, ...] = (12, 40)) -> list[Group]:
        return engine_methods.make_groups(noise_root, [named[name] for name in names], limits)

    return make


@pytest.fixture
def options() -> RunOptions:
    """One thread, so that every process computes the same last digits; small shards."""
    return RunOptions(batch_size=2, threads=1, shard_images=16, plugins=(PLUGIN,), run="a")


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.open(tmp_path / "store")


NODE: dict[str, Any] = {"object_store_memory": 10**8, "include_dashboard": False}


@pytest.fixture(scope="session")
def add_node() -> Callable[[Any], Any]:
    """Return a function that adds a node of one processor to a Ray cluster."""
    return lambda cluster: cluster.add_node(num_cpus=1, **NODE)


@pytest.fixture(scope="module")
def cluster(add_node) -> Iterator[Any]:
    """A Ray cluster on this machine: a head without processors and two nodes with one each."""
    ray = pytest.importorskip("ray", reason="the engine ray needs ray")
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **NODE})
    for _ in range(2):
        add_node(found)
    yield found
    ray.shutdown()
    found.shutdown()


def context_of(store: Store, options: RunOptions, display: Any, **changed: Any) -> Context:
    parts = {"settled": lambda key: False, "cost": lambda shard: float(shard.images)}
    return Context(store, options, display, **{**parts, **changed})


@pytest.fixture
def make_context() -> Callable[..., Context]:
    return context_of


@pytest.fixture
def numbers() -> Callable[[Store], dict[str, tuple[bytes, dict[str, Any]]]]:
    """Return a function that tells each finished cell's detections file and metrics by its folder's name."""

    def tell(store: Store) -> dict[str, tuple[bytes, dict[str, Any]]]:
        done = [record for record in store.records() if record.metrics is not None]
        return {
            record.cell.directory: (
                (store.cell_path(record.cell) / "detections.parquet").read_bytes(),
                record.metrics.model_dump() if record.metrics else {},
            )
            for record in done
        }

    return tell


@pytest.fixture
def undisturbed(tmp_path, options, messages, numbers) -> Callable[..., dict[str, tuple[bytes, dict[str, Any]]]]:
    """Return a function that computes groups in this process, in whole cells, and tells the numbers."""

    def compute(groups: list[Group]) -> dict[str, tuple[bytes, dict[str, Any]]]:
        import torch

        threads = torch.get_num_threads()
        store = Store.open(tmp_path / "undisturbed")
        try:
            run_cells(groups, store, RunOptions(batch_size=options.batch_size, threads=1), type(messages)())
        finally:
            torch.set_num_threads(threads)
        return numbers(store)

    return compute
