"""Fetching from a server on this machine: resumed, checked, unpacked safely, told in a sentence where it fails."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lqbench.datasets.catalog import dataset_spec
from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.errors import UserError
from lqbench.datasets.prepare import archives
from lqbench.datasets.prepare.archives import unpack
from lqbench.datasets.prepare.download import download
from lqbench.datasets.prepare.fetch import UNPACKING, fetch, packages


class Server:
    """Files by name, what was asked for, and how many bytes of an answer go out before the line breaks."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.break_after: int | None = None
        self.tag = '"one"'
        self.url = ""


@pytest.fixture
def server(monkeypatch):
    """A server on the loopback interface that knows ranges, as those of the data sets do."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format, *args):
            pass

        def do_GET(self):
            wanted = self.headers.get("Range", "")
            state.asked.append((self.path, wanted))
            content = state.files.get(self.path.lstrip("/"))
            if content is None:
                self.send_error(404)
                return
            same = self.headers.get("If-Range", state.tag) == state.tag
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and same else 0
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if state.tag:
                self.send_header("ETag", state.tag)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:][: state.break_after])

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()


class Quiet:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, title: str) -> None:
        self.lines.append(title)

    def progress(self, done: int, total: int) -> None:
        pass

    def line(self, text: str) -> None:
        self.lines.append(text)


def nothing(done, total):
    pass


CONTENT = bytes(range(256)) * 40


def test_a_broken_download_goes_on_where_it_was(server, tmp_path):
    server.files["a.bin"] = CONTENT
    server.break_after = 3000
    with pytest.raises(UserError, match=r"a\.bin could not be fetched.*3000 bytes are kept"):
        download(f"{server.url}/a.bin", tmp_path / "a.bin", nothing)
    assert not (tmp_path / "a.bin").exists()
    server.break_after = None
    told = []
    download(f"{server.url}/a.bin", tmp_path / "a.bin", lambda *counts: told.append(counts))
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert server.asked == [("/a.bin", ""), ("/a.bin", "bytes=3000-")]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("tag", ['"two"', "", 'W/"one"'])
def test_a_part_of_another_file_is_not_gone_on_with(server, tmp_path, tag):
    server.files["a.bin"] = CONTENT
    server.break_after, server.tag = 3000, tag or '"one"'
    if tag != '"two"':
        server.tag = tag
    with pytest.raises(UserError):
        download(f"{server.url}/a.bin", tmp_path / "a.bin", nothing)
    server.files["a.bin"] = CONTENT[::-1]
    server.break_after, server.tag = None, '"three"'
    download(f"{server.url}/a.bin", tmp_path / "a.bin", nothing)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT[::-1]


def test_a_part_that_is_whole_already_is_taken(server, tmp_path):
    server.files["a.bin"] = CONTENT
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    (tmp_path / "a.bin.part.json").write_text('{"version": "\\"one\\""}')
    download(f"{server.url}/a.bin", tmp_path / "a.bin", nothing)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_failures_of_the_network_are_a_sentence(server, tmp_path):
    with pytest.raises(UserError, match="the server answers 404"):
        download(f"{server.url}/none.bin", tmp_path / "none.bin", nothing)
    with pytest.raises(UserError, match="could not be fetched"):
        download("http://127.0.0.1:9/a.bin", tmp_path / "a.bin", nothing)
    with pytest.raises(UserError, match="begins with http"):
        download("file:///etc/hostname", tmp_path / "a.bin", nothing)
    assert list(tmp_path.iterdir()) == []


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def files_of(folder: Path, prefix: str = "") -> dict[str, bytes]:
    return {prefix + p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def coco_server(server, tiny_root):
    """The server with the tiny set in COCO's two archives."""
    server.files["val2017.zip"] = zipped(files_of(tiny_root / "val2017", "val2017/"))
    server.files["annotations_trainval2017.zip"] = zipped(files_of(tiny_root / "annotations", "annotations/"))
    return server


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def test_coco_is_fetched_and_ready(coco_server, root, tiny_root):
    told = Quiet()
    assert fetch(dataset_spec("coco-d"), "val2017", root, told, mirror=coco_server.url) == root
    assert sorted(path.name for path in root.iterdir()) == ["annotations", "val2017"]
    dataset = open_dataset("coco-d", data_root=root)
    assert dataset.fingerprint == open_dataset("coco-d", data_root=tiny_root).fingerprint
    assert sum("no checksum" in line for line in told.lines) == 2
    coco_server.asked.clear()
    fetch(dataset_spec("coco-d"), "val2017", root, Quiet(), mirror=coco_server.url)
    assert coco_server.asked == []


def test_only_what_is_missing_is_fetched(coco_server, root, tiny_root):
    (tiny_root / "val2017").rename(root / "val2017")
    fetch(dataset_spec("coco-d"), "val2017", root, Quiet(), mirror=coco_server.url, keep=True)
    assert [path for path, _ in coco_server.asked] == ["/annotations_trainval2017.zip"]
    assert (root / "annotations_trainval2017.zip").is_file()


def test_an_archive_that_lies_there_is_used(coco_server, root):
    for name, content in coco_server.files.items():
        (root / name).write_bytes(content)
    fetch(dataset_spec("coco-d"), "val2017", root, Quiet(), mirror=coco_server.url)
    assert coco_server.asked == []
    assert (root / "val2017" / "000000000001.png").is_file()


