"""Fixtures for tests that read real photographs or golden vectors kept outside the project."""

from __future__ import annotations

import os
from pathlib import Path

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
