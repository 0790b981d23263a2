"""Which checkpoint each detector needs, where to get it, and where it is looked for."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ..datasets.errors import UserError

_TORCHVISION = "https://download.pytorch.org/models"
_AMDEGROOT = "https://s3.amazonaws.com/amdegroot-models"


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A checkpoint that a user must bring.

    Attributes:
        name: Detector that needs it.
        file_names: File names under which it is looked for, the published one first.
        source: Address of the published file.
        sha256: Full hash where it is published; None where it is not. torchvision's file names end in its first
            eight hex digits.
        note: Size, licence and training data.
    """

    name: str
    file_names: tuple[str, ...]
    source: str
    sha256: str | None = None
    note: str = ""

    @property
    def hash_prefix(self) -> str:
        """Return the published first digits of the sha256, or "" where nothing is published."""
        return self.sha256 or published_hash(self.file_names[0])

    def how_to_get(self, folders: tuple[Path, ...]) -> str:
        """Return one sentence: what to download, where to put it, its hash if known."""
        certainty = "" if self.sha256 else "starts with "
        digest = f" (sha256 {certainty}{self.hash_prefix})" if self.hash_prefix else ""
        place = " or ".join(str(folder) for folder in folders) or "a folder named weights in the working directory"
        return (
            f"weights of detector {self.name!r} not found: download {self.source}{digest} and put "
            f"{self.file_names[0]} into {place}, or give its path with --weights."
        )


def _torchvision(name: str, file: str, note: str) -> WeightFile:
    return WeightFile(name, (file,), f"{_TORCHVISION}/{file}", note=note)


def _amdegroot(name: str, file: str, kind: str) -> WeightFile:
    note = f"105 MB, MIT, PASCAL VOC 2007 and 2012 trainval, {kind}; no hash is published"
    return WeightFile(name, (file,), f"{_AMDEGROOT}/{file}", note=note)


WEIGHT_FILES: dict[str, WeightFile] = {
    entry.name: entry
    for entry in (
        _torchvision("ssd300_vgg16", "ssd300_vgg16_coco-b556d3b4.pth", "136 MB, BSD-3-Clause, COCO train2017"),
        _amdegroot("ssd300-voc", "ssd300_mAP_77.43_v2.pth", "trained in PyTorch, red first"),
        _amdegroot("ssd300-voc-caffe", "ssd_300_VOC0712.pth", "converted from Caffe, blue first"),
        _torchvision("fasterrcnn", "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth", "160 MB, BSD-3-Clause, COCO train2017"),
        _torchvision("fcos", "fcos_resnet50_fpn_coco-99b0c9b7.pth", "124 MB, BSD-3-Clause, COCO train2017"),
        _torchvision("retinanet", "retinanet_resnet50_fpn_coco-eeacb38b.pth", "130 MB, BSD-3-Clause, COCO train2017"),
        WeightFile(
            "yolox-nano",
            ("yolox_nano.onnx",),
            "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.onnx",
            note="3.7 MB, Apache-2.0, COCO train2017; no hash is published (the copy tested with this project has "
            "sha256 e8af074932d4ed7e232278e3055cefcdea3edf178874a3694ae292649fb464dd)",
        ),
    )
}
"""Detectors whose weights are not bundled; a detector that is not listed brings its own."""


def find_weights(detector: str, flag: Path | None, data_root: Path | None) -> Path | None:
    """Return the checkpoint to load for a detector.

    Args:
        detector: Name in the detector registry.
        flag: Path given by the user; wins over every search.
        data_root: Data root given by the user; its ``weights`` folder is searched.

    Returns:
        The path, or None where the detector's weights are bundled.

    Raises:
        UserError: The path given is no file, or no file was found; says what to download and where to put it.
    """
    if flag is not None:
        return _given(flag)
    entry = WEIGHT_FILES.get(detector)
    return None if entry is None else find_file(entry, data_root)


def find_file(entry: WeightFile, data_root: Path | None) -> Path:
    """Return where a checkpoint lies among the folders of weights.

    Raises:
        UserError: It lies in none of them; says what to download and where to put it.
    """
    from ..datasets.locate import weight_dirs

    folders = weight_dirs(data_root)
    candidates = (folder / name for folder in folders for name in entry.file_names)
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise UserError(entry.how_to_get(folders))
    return found


def _given(path: Path) -> Path:
    if path.is_dir():
        raise UserError(f"--weights {path} is a folder; give the checkpoint file inside it.")
    if not path.is_file():
        raise UserError(f"--weights {path} does not exist; check the path.")
    return path


def required_weights(weights: Path | None, detector: str) -> Path:
    """Return the path for a detector without bundled weights.

    Raises:
        UserError: The path is None or no file; says what to download.
    """
    if weights is None:
        raise UserError(WEIGHT_FILES[detector].how_to_get(()))
    return _given(weights)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def published_hash(file_name: str) -> str:
    """Return the hash prefix inside a torchvision file name such as ``fcos_coco-99b0c9b7.pth``, or ""."""
    match = re.search(r"-([0-9a-f]{8})\.pth$", file_name)
    return match.group(1) if match else ""


def check_published_hash(path: Path) -> str:
    """Return a checkpoint's sha256, after comparing it with the prefix in its own file name if there is one.

    Raises:
        UserError: The content differs from what the name promises, as after a broken download.
    """
    digest = sha256_of(path)
    expected = published_hash(path.name)
    if expected and not digest.startswith(expected):
        raise UserError(
            f"{path} is damaged: its name promises a sha256 starting with {expected}, its content has {digest[:8]}; "
            f"download it again."
        )
    return digest
