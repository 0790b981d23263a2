"""Data roots and weight folders: the flag wins over the environment, which wins over the configuration file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lqbench.datasets.errors import UserError
from lqbench.datasets.locate import data_roots, user_config, weight_dirs


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a configuration file that is used, still to be written."""
    monkeypatch.setenv("LQBENCH_CONFIG", str(tmp_path / "config.yaml"))
    return tmp_path / "config.yaml"


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def test_nothing_given_gives_no_root() -> None:
    assert data_roots(None) == ()


def test_the_first_place_that_names_a_root_wins(tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flag, variable, written = (folder(tmp_path / name) for name in ("flag", "variable", "written"))
    config.write_text("data_root: written\n")
    assert data_roots(None) == (written,)
    monkeypatch.setenv("LQBENCH_DATA", str(variable))
    assert data_roots(None) == (variable,)
    assert data_roots(flag) == (flag,)


def test_several_roots_can_be_named(tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = folder(tmp_path / "a"), folder(tmp_path / "b")
    config.write_text(f"data_root: [a, {b}]\n")
    assert data_roots(None) == (a, b)
    monkeypatch.setenv("LQBENCH_DATA", f"{b}{os.pathsep}{a}")
    assert data_roots(None) == (b, a)


def test_a_root_that_is_not_there_is_told_with_its_origin(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("data_root: gone\n")
    with pytest.raises(UserError, match=r"gone given by data_root in .*config\.yaml is not a folder"):
        data_roots(None)
    monkeypatch.setenv("LQBENCH_DATA", str(tmp_path / "void"))
    with pytest.raises(UserError, match="void given by the environment variable LQBENCH_DATA"):
        data_roots(None)
    with pytest.raises(UserError, match="nope given by --data-root"):
        data_roots(tmp_path / "nope")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("data_root: [", "cannot be read"),
        ("- a", "write lines such as data_root: PATH"),
        ("data_rot: a", "key 'data_rot'"),
        ("data_root: 5", "key 'data_root'"),
        ("weights: {a: b}", "key 'weights'"),
    ],
)
def test_a_broken_configuration_is_told_in_one_line(config: Path, text: str, problem: str) -> None:
    config.write_text(text)
    with pytest.raises(UserError) as caught:
        user_config()
    assert str(config) in str(caught.value)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_named_configuration_must_exist_and_an_empty_one_sets_nothing(config: Path) -> None:
    with pytest.raises(UserError, match="LQBENCH_CONFIG names"):
        user_config()
    config.touch()
    assert user_config().data_root == ()


def test_weight_folders_come_in_order(tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path / "root")
    config.write_text("weights: mine\n")
    monkeypatch.setenv("LQBENCH_WEIGHTS", "/from/environment")
    monkeypatch.chdir(tmp_path)
    expected = (Path("/from/environment"), tmp_path / "mine", root / "weights", tmp_path / "weights")
    assert weight_dirs(root) == expected