def test_a_fetch_that_was_killed_while_it_moved_files_is_finished(coco_server, root):
    (root / "val2017").mkdir()
    (root / f"val2017.zip{UNPACKING}").touch()
    (root / "val2017.zip").write_bytes(coco_server.files["val2017.zip"])
    fetch(dataset_spec("coco-d"), "val2017", root, Quiet(), mirror=coco_server.url)
    assert len(list((root / "val2017").iterdir())) == 10
    assert sorted(path.name for path in root.iterdir()) == ["annotations", "val2017"]


def test_half_an_archive_is_told_and_nothing_unpacked(coco_server, root):
    (root / "val2017.zip").write_bytes(coco_server.files["val2017.zip"][:500])
    with pytest.raises(UserError, match=r"val2017\.zip is only part of an archive.*remove it"):
        fetch(dataset_spec("coco-d"), "val2017", root, Quiet(), mirror=coco_server.url)
    assert not (root / "val2017").exists()


@pytest.fixture
def voc_server(server, voc_root, monkeypatch):
    """The server with a tiny VOC in one archive, whose md5 is published."""
    source = voc_root()
    server.files["VOCtest_06-Nov-2007.tar"] = tarred(files_of(source))
    md5 = hashlib.md5(server.files["VOCtest_06-Nov-2007.tar"]).hexdigest()
    monkeypatch.setattr("lqbench.datasets.prepare.fetch.published_md5", lambda requirement: md5)
    return server


def test_voc_is_fetched_into_a_folder_that_holds_other_files(voc_server, root):
    (root / "VOCdevkit" / "VOC2007" / "JPEGImages").mkdir(parents=True)
    (root / "VOCdevkit" / "VOC2007" / "JPEGImages" / "009999.jpg").touch()
    told = Quiet()
    fetch(dataset_spec("voc-lr-x4"), "test", root, told, mirror=voc_server.url)
    assert len(open_dataset("voc-lr-x4", data_root=root)) == 2
    assert (root / "VOCdevkit" / "VOC2007" / "JPEGImages" / "009999.jpg").is_file()
    assert any("its md5 is as published" in line for line in told.lines)


def test_an_archive_with_another_checksum_is_refused(voc_server, root):
    voc_server.files["VOCtest_06-Nov-2007.tar"] += b"\0"
    with pytest.raises(UserError, match=r"has md5 [0-9a-f]{32}, but .* is published; remove it"):
        fetch(dataset_spec("voc-lr-x4"), "test", root, Quiet(), mirror=voc_server.url)
    assert not (root / "VOCdevkit").exists()


def test_an_archive_that_does_not_bring_what_it_should_is_told(coco_server, root):
    coco_server.files["val2017.zip"] = zipped({"elsewhere/1.png": b""})
    with pytest.raises(UserError, match="needs val2017"):
        fetch(dataset_spec("coco-d"), "val2017", root, Quiet(), mirror=coco_server.url)


@pytest.mark.parametrize("name", ["../escape", "/escape", "a/../../escape", "C:\\escape", "..\\escape"])
@pytest.mark.parametrize("make", [zipped, tarred])
def test_paths_that_lead_out_of_the_folder_are_refused(tmp_path, make, name):
    path = tmp_path / "in" / "evil.archive"
    path.parent.mkdir()
    path.write_bytes(make({name: b"x"}))
    (tmp_path / "in" / "out").mkdir()
    with pytest.raises(UserError, match="give a path inside"):
        unpack(path, tmp_path / "in" / "out")
    assert [p.name for p in tmp_path.rglob("*escape*")] == []


def test_links_in_archives_are_refused(tmp_path):
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        archive.addfile(link)
    entry = zipfile.ZipInfo("link")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(entry, "/etc/hostname")
    for name in ("evil.tar", "evil.zip"):
        with pytest.raises(UserError, match="no plain file"):
            unpack(tmp_path / name, tmp_path / "out")
    assert not os.path.lexists(tmp_path / "out" / "link")


def test_a_file_that_is_damaged_inside_a_zip_is_told(tmp_path):
    content = bytearray(zipped({"a": b"0123456789" * 50}))
    content[60] ^= 255
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.raises(UserError, match="only part of an archive, or none"):
        unpack(tmp_path / "set.zip", tmp_path / "out")


def test_an_archive_that_does_not_fit_on_the_disk_is_not_begun(tmp_path, monkeypatch):
    (tmp_path / "set.zip").write_bytes(zipped({"a": b"x" * 1000}))
    usage = type("Usage", (), {"free": 999})
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match="make room"):
        unpack(tmp_path / "set.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["foggy-cityscapes", "urpc2020", "dawn", "rtts"])
def test_what_needs_a_registration_or_has_no_lasting_address_is_not_fetched(name, root):
    spec = dataset_spec(name)
    with pytest.raises(UserError, match="is not fetched for you"):
        fetch(spec, spec.default_split, root, Quiet())


def test_scenes_need_nothing_and_a_root_is_needed(root):
    with pytest.raises(UserError, match="needs nothing to be fetched"):
        fetch(dataset_spec("scenes-d"), "val", root, Quiet())
    with pytest.raises(UserError, match="no data root is set"):
        fetch(dataset_spec("coco-d"), "val2017", None, Quiet())


def test_addresses_and_checksums_come_from_the_specification():
    found = packages(dataset_spec("voc-lr-x4"), "trainval")
    assert [(p.name, p.md5) for p in found] == [("VOCtrainval_06-Nov-2007.tar", "c52e279531787c972589f7e41ab4ae64")]
    assert found[0].url == "http://host.robots.ox.ac.uk/pascal/VOC/voc2007/VOCtrainval_06-Nov-2007.tar"
