"""Makes the sample records' module importable under its plain name, as tests have no packages."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def samples() -> ModuleType:
    """The module ``sample_records``, which lies beside this file."""
    path = Path(__file__).parent / "sample_records.py"
    spec = importlib.util.spec_from_file_location("lqbench_sample_records", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
