"""Provenance: what computed a cell, without claiming another project's commit."""

from __future__ import annotations

import subprocess

import pytest

import lqbench
from lqbench.benchmark.provenance import cpu_name, git_state, package_versions, provenance


@pytest.fixture
def checkout(tmp_path):
    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    git_state.cache_clear()
    yield tmp_path, git("rev-parse", "HEAD")
    git_state.cache_clear()


def test_the_commit_of_a_clean_checkout(checkout):
    root, commit = checkout
    assert git_state(root) == (commit, False)


def test_changes_make_it_dirty(checkout):
    root, commit = checkout
    (root / "file").write_text("2")
    assert git_state(root) == (commit, True)


def test_a_folder_inside_a_foreign_checkout_has_no_commit(checkout):
    root, _ = checkout
    (root / "site-packages").mkdir()
    assert git_state(root / "site-packages") == ("unknown", None)


def test_a_folder_outside_any_checkout_has_no_commit(tmp_path):
    git_state.cache_clear()
    assert git_state(tmp_path / "nowhere") == ("unknown", None)
    git_state.cache_clear()


def test_versions_machine_and_command_are_recorded():
    found = provenance("cpu", ["lqbench", "run"])
    assert found.lqbench_version == lqbench.__version__
    assert found.device == "cpu"
    assert found.cpu == cpu_name()
    assert found.command == ("lqbench", "run")
    assert {"torch", "numpy", "faster-coco-eval"} <= set(found.packages)
    assert "not-a-package" not in package_versions()
