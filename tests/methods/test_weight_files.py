"""Where checkpoints are looked for, and what a user is told when one is missing."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from lqbench.datasets.errors import UserError
from lqbench.methods.detectors.catalog import detector_registry
from lqbench.methods.weights import (
    WEIGHT_FILES,
    WeightFile,
    check_published_hash,
    find_weights,
    published_hash,
    required_weights,
    sha256_of,
)


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("{}")
    monkeypatch.setenv("LQBENCH_CONFIG", str(config))
    monkeypatch.delenv("LQBENCH_WEIGHTS", raising=False)
    monkeypatch.delenv("LQBENCH_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_flag_wins(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(b"x")
    assert find_weights("fcos", path, None) == path
    assert find_weights("mini", path, None) == path


def test_bundled_weights_need_no_file() -> None:
    assert find_weights("mini", None, None) is None


def test_the_data_roots_weights_folder_is_searched(tmp_path: Path) -> None:
    path = tmp_path / "root" / "weights" / "yolox_nano.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    assert find_weights("yolox-nano", None, tmp_path / "root") == path


@pytest.mark.parametrize("name", sorted(WEIGHT_FILES))
def test_a_missing_file_is_one_sentence_with_source_place_and_hash(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        find_weights(name, None, None)
    text, entry = str(caught.value), WEIGHT_FILES[name]
    assert "\n" not in text
    assert entry.source in text
    assert str(tmp_path / "weights") in text
    assert entry.hash_prefix in text
    assert ("sha256 starts with" in text) == bool(entry.hash_prefix)


def test_torchvisions_addresses_match_the_installed_package() -> None:
    from torchvision.models import detection

    published = {
        "ssd300_vgg16": detection.SSD300_VGG16_Weights.COCO_V1,
        "fasterrcnn": detection.FasterRCNN_ResNet50_FPN_Weights.COCO_V1,
        "fcos": detection.FCOS_ResNet50_FPN_Weights.COCO_V1,
        "retinanet": detection.RetinaNet_ResNet50_FPN_Weights.COCO_V1,
    }
    for name, weights in published.items():
        entry = WEIGHT_FILES[name]
        assert entry.source == weights.url
        assert re.fullmatch("[0-9a-f]{8}", entry.hash_prefix)
        assert entry.note.startswith(f"{round(weights.meta['_file_size'])} MB")


def test_every_detector_without_entry_is_bundled() -> None:
    assert set(WEIGHT_FILES) <= set(detector_registry())
    assert set(detector_registry()) - set(WEIGHT_FILES) == {"mini", "cascade-mini", "mmdet"}


def test_a_wrong_flag_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.pth does not exist"):
        find_weights("fcos", tmp_path / "nowhere.pth", None)
    with pytest.raises(UserError, match="is a folder"):
        required_weights(tmp_path, "fcos")


def test_a_full_hash_is_given_in_full() -> None:
    entry = WeightFile("x", ("x.pth",), "https://example.org/x.pth", sha256="ab" * 32)
    assert f"(sha256 {'ab' * 32})" in entry.how_to_get(())


def test_hash_of_the_name_is_compared_with_the_content(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"content").hexdigest()
    good = tmp_path / f"net-{digest[:8]}.pth"
    good.write_bytes(b"content")
    assert check_published_hash(good) == digest == sha256_of(good)
    bad = tmp_path / "net-00000000.pth"
    bad.write_bytes(b"content")
    with pytest.raises(UserError, match=f"starting with 00000000, its content has {digest[:8]}; download it again"):
        check_published_hash(bad)
    assert published_hash("own_training.pth") == ""
