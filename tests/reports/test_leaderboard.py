"""The leaderboard: one file a method, tracks that never mix contents, and merges in git without conflicts."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lqbench.datasets.errors import UserError
from lqbench.reports.leaderboard import write_leaderboard
from lqbench.reports.leaderboard_files import file_name
from lqbench.reports.leaderboard_readme import BEGIN, END
from lqbench.results.record import Record


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def board(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))


def of(records: list[Record], *methods: str) -> list[Record]:
    return [record for record in records if record.cell.method in methods]


def test_the_files_of_a_board(samples: ModuleType, tmp_path: Path) -> None:
    done = write_leaderboard(samples.sample_records(), tmp_path / "new" / "board")
    names = {"leaderboard.json", "README.md", ".gitattributes"}
    methods = {f"methods/{name}.json" for name in ("bicubic", "hr", "lr")}
    assert set(content(tmp_path / "new" / "board")) == names | methods
    assert (done.methods, done.kept, done.dropped) == (("bicubic", "hr", "lr"), (), {})


def test_the_order_of_records_and_a_second_time_change_nothing(samples: ModuleType, tmp_path: Path) -> None:
    records = samples.sample_records()
    write_leaderboard(records, tmp_path / "a")
    write_leaderboard(random.Random(2).sample(records, len(records)), tmp_path / "b")
    assert content(tmp_path / "a") == content(tmp_path / "b")
    write_leaderboard(records, tmp_path / "a")
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_a_method_s_file_depends_on_its_records_alone(samples: ModuleType, tmp_path: Path) -> None:
    records = samples.sample_records()
    write_leaderboard(records, tmp_path / "all")
    write_leaderboard(of(records, "bicubic"), tmp_path / "one")
    name = "methods/bicubic.json"
    assert content(tmp_path / "all")[name] == content(tmp_path / "one")[name]


def test_methods_of_other_stores_stay_and_take_part(samples: ModuleType, tmp_path: Path) -> None:
    records = samples.sample_records()
    write_leaderboard(records, tmp_path / "at once")
    write_leaderboard(of(records, "hr", "lr"), tmp_path / "in turn")
    before = content(tmp_path / "in turn")["methods/lr.json"]
    done = write_leaderboard(of(records, "bicubic"), tmp_path / "in turn")
    assert done.kept == ("hr", "lr")
    assert content(tmp_path / "in turn")["methods/lr.json"] == before
    assert content(tmp_path / "at once") == content(tmp_path / "in turn")


def test_cells_that_a_store_lacks_are_told_when_they_leave_a_file(samples: ModuleType, tmp_path: Path) -> None:
    records = samples.sample_records()
    write_leaderboard(records, tmp_path)
    assert write_leaderboard(of(records, "bicubic")[:1], tmp_path).dropped == {"bicubic": 2}


def test_tracks_rank_competitors_and_leave_ceilings_out(samples: ModuleType, tmp_path: Path) -> None:
    tie = samples.record("tie", metrics=samples.coco_metrics(0.201))
    write_leaderboard([*samples.sample_records(), tie], tmp_path)
    track = next(track for track in board(tmp_path)["tracks"] if track["detector"] == "yolox-nano")
    shown = [(entry["method"], entry["rank"]) for entry in track["entries"]]
    assert shown == [("hr", None), ("bicubic", 1), ("tie", 1), ("lr", 3)]


def test_other_contents_of_a_dataset_never_share_a_track(samples: ModuleType, tmp_path: Path) -> None:
    other = samples.record("lr", 0.9, of=samples.cell("lr", dataset_fingerprint="f" * 64))
    write_leaderboard([samples.record("bicubic", 0.1), other], tmp_path)
    tracks = board(tmp_path)["tracks"]
    assert [(track["fingerprint"] == "f" * 64, len(track["entries"])) for track in tracks] == [(False, 1), (True, 1)]
    assert all(track["entries"][0]["rank"] == 1 for track in tracks)
    assert "`ffffffff`" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_failed_and_unscored_cells_are_left_out(samples: ModuleType, tmp_path: Path) -> None:
    records = [samples.record("lr", 0.1), samples.failed("broken", "no"), samples.record("unscored")]
    write_leaderboard(records, tmp_path)
    assert [path.name for path in (tmp_path / "methods").iterdir()] == ["lr.json"]


def test_an_undefined_number_has_no_rank(samples: ModuleType, tmp_path: Path) -> None:
    undefined = samples.record("none", metrics=samples.coco_metrics(0.1, AP=None))
    write_leaderboard([undefined, samples.record("lr", 0.0)], tmp_path)
    entries = board(tmp_path)["tracks"][0]["entries"]
    assert [(entry["method"], entry["rank"], entry["value"]) for entry in entries] == [
        ("lr", 1, 0.0),
        ("none", None, None),
    ]
    assert "undefined" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_its_owner_s_but_for_the_table(samples: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Ours\n\nWords.\n", encoding="utf-8")
    write_leaderboard([samples.record("lr", 0.1)], tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# Ours\n\nWords.\n\n" + BEGIN)
    (tmp_path / "README.md").write_text(text + "\nMore words.\n", encoding="utf-8")
    write_leaderboard([samples.record("lr", 0.2)], tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# Ours") and text.endswith(END + "\n\nMore words.\n")
    assert "`#1/1` 20.0" in text and "10.0" not in text and text.count(BEGIN) == 1


def test_the_readme_loads_nothing_and_escapes_names(samples: ModuleType, tmp_path: Path) -> None:
    write_leaderboard([*samples.hostile_records(), *samples.sample_records()], tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    for wrong in ("<script", "<img", "![", "](http"):
        assert wrong not in text.replace(r"\[b\](http", "")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.replace(r"\|", "").count("|") for line in rows}) == 1


def test_file_names_are_safe_and_differ() -> None:
    names = ["lr", "LR", "../lr", "a/b", "a b", "a_b", ".hidden", "x" * 300, "\N{GREEK SMALL LETTER BETA}", "CON\n"]
    files = [file_name(name) for name in names]
    assert len({name.lower() for name in files}) == len(names)
    assert all("/" not in name and not name.startswith(".") and len(name) < 130 for name in files)
    assert files[0] == "lr.json"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<<<<<<< ours\n{}\n", "cannot be read"),
        ("[]", "no file of a leaderboard"),
        ('{"version": 1}', "field method"),
        ('{"version": 2}', "install a newer one"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_written(
    samples: ModuleType, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said) as caught:
        write_leaderboard(samples.sample_records(), tmp_path)
    assert "x.json" in str(caught.value)
    assert set(content(tmp_path)) == {"methods/x.json"}


def test_a_copy_of_a_file_is_refused(samples: ModuleType, tmp_path: Path) -> None:
    write_leaderboard(samples.sample_records(), tmp_path)
    shutil.copy(tmp_path / "methods" / "lr.json", tmp_path / "methods" / "lr-old.json")
    with pytest.raises(UserError, match=r"name it lr\.json, or delete it"):
        write_leaderboard([], tmp_path)


def test_nothing_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing for a leaderboard"):
        write_leaderboard([], tmp_path / "board")
    assert not (tmp_path / "board").exists()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_two_contributions_merge_without_a_conflict(samples: ModuleType, tmp_path: Path) -> None:
    def git(*words: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(tmp_path), *identity, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def contribute(branch: str, start: str, *methods: str) -> None:
        git("checkout", "-q", "-b", branch, start)
        write_leaderboard(of(records, *methods), tmp_path)
        git("add", "-A")
        git("commit", "-q", "-m", branch)

    records = samples.sample_records()
    git("init", "-q", "-b", "trunk")
    git("commit", "-q", "--allow-empty", "-m", "empty")
    contribute("base", "trunk", "hr")
    contribute("one", "base", "lr")
    contribute("two", "base", "bicubic")
    git("merge", "-q", "-m", "both", "one")
    write_leaderboard([], tmp_path)
    merged = {name: data for name, data in content(tmp_path).items() if not name.startswith(".git/")}
    write_leaderboard(records, tmp_path / ".git" / "expected")
    assert merged == content(tmp_path / ".git" / "expected")
