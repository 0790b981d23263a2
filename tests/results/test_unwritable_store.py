"""Full disks, quotas, read-only and failing file systems: one sentence, nothing half-written, reading still works."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from lqbench.results.failures import REMEDIES, WriteError
from lqbench.results.partial import Chunk, ChunkResult
from lqbench.results.pictures import PictureFacts, write_picture
from lqbench.results.tables import quality_frame


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.fixture
def no_writing(monkeypatch):
    """Return a function after which every write of a file, or making of a folder, fails with an error number."""

    def fail(number: int) -> None:
        def refuse(*_, **__):
            raise OSError(number, os.strerror(number))

        def refuse_new(path, mode="r", *rest, **named):
            return refuse() if set(mode) & set("wxa") else plain(path, mode, *rest, **named)

        plain = Path.open
        monkeypatch.setattr(Path, "write_bytes", refuse)
        monkeypatch.setattr(Path, "open", refuse_new)

    return fail


@pytest.mark.parametrize("number", sorted(REMEDIES))
def test_every_way_of_writing_tells_it_in_one_sentence(store, images, record, detections, no_writing, number):
    store.write_cell(record, detections)
    other = record.model_copy(update={"cell": record.cell.model_copy(update={"split": "test"})})
    chunk = ChunkResult(detections, quality_frame({}), {"detect": 1.0})
    before = files(store.path)
    partial = store.partial(record.cell, {})
    no_writing(number)
    for write in (
        lambda: store.write_cell(other, detections),
        lambda: store.write_failure(other),
        lambda: store.update_record(record),
        lambda: store.save_ground_truth(images),
        lambda: store.claim(other.cell),
        lambda: partial.write(Chunk(0, 2), chunk),
    ):
        with pytest.raises(WriteError, match=r"cannot be written, .* what was finished before is kept") as told:
            write()
        assert REMEDIES[number] in str(told.value)
        assert "\n" not in str(told.value)
        assert ".tmp-" not in str(told.value)
    left = [path for path in files(store.path) if path not in before and path != partial.folder]
    assert left == []
    assert store.records() == [record]
    pd.testing.assert_frame_equal(store.detections(record.cell), detections)


def test_pictures_tell_it_too(tmp_path, no_writing):
    from PIL import Image

    facts = PictureFacts(kind="crux", image_id="1", index=0, alt="a", caption="c")
    no_writing(errno.ENOSPC)
    with pytest.raises(WriteError, match=r"crux-1\.png cannot be written, the disk is full"):
        write_picture(tmp_path, Image.new("RGB", (4, 4)), facts)
    assert files(tmp_path) == []


def test_other_errors_stay_what_they_are(store, record, detections, no_writing):
    no_writing(errno.EMFILE)
    with pytest.raises(OSError, match="Too many open files"):
        store.write_cell(record, detections)


def test_the_sentence_travels_between_processes():
    assert str(pickle.loads(pickle.dumps(WriteError("no room")))) == "no room"


def test_a_failing_disk_that_cannot_even_remove_tells_what_failed_first(store, record, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(WriteError, match=r"record\.json cannot be written, the file system reports"):
        store.update_record(record)


def mounted(options: str, program: str, folder: Path, *arguments: str) -> str:
    """Run a program in a mount name space of its own after mounting at a folder; skip where that is forbidden."""
    script = f'{options} && exec {sys.executable} -c "$0" "$@"'
    flags = ["-m"] if os.getuid() == 0 else ["-rm"]
    try:
        done = subprocess.run(
            ["unshare", *flags, "sh", "-c", script, program, str(folder), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("no unshare here")
    if done.returncode == 99:
        pytest.skip("mounting is forbidden here")
    assert done.returncode == 0, done.stderr
    return done.stdout


FILL = """
import sys
from pathlib import Path
import numpy as np
from lqbench.results.failures import WriteError
from lqbench.results.partial import Chunk, ChunkResult
from lqbench.results.store import Store
from lqbench.results.cell import Cell
from lqbench.datasets.types import Detections
from lqbench.results.tables import detections_frame, quality_frame
folder = Path(sys.argv[1])
store = Store.open(folder / "store")
cell = Cell(method="m", method_source="0", dataset="d", dataset_version="1", split="s", dataset_fingerprint="f")
partial = store.partial(cell, {})
noise = np.random.default_rng(0)
written = 0
try:
    for first in range(0, 1000, 10):
        claim = store.claim(cell)
        found = np.sort(noise.random((500, 4), np.float32) * 9, axis=1)
        scores = np.sort(noise.random(500, np.float32))[::-1].copy()
        table = detections_frame([(first, Detections(found, scores, np.zeros(500, np.int64)))])
        partial.write(Chunk(first, first + 10), ChunkResult(table, quality_frame({}), {}))
        written += 1
        claim.release()
except WriteError as error:
    print(error)
claim.release()
assert all(partial.has(Chunk(first, first + 10)) for first in range(0, 10 * written, 10))
files = [path.name for path in folder.rglob("*") if path.is_file()]
assert len(files) == written + 1, files
print(written)
"""


def test_a_disk_that_is_really_full(tmp_path):
    out = mounted(f"(mount -t tmpfs -o size=200k tmpfs {tmp_path} || exit 99)", FILL, tmp_path)
    sentence, written = out.splitlines()
    assert "cannot be written, the disk is full: free some space" in sentence
    assert int(written) >= 2


READ = """
import sys
from pathlib import Path
from click.testing import CliRunner
from lqbench.benchmark.cli.main import main
from lqbench.results.store import Store
store = Path(sys.argv[1])
opened = Store(store)
assert len(opened.records()) == 1 and len(opened.summaries()) == 1
assert [claim.stale for claim in opened.claims()] == [False]
def run(*words):
    result = CliRunner().invoke(main, [*words, "--store", str(store)])
    print(result.exit_code, result.output.strip().splitlines()[-1])
run("report", "--out", sys.argv[2])
run("results", "frame", "--out", sys.argv[2] + "/frame.csv")
run("results", "prune")
run("score")
run("results", "prune", "--pictures", "--yes")
run("run", "--method", "lr", "--dataset", "scenes-d", "--limit", "1")
"""


def test_a_store_that_is_really_read_only(store, images, record, detections, tmp_path):
    store.save_ground_truth(images)
    store.write_cell(record, detections)
    store.claim(record.cell)
    (store.path / "pictures" / "of-no-cell").mkdir(parents=True)
    out = tmp_path / "out"
    place = store.path
    mount = f"(mount --bind {place} {place} && mount -o remount,ro,bind {place} || exit 99)"
    lines = mounted(mount, READ, place, str(out)).splitlines()
    assert [line[0] for line in lines] == ["0", "0", "0", "2", "2", "2"], lines
    assert all("cannot be written" in line for line in lines[3:])
    assert all("the file system is read-only" in line for line in lines[3:5])
