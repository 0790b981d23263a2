"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from lqbench.results.atomic import (
    encode_parquet,
    read_parquet,
    read_parquet_facts,
    replacing_directory,
    write_bytes,
    write_json,
)


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


def test_a_folder_is_replaced_as_a_whole(tmp_path):
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
