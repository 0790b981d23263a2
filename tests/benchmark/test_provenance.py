"""Provenance: what computed a cell, without claiming another project's commit."""

from __future__ import annotations

import socket
import subprocess

import pytest

import lqbench
from lqbench.benchmark import provenance as module
from lqbench.benchmark.provenance import (
    cpu_name,
    driver_version,
    environment_sha256,
    git_state,
    package_versions,
    provenance,
)


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
    assert found.host == socket.gethostname()
    assert (found.gpu, found.driver, found.cuda) == ("", "", "")
    assert found.memory_gb is None or found.memory_gb > 0.1


class Installed:
    def __init__(self, name, version):
        self.metadata = {"Name": name}
        self.version = version


def test_equal_environments_have_equal_hashes(monkeypatch):
    def of(*pairs):
        environment_sha256.cache_clear()
        monkeypatch.setattr(module, "distributions", lambda: [Installed(*pair) for pair in pairs])
        return environment_sha256()

    first = of(("numpy", "2.0"), ("Some_Package", "1.0"))
    assert first == of(("some-package", "1.0"), ("numpy", "2.0"), ("numpy", "2.0"), (None, "1"))
    assert len({first, of(("numpy", "2.1"), ("some-package", "1.0")), of(("numpy", "2.0"))}) == 3
    environment_sha256.cache_clear()


@pytest.mark.parametrize(
    "text",
    [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC: 12.2.0\n",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  535.104.05  Release Build  (dvs-builder@U16)\n",
    ],
)
def test_the_driver_is_known_without_nvidia_smi(tmp_path, monkeypatch, text):
    monkeypatch.setattr(module, "_output", lambda *_: "")
    monkeypatch.setattr(module, "DRIVER", tmp_path / "version")
    driver_version.cache_clear()
    assert driver_version() == ""
    (tmp_path / "version").write_text(text)
    driver_version.cache_clear()
    assert driver_version() == "535.104.05"
    monkeypatch.setattr(module, "_output", lambda *_: "550.1\n550.1\n")
    driver_version.cache_clear()
    assert driver_version() == "550.1"
    driver_version.cache_clear()
