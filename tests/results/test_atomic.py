"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pandas as pd
import pytest

from lqbench.datasets import atomic
from lqbench.results.atomic import (
    encode_parquet,
    read_parquet,
    read_parquet_facts,
    replacing_directory,
    write_bytes,
    write_json,
)
from lqbench.results.failures import WriteError


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    with pytest.raises(TypeError):
        write_bytes(path, 1)  # type: ignore[arg-type]
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_folder_keeps_the_old_one(tmp_path):
    path = tmp_path / "folder"
    with replacing_directory(path) as folder:
        (folder / "file").write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing_directory(path) as folder:
        (folder / "file").write_text("new")
        raise KeyboardInterrupt
    assert (path / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture(params=[True, False], ids=["exchange", "two steps"])
def exchanging(request, monkeypatch):
    """Whether the file system exchanges two names in one step; the other way is tried everywhere."""
    if not request.param:
        monkeypatch.setattr(atomic, "_exchange", lambda temporary, path: False)
    return request.param


def test_a_folder_is_replaced_as_a_whole(tmp_path, exchanging):
    path = tmp_path / "folder"
    for name in ("first", "second"):
        with replacing_directory(path) as folder:
            (folder / name).touch()
    assert [file.name for file in path.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [path]


def test_parquet_bytes_depend_on_content_alone(tmp_path):
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]})
    other_index = frame.set_axis([7, 8, 9])
    assert encode_parquet(frame) == encode_parquet(other_index)
    path = tmp_path / "table.parquet"
    write_bytes(path, encode_parquet(frame, {"range": [0, 3]}))
    assert read_parquet(path)["a"].tolist() == [1, 2, 3]
    assert read_parquet_facts(path) == {"range": [0, 3]}


def test_of_two_who_fill_one_folder_the_later_replaces_or_yields(tmp_path, exchanging):
    path = tmp_path / "folder"
    for keep_older, expected in ((False, "mine"), (True, "theirs")):
        with replacing_directory(path, keep_older=keep_older) as folder:
            (folder / "file").write_text("mine")
            with replacing_directory(path) as rival:
                (rival / "file").write_text("theirs")
        assert (path / "file").read_text() == expected
        assert list(tmp_path.iterdir()) == [path]


def test_an_older_folder_is_there_until_the_new_one_is(tmp_path, monkeypatch):
    """A process that is killed while it replaces a folder leaves a whole one behind, whenever that is."""
    path = tmp_path / "folder"
    with replacing_directory(path) as folder:
        (folder / "old").touch()
    if not atomic._exchange(path, path):
        pytest.skip("this file system cannot exchange two names")

    def refuse(self, target):
        assert self != path, "the older folder was moved out of the way"
        raise OSError(errno.ENOTEMPTY, "Directory not empty")

    monkeypatch.setattr(Path, "rename", refuse)
    with replacing_directory(path) as folder:
        (folder / "new").touch()
    assert [file.name for file in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_gets_its_place_back_if_its_successor_cannot_have_it(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    with replacing_directory(path) as folder:
        (folder / "file").write_text("old")
    monkeypatch.setattr(atomic, "_exchange", lambda temporary, path: False)
    rename, calls = Path.rename, []

    def failing(self, target):
        calls.append(self)
        if len(calls) == 3:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(WriteError, match="folder cannot be written"), replacing_directory(path) as folder:
        (folder / "file").write_text("new")
    assert (path / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
