"""store.json: one id for all who open a store at once, and no store of a newer version is touched or misread."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from lqbench.benchmark.cli.main import main
from lqbench.datasets.errors import UserError
from lqbench.results.identity import FILE, STORE_VERSION, ensure_identity, read_identity
from lqbench.results.store import Store

OPEN = """
import sys
from pathlib import Path
from lqbench.results.store import Store
print("ready", flush=True)
sys.stdin.readline()
print(Store.open(Path(sys.argv[1])).identity.id)
"""


def make_newer(store):
    (store.path / FILE).write_text(json.dumps({"version": STORE_VERSION + 1, "id": "x", "created_by": "9.0"}))


def test_a_store_keeps_its_id(tmp_path):
    first = Store.open(tmp_path / "store").identity
    assert first is not None
    assert first.version == STORE_VERSION
    assert len(first.id) == 32
    assert Store.open(tmp_path / "store").identity == first == Store(tmp_path / "store").identity
    assert [path.name for path in (tmp_path / "store").iterdir() if path.is_file()] == [FILE]


def test_processes_that_open_a_store_at_once_agree_on_its_id(tmp_path):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(tmp_path / "store")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ids = {process.communicate()[0].strip() for process in started}
    assert len(ids) == 1
    assert len(ids.pop()) == 32


def test_a_file_system_without_hard_links_will_do(tmp_path, monkeypatch):
    def link(*_):
        raise PermissionError("no hard links here")

    monkeypatch.setattr("lqbench.results.identity.os.link", link)
    assert ensure_identity(tmp_path) == ensure_identity(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_store_of_before_there_were_ids_is_adopted(store, record, detections):
    store.write_cell(record, detections)
    (store.path / FILE).unlink()
    assert Store(store.path).identity is None
    assert not (store.path / FILE).exists()
    assert Store.open(store.path).records() == [record]
    assert (store.path / FILE).exists()


def test_a_newer_store_is_refused_in_one_sentence(store):
    make_newer(store)
    for look in (Store, Store.open, read_identity):
        with pytest.raises(UserError, match=r"has format 2 \(made by lqbench 9\.0\).*install a newer lqbench") as told:
            look(store.path)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "command",
    [
        ["score"],
        ["report"],
        ["compare", "hr", "lr", "--dataset", "fake"],
        ["results", "ranking"],
        ["results", "prune"],
        ["results", "export", "--out", "none"],
    ],
)
def test_commands_refuse_a_newer_store(store, record, detections, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store.write_cell(record, detections)
    make_newer(store)
    before = sorted(store.path.rglob("*"))
    result = CliRunner().invoke(main, [*command, "--store", str(store.path)])
    assert result.exit_code == 2
    assert "install a newer lqbench" in result.output
    assert sorted(store.path.rglob("*")) == before


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": "1"}', '{"version": true}', '{"version": 0}'])
def test_a_damaged_file_is_told(store, content):
    (store.path / FILE).write_text(content)
    with pytest.raises(UserError, match=r"store\.json is damaged.*delete the file"):
        Store(store.path)
