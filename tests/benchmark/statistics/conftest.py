"""The random tables of the tests of metrics, for the tests of statistics."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from lqbench.results.tables import GroundTruth


def metric_fixtures() -> ModuleType:
    """Import the conftest of the tests of metrics by its path, since test folders are no packages."""
    path = Path(__file__).parents[1] / "metrics" / "conftest.py"
    spec = importlib.util.spec_from_file_location("lqbench_metric_fixtures", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def truth_of() -> Callable[..., GroundTruth]:
    return metric_fixtures().build_truth


@pytest.fixture(scope="session")
def detections_of() -> Callable[..., pd.DataFrame]:
    return metric_fixtures().build_detections


@pytest.fixture(scope="session")
def random_tables() -> Callable[..., tuple[GroundTruth, pd.DataFrame]]:
    return metric_fixtures().build_random
