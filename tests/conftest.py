"""Fixtures for tests that read real photographs and golden vectors kept outside the project, or share a module."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

VARIABLE = "LQBENCH_SHARED_DATA"


def shared_folder(name: str) -> Path:
    """Return the folder ``name`` beside the shared data folder; skip the test where it is absent."""
    given = os.environ.get(VARIABLE)
    data = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = data if name == "data" else data.parent / name
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}; set {VARIABLE} to the folder of shared test data")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real photographs and weights."""
    return shared_folder("data")


@pytest.fixture(scope="session")
def shared_golden() -> Path:
    """Return the folder of golden vectors, made with the official code of the papers."""
    return shared_folder("golden")


def load_file(relative: str) -> ModuleType:
    """Import a script or a module of samples by its path below tests/, since test folders are no packages."""
    path = Path(__file__).parent / relative
    spec = importlib.util.spec_from_file_location(f"lqbench_tests_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def samples() -> ModuleType:
    """Records of a small matrix, as the report and the tables of scores read them."""
    return load_file("reports/sample_records.py")


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """Stores with a finished or failed cell in them."""
    return load_file("benchmark/tiny_stores.py")


@pytest.fixture(scope="session")
def load_script() -> Callable[[str], ModuleType]:
    """Return the function that imports a script by its path below tests/."""
    return load_file
