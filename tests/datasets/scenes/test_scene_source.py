"""Scenes as a source: cache, broken files, splits, processes."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from lqbench.datasets.errors import UserError
from lqbench.datasets.scenes import SCENE_CLASSES, render_scene
from lqbench.datasets.scenes.cache import SceneFile, scene_folder, scene_seed
from lqbench.datasets.scenes.source import SPLITS, ScenesSource

SIZE = 96


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LQBENCH_CACHE", str(tmp_path))
    return tmp_path


def test_images_and_boxes_are_those_of_the_renderer(cache: Path):
    source = ScenesSource("val", 3, SIZE)
    assert source.classes == SCENE_CLASSES
    assert [image.image_id for image in source.images] == ["val-000000", "val-000001", "val-000002"]
    for index, image in enumerate(source.images):
        scene = render_scene(scene_seed("val", index), SIZE, SIZE)
        assert np.array_equal(source.load(index), scene.image)
        assert np.array_equal(image.annotations.xyxy, scene.xyxy)
        assert np.array_equal(image.annotations.labels, scene.labels)
        assert np.array_equal(image.annotations.areas, scene.areas)
        assert not image.annotations.crowd.any() and not image.annotations.difficult.any()
        assert image.size == (SIZE, SIZE) and image.file == f"scenes/val/{index:06d}"
    assert scene_folder("val", SIZE).is_relative_to(cache)


def test_a_second_source_renders_nothing(monkeypatch: pytest.MonkeyPatch):
    first = ScenesSource("val", 2, SIZE)
    assert first.missing() == [0, 1]
    pictures = [first.load(i) for i in range(2)]
    monkeypatch.setattr(SceneFile, "render", lambda self: pytest.fail("rendered again"))
    second = ScenesSource("val", 2, SIZE)
    assert second.missing() == [] and len(second.images) == 2
    assert all(np.array_equal(second.load(i), pictures[i]) for i in range(2))


@pytest.mark.parametrize("damage", ["truncated", "empty", "not an image", "other size", "absent"])
def test_a_broken_picture_is_rendered_anew(damage: str):
    source = ScenesSource("val", 1, SIZE)
    good = source.load(0)
    path = SceneFile("val", 0, SIZE).png
    content = path.read_bytes()
    other = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    broken = {"truncated": content[: len(content) // 2], "empty": b"", "not an image": b"hello", "other size": other}
    path.unlink() if damage == "absent" else path.write_bytes(broken[damage])
    assert np.array_equal(source.load(0), good)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"xyxy": []}', '{"xyxy": [], "labels": [1], "areas": [], "visible": []}']
)
def test_broken_annotations_are_made_anew(content: str):
    source = ScenesSource("val", 1, SIZE)
    expected = source.images[0].annotations
    path = SceneFile("val", 0, SIZE).png.with_suffix(".json")
    path.write_text(content)
    again = ScenesSource("val", 1, SIZE)
    assert again.missing() == [0]
    assert np.array_equal(again.images[0].annotations.xyxy, expected.xyxy)
    assert json.loads(path.read_text())["labels"] == expected.labels.tolist()


def test_an_interrupted_write_leaves_no_trace(monkeypatch: pytest.MonkeyPatch):
    file = SceneFile("val", 0, SIZE)

    def fail(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(KeyboardInterrupt):
            file.render()
    assert list(file.png.parent.iterdir()) == []
    assert file.boxes() is None


def test_worker_processes_write_the_same_files_and_report_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[tuple[int, int]] = []
    ScenesSource("val", 8, 64).ensure(workers=2, on_progress=lambda done, total: seen.append((done, total)))
    folder = scene_folder("val", 64)
    monkeypatch.setenv("LQBENCH_CACHE", str(tmp_path / "alone"))
    ScenesSource("val", 8, 64).ensure(workers=1)
    alone = scene_folder("val", 64)
    assert seen == [(i, 8) for i in range(1, 9)]
    names = sorted(path.name for path in folder.iterdir())
    assert {f"val-{i:06d}{end}" for i in range(8) for end in (".png", ".json")} <= set(names)
    assert names == sorted(path.name for path in alone.iterdir())
    assert all((folder / name).read_bytes() == (alone / name).read_bytes() for name in names)


def test_progress_given_at_the_start_is_told_when_images_are_first_needed():
    seen: list[tuple[int, int]] = []
    source = ScenesSource("val", 2, 64, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == []
    assert len(source.images) == 2
    assert seen == [(1, 2), (2, 2)]


def test_a_source_survives_pickling_even_with_a_callback():
    source = ScenesSource("val", 1, 64, on_progress=lambda done, total: None)
    copy = pickle.loads(pickle.dumps(source))
    assert np.array_equal(copy.load(0), source.load(0))
    assert copy.digest == source.digest


def test_splits_share_no_scene_and_a_small_count_is_a_prefix():
    seeds = {split: {scene_seed(split, i) for i in range(count)} for split, count in SPLITS.items()}
    assert not seeds["train"] & seeds["val"]
    short, long = ScenesSource("val", 1, 64), ScenesSource("val", 2, 64)
    assert np.array_equal(short.load(0), long.load(0))


def test_digest_tells_split_count_and_size_apart():
    sources = [("val", 2, 64), ("val", 3, 64), ("val", 2, 128), ("train", 2, 64)]
    assert len({ScenesSource(*arguments).digest for arguments in sources}) == 4
    assert ScenesSource("val", 2, 64).digest == ScenesSource("val", 2, 64).digest


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("test", 1, 64), "no split 'test'"), (("val", 0, 64), "at least 1"), (("val", 1, 32), "at least 64 pixels")],
)
def test_wrong_arguments_are_one_clear_sentence(arguments: tuple[str, int, int], words: str):
    with pytest.raises(UserError, match=words):
        ScenesSource(*arguments)


def test_a_position_outside_the_source_is_refused():
    with pytest.raises(IndexError):
        ScenesSource("val", 2, 64).load(2)
    with pytest.raises(IndexError):
        ScenesSource("val", 2, 64).load(-1)
