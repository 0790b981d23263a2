"""Reader of Cityscapes, Foggy Cityscapes and RainCityscapes in the layout of the Cityscapes site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..classes import CITYSCAPES_CLASSES
from ..errors import UserError
from ..images import MISSING_PAIRS, file_lengths
from ..source import FileSource, Source, SourceImage
from .annotations import FrameAnnotations, read_annotations
from .files import ANNOTATION_ENDINGS, Frame, image_endings, list_frames
from .instances import BoxRule

CLEAR_ENDING = "_leftImg8bit.png"


@dataclass(frozen=True, slots=True)
class CityscapesFolders:
    """The folders of one split.

    Attributes:
        annotations: ``gtFine/<split>``.
        images: Folder of the images to read, such as ``leftImg8bit_foggy/<split>``.
        clean: ``leftImg8bit/<split>``; None where the clear images are absent or are the ones to read.
        disparity: ``disparity/<split>``; None where absent.
        camera: ``camera/<split>``; None where absent.
    """

    annotations: Path
    images: Path
    clean: Path | None = None
    disparity: Path | None = None
    camera: Path | None = None


def read_cityscapes(
    folders: CityscapesFolders, options: Mapping[str, str], *, limit: int | None = None, hint: str = ""
) -> CityscapesSource:
    """Read one split; boxes are computed from gtFine.

    All frames of gtFine must have an image, except where each frame has many variants: RainCityscapes covers only some
    frames, so there every frame with any image must have all chosen variants and an annotation.

    Args:
        folders: Where the split's files lie.
        options: ``boxes`` (the box rule), ``ending`` and what it names, see ``files.image_endings``.
        limit: Keep the first so many images by name; None for all.
        hint: Where to get missing files.

    Raises:
        UserError: Files are missing or broken.
    """
    endings = image_endings(options)
    every_frame = "{rain}" not in options["ending"]
    listing = (folders.annotations, ANNOTATION_ENDINGS) if every_frame else (folders.images, endings)
    frames = list_frames(*listing)
    chosen = [(frame, ending) for frame in frames for ending in endings][:limit]
    paths = [frame.path(folders.images, ending) for frame, ending in chosen]
    lengths = file_lengths(paths, hint)
    distinct = list(dict.fromkeys(frame for frame, _ in chosen))
    known = dict(
        zip(distinct, read_annotations(folders.annotations, distinct, cast("BoxRule", options["boxes"])), strict=True)
    )
    images = _images(chosen, known, paths, len(endings) > 1)
    clean = [] if folders.clean is None else [frame.path(folders.clean, CLEAR_ENDING) for frame, _ in chosen]
    file_lengths(clean, MISSING_PAIRS)
    source = FileSource(CITYSCAPES_CLASSES, images, lengths, _notes(known.values(), options["boxes"]), clean)
    return CityscapesSource(source, folders, [frame for frame, _ in chosen])


class CityscapesSource(Source):
    """Images of Cityscapes with distances from its disparity and camera files, where those are present."""

    def __init__(self, source: FileSource, folders: CityscapesFolders, frames: Sequence[Frame]) -> None:
        """Add to images the frames and folders in which the files that belong to them lie."""
        self.classes, self.images, self.digest, self.notes = source.classes, source.images, source.digest, source.notes
        self._source = source
        self._folders = folders
        self._frames = tuple(frames)

    def load(self, index: int) -> NDArray[np.uint8]:
        """Decode an image file, see ``images.read_image``."""
        return self._source.load(index)

    @property
    def has_pairs(self) -> bool:
        """Whether the clear images are at hand."""
        return self._source.has_pairs

    def load_clean(self, index: int) -> NDArray[np.uint8] | None:
        """Decode the clear image of the same frame; None where the clear images are not at hand."""
        return self._source.load_clean(index)

    def load_depth(self, index: int) -> NDArray[np.float32] | None:
        """Return distances computed from disparity and camera, see ``weather.distance``.

        Where the stereo cameras measured nothing, ``weather.distance.fill_unmeasured`` has its say.

        Raises:
            UserError: One of the two packages, or the image's file in it, is missing or broken.
        """
        from ..degradations.weather.distance import fill_unmeasured, read_camera, read_disparity

        camera, disparity = self._depth_files(index)
        return fill_unmeasured(read_disparity(disparity, read_camera(camera), self.images[index].size))

    def has_depth(self) -> bool:
        """Return True.

        Raises:
            UserError: The camera or disparity file of an image is missing; the first is named.
        """
        for index in range(len(self.images)):
            self._depth_files(index)
        return True

    def _depth_files(self, index: int) -> tuple[Path, Path]:
        """Return the camera file and the disparity image of an image."""
        camera = self._companion(index, "camera", "_camera.json", self._folders.camera)
        return camera, self._companion(index, "disparity", "_disparity.png", self._folders.disparity)

    def _companion(self, index: int, package: str, ending: str, folder: Path | None) -> Path:
        """Return the path of a file that belongs to an image."""
        frame = self._frames[index]
        beside = self._folders.annotations.parents[1] / package / self._folders.annotations.name
        path = frame.path(folder or beside, ending)
        if not path.is_file():
            raise UserError(
                f"the distances of {frame.name} need {path}, which does not exist; unpack {package}_trainvaltest.zip "
                "of the Cityscapes site there."
            )
        return path


def _images(
    chosen: Sequence[tuple[Frame, str]], known: Mapping[Frame, FrameAnnotations], paths: Sequence[Path], variants: bool
) -> list[SourceImage]:
    """Return the images; variants of a frame have the ending in their id, without the file's suffix."""
    images = []
    for (frame, ending), path in zip(chosen, paths, strict=True):
        image_id = frame.name + (ending.removesuffix(".png") if variants else "")
        images.append(SourceImage(image_id, str(path), known[frame].size, known[frame].boxes))
    return images


def _notes(known: Iterable[FrameAnnotations], rule: str) -> dict[str, Any]:
    """Return the counts over all frames."""
    frames = list(known)
    return {
        "box_rule": rule,
        "group_boxes": sum(frame.groups for frame in frames),
        "frames_drawn_from_polygons": sum(frame.drawn for frame in frames),
    }
