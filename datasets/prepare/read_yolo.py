"""Reader of YOLO text labels in the layout of Ultralytics: ``data.yaml``, image folders or lists, ``labels`` beside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ..box_check import Box, BoxChecker
from ..errors import UserError
from ..images import file_lengths, image_size
from ..safe_paths import safe_name
from ..source import AnnotatedObject, Annotations, FileSource, SourceImage

CONFIG = "data.yaml"
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
RESERVED = frozenset({"path", "names", "nc", "download", "yaml_file", "kpt_shape", "flip_idx", "roboflow"})
"""Keys of ``data.yaml`` that are no split."""


def read_yolo(path: Path, invalid_boxes: str = "error") -> dict[str, FileSource]:
    """Read all splits of a YOLO data set.

    A line of a label file is ``class x y width height`` with the box's centre and size as shares of the image, or
    ``class x1 y1 x2 y2 x3 y3 ...``, a polygon whose bounding box is taken. An image without a label file has no
    objects. The format knows neither crowds nor difficult objects; areas are those of the boxes.

    Args:
        path: ``data.yaml`` or its folder.
        invalid_boxes: One of ``box_check.INVALID_BOXES``.

    Raises:
        UserError: A file is missing or wrong.
    """
    file = path / CONFIG if path.is_dir() else path
    config = _config(file)
    classes = _classes(file, config.get("names"))
    home = file.parent / str(config.get("path") or "")
    home = home if home.is_dir() else file.parent
    splits: dict[str, FileSource] = {}
    seen: set[str] = set()
    for split, place in config.items():
        if split in RESERVED or not place or str(place) in seen:
            continue
        seen.add(str(place))
        splits[split] = _read_split(file, _image_files(file, home, split, place), classes, invalid_boxes)
    if not splits:
        raise UserError(f"{file} names no split; add lines such as train: images/train.")
    return splits


def label_file(image: Path) -> Path:
    """Return where an image's labels lie: in ``labels`` in place of the last ``images`` of the path, else beside it."""
    parts = list(image.parts)
    places = [position for position, part in enumerate(parts[:-1]) if part == "images"]
    if places:
        parts[places[-1]] = "labels"
    return Path(*parts).with_suffix(".txt")


def _config(file: Path) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}); a YOLO data set needs {CONFIG}.") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{file} is not YAML ({' '.join(str(error).split())}); correct it.") from None
    if not isinstance(config, Mapping):
        raise UserError(f"{file} holds no keys; write lines such as train: images/train and names: [car, bus].")
    return config


def _classes(file: Path, names: Any) -> tuple[str, ...]:
    if isinstance(names, Mapping):
        if sorted(names) != list(range(len(names))):
            raise UserError(f"{file}: the keys of 'names' are {list(names)}; number the classes from 0 without holes.")
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, Sequence) or isinstance(names, str) or not names:
        raise UserError(f"{file}: 'names' is {names!r}; give the list of class names.")
    classes = tuple(str(name) for name in names)
    if len(set(classes)) < len(classes):
        raise UserError(f"{file}: 'names' holds a class twice; make the names unique.")
    return classes


def _image_files(file: Path, home: Path, split: str, place: Any) -> list[Path]:
    """Return a split's image files: of a folder, of a text file that lists them, or of several of these."""
    files: list[Path] = []
    for text in place if isinstance(place, list) else [place]:
        # Exports of annotation services write ../train/images although data.yaml lies beside train.
        options = [home / str(text), file.parent / str(text).removeprefix("../")]
        found = next((option for option in options if option.exists()), None)
        if found is None:
            raise UserError(f"{file}: the split {split!r} is at {text}, which does not exist; correct the path.")
        files += _listed(found) if found.is_file() else _in_folder(found)
    if not files:
        raise UserError(f"{file}: the split {split!r} has no images at {place}; correct the path.")
    return files


def _listed(file: Path) -> list[Path]:
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    return [file.parent / safe_name(f"{file}: a line", line.removeprefix("./")) for line in lines if line]


def _in_folder(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def _read_split(file: Path, paths: Sequence[Path], classes: tuple[str, ...], invalid_boxes: str) -> FileSource:
    lengths = file_lengths(paths, f"correct {file}")
    checker = BoxChecker(invalid_boxes)
    stems = Counter(path.stem for path in paths)
    images = []
    for path in paths:
        size = image_size(path)
        image_id = path.stem if stems[path.stem] == 1 else path.relative_to(file.parent).with_suffix("").as_posix()
        images.append(SourceImage(image_id, str(path), size, _read_labels(label_file(path), classes, size, checker)))
    return FileSource(classes, images, lengths, checker.finish())


def _read_labels(file: Path, classes: tuple[str, ...], size: tuple[int, int], checker: BoxChecker) -> Annotations:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return Annotations.of([])
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the label file {file} cannot be read ({error}); correct it.") from None
    objects = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{file}: line {number}"
        label, box = _parse(where, line, len(classes), size)
        checked = checker.check(f"{where} ({line.strip()[:80]})", box, size)
        if checked is not None:
            x1, y1, x2, y2 = checked
            objects.append(AnnotatedObject(checked, label, (x2 - x1) * (y2 - y1)))
    return Annotations.of(objects)


def _parse(where: str, line: str, classes: int, size: tuple[int, int]) -> tuple[int, Box]:
    """Return label and box, x1 y1 x2 y2 in pixels, of a line."""
    try:
        label, *values = (float(word) for word in line.split())
    except ValueError:
        raise UserError(f"{where} is {line.strip()[:80]!r}; write a class number and four numbers.") from None
    if label not in range(classes):
        raise UserError(f"{where}: the class number is {label:g}, but there are {classes} classes, from 0; correct it.")
    height, width = size
    if len(values) == 4:
        x, y, w, h = values
        return int(label), ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
    if len(values) < 6 or len(values) % 2:
        raise UserError(f"{where} has {len(values)} numbers behind the class; a box has 4, a polygon 6, 8 and so on.")
    points = np.array(values).reshape(-1, 2) * (width, height)
    (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
    return int(label), (float(x1), float(y1), float(x2), float(y2))
