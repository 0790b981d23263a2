"""Specifications of a user's own data, named by a path: ``coco:PATH`` and ``voc:PATH``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from .classes import VOC_CLASSES
from .coco import file_names, read_category_names
from .errors import UserError
from .names import DatasetName
from .spec import DatasetSpec, PartName
from .voc import IMAGE_SUFFIXES, read_class_names

WHOLE = "all"
"""The split of data without split lists."""
ROBOFLOW_FILE = "_annotations.coco.json"
_PREFERRED = ("val", "valid", "validation", "val2017", "test", "test2017")
_ANNOTATION_FOLDERS = ("annotations", "annotation", "labels")
_PLACES = dict[str, dict[PartName, Path]]


def own_spec(name: DatasetName) -> DatasetSpec:
    """Return the specification of data at a path; classes are those that the annotations name.

    Raises:
        UserError: The path does not exist, holds no annotations of the format, or no images are found for them.
    """
    path = name.path
    if path is None or not path.exists():
        raise UserError(f"the path {path} of the dataset '{name.name}:{path}' does not exist; correct it.")
    return _coco_spec(path.resolve(), name.images) if name.name == "coco" else _voc_spec(path.resolve())


def _coco_spec(path: Path, images: Path | None) -> DatasetSpec:
    files = {WHOLE: path} if path.is_file() else _coco_files(path)
    if images is not None and not images.is_dir():
        raise UserError(f"the image folder {images} of the dataset 'coco:{path},{images}' is no folder; correct it.")
    default = _default_split(files)
    classes = _coco_classes(files[default], _stamp(files[default]))
    places: _PLACES = {split: {"annotations": file} for split, file in files.items()}
    for split, file in files.items():
        places[split]["images"] = images.resolve() if images else _image_folder(file, split, _stamp(file))
    label = f"{_data_set_folder(path).name}/{path.stem}" if path.is_file() else path.name
    return _own(f"coco:{label}", "coco", classes, places, default)


def _voc_spec(path: Path) -> DatasetSpec:
    annotations = path / "Annotations" if (path / "Annotations").is_dir() else path
    if not path.is_dir() or not any(annotations.glob("*.xml")):
        raise UserError(f"the dataset 'voc:{path}' needs a folder with Annotations/*.xml; there is none.")
    images = next((path / name for name in ("JPEGImages", "images") if (path / name).is_dir()), annotations)
    if not any(file.suffix in IMAGE_SUFFIXES for file in images.iterdir()):
        raise UserError(f"the dataset 'voc:{path}' needs images in {path / 'JPEGImages'}; there are none.")
    places: _PLACES = {WHOLE: {"annotations": annotations, "images": images}}
    for file in sorted((path / "ImageSets" / "Main").glob("*.txt")):
        if "_" not in file.stem:  # dog_train.txt and the like list the images of a single class
            places[file.stem] = {"annotations": annotations, "images": images, "list": file}
    classes = _voc_classes(annotations, _stamp(annotations))
    return _own(f"voc:{path.name}", "voc", classes, places, WHOLE)


def _own(name: str, reader: Any, classes: tuple[str, ...], places: _PLACES, default: str) -> DatasetSpec:
    voc = reader == "voc"
    return DatasetSpec(
        name=name,
        version="1",
        title=f"Own data in {'VOC' if voc else 'COCO'} format: {name.partition(':')[2]}",
        protocol="Images are read as they are; classes are those that the annotations name"
        + (", in alphabetical order." if voc and classes != VOC_CLASSES else "."),
        reader=reader,
        classes=classes,
        splits=tuple(places),
        default_split=default,
        degradation="none",
        metric="voc07" if classes == VOC_CLASSES else "coco",
        default_detector="yolox-nano",
        places=places,
        licence="the owner's",
    )


def _coco_files(folder: Path) -> dict[str, Path]:
    """Return the splits of a folder: ``annotations/instances_<split>.json`` or ``<split>/_annotations.coco.json``."""
    files = {file.stem.removeprefix("instances_"): file for file in sorted(folder.glob("annotations/instances_*.json"))}
    files |= {file.parent.name: file for file in sorted(folder.glob(f"*/{ROBOFLOW_FILE}"))}
    files = files or {file.stem: file for file in sorted(folder.glob("*.json"))}
    if not files:
        raise UserError(
            f"the dataset 'coco:{folder}' needs annotations/instances_SPLIT.json, SPLIT/{ROBOFLOW_FILE} or a JSON file "
            "in that folder; there is none, so give the path of the file itself."
        )
    return files


def _default_split(files: dict[str, Path]) -> str:
    return next((split for split in _PREFERRED if split in files), next(iter(files)))


def _data_set_folder(file: Path) -> Path:
    return file.parents[1] if file.parent.name in _ANNOTATION_FOLDERS else file.parent


@lru_cache(maxsize=16)
def _image_folder(file: Path, split: str, stamp: tuple[int, int]) -> Path:
    """Find the folder that holds the first images that a COCO file names.

    Raises:
        UserError: No folder beside the file holds any of them.
    """
    home = _data_set_folder(file)
    words = dict.fromkeys([split, file.stem.removeprefix("instances_")])
    folders = [
        *(home / word for word in words),
        *(home / "images" / word for word in words),
        *(home / name for name in ("images", "JPEGImages", ".")),
        file.parent,
    ]
    first = file_names(file)[:8]
    for folder in folders:
        if any((folder / name).is_file() for name in first):
            return folder.resolve()
    raise UserError(
        f"the images that {file} names (such as {first[0]}) are not beside it; name their folder after a comma: "
        f"coco:{file},IMAGE_FOLDER."
    )


@lru_cache(maxsize=16)
def _coco_classes(file: Path, stamp: tuple[int, int]) -> tuple[str, ...]:
    return read_category_names(file)


@lru_cache(maxsize=16)
def _voc_classes(folder: Path, stamp: tuple[int, int]) -> tuple[str, ...]:
    """Return VOC's own classes where no others occur, so that labels are the usual ones."""
    found = read_class_names(folder)
    return VOC_CLASSES if set(found) <= set(VOC_CLASSES) else found


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes when a file or folder is written, so that nothing stale is remembered."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size
