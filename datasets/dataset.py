"""An opened dataset: image records, boxes in degraded pixels, and samples made on demand in any process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .catalog import dataset_spec, with_recipe
from .degradations import Degradation, degradation
from .errors import UserError
from .fingerprint import dataset_fingerprint
from .readers import open_files
from .requirements import missing_requirements
from .seeds import image_seed
from .source import Annotations, Source, SourceImage
from .spec import DatasetSpec
from .types import Boxes, ImageRecord, Sample

if TYPE_CHECKING:
    import torch

__all__ = ["Dataset", "missing_requirements", "open_dataset"]


def open_dataset(
    name: str,
    *,
    data_root: Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    invalid_boxes: str = "error",
    degrade: str = "",
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
    source: Source | None = None,
) -> Dataset:
    """Open a dataset of the suite, or one's own data, by name.

    Args:
        name: A name that ``catalog.dataset_spec`` knows.
        data_root: Where the original images lie; None to use ``LQBENCH_DATA`` or the user configuration.
        split: One of the dataset's splits; None for its default.
        limit: Use the first so many images of the split; None for all. Images keep their degradation under any limit.
        invalid_boxes: "error", or "drop" to leave out invalid boxes and count them in the facts' notes.
        degrade: A further degradation on top of the dataset's own, such as ``blur(iso,var=2.4)|down(4)|noise(25)``;
            empty for none.
        workers: Processes that render embedded scenes which are not in the cache yet; the pixels are the same for any.
        on_progress: Told (done, total) while scenes are rendered.
        source: The images, where a dataset of the same name, split and limit has opened them before: they are not read
            again, only degraded otherwise. None to open them.

    Raises:
        UserError: The name, split or degradation is unknown, the limit is below 1, files are missing or annotations
            are wrong.
    """
    spec = with_recipe(dataset_spec(name), degrade)
    wanted = split or spec.default_split
    if wanted not in spec.splits:
        raise UserError(f"{name} has no split {wanted!r}; its splits are {', '.join(spec.splits)}.")
    if limit is not None and limit < 1:
        raise UserError(f"--limit is {limit}; give a number of images from 1, or leave it out for all.")
    if source is None and spec.reader == "scenes":
        source = _open_scenes(spec, wanted, limit, workers, on_progress)
    elif source is None:
        source = open_files(spec, data_root, wanted, limit, invalid_boxes)
    return Dataset(spec, wanted, limit, source)


def _open_scenes(
    spec: DatasetSpec, split: str, limit: int | None, workers: int, on_progress: Callable[[int, int], None] | None
) -> Source:
    """Open rendered scenes; what is not in the cache is rendered. A limit above the split's count renders more."""
    from .scene_tracks import SCENE_SIZE
    from .scenes.source import ScenesSource

    source = ScenesSource(split, limit or spec.official_images[split], SCENE_SIZE)
    source.ensure(workers, on_progress)
    return source


class Dataset:
    """A degraded test set. Picklable: worker processes make samples from the same records and so the same bytes.

    Attributes:
        spec: What the dataset is.
        split: The opened split.
        limit: The limit it was opened with; None for all images.
        classes: Names that labels index.
        records: One record for each image, in order.
        boxes: Ground truth of each image, in degraded pixels.
        fingerprint: sha256 hex digest of all that results depend on, see ``fingerprint.dataset_fingerprint``.
    """

    def __init__(self, spec: DatasetSpec, split: str, limit: int | None, source: Source) -> None:
        """Draw every image's degradation parameters and scale its boxes; no image is read.

        Raises:
            UserError: The degradation needs distances and there are none.
        """
        self.spec = spec
        self.split = split
        self.limit = limit
        self.classes = spec.classes
        self._source = source
        self._degradation = _recipe(spec)
        _check_depth(spec, self._degradation, source)
        self.records = tuple(
            _record(spec, self._degradation, index, image) for index, image in enumerate(source.images)
        )
        self.boxes = tuple(
            scale_boxes(image.annotations, box_scale(record))
            for image, record in zip(source.images, self.records, strict=True)
        )
        self.fingerprint = dataset_fingerprint(spec, split, source.digest, self.records, self.boxes)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def source(self) -> Source:
        """The images before any degradation; ``open_dataset`` takes it for others of the same images."""
        return self._source

    @property
    def has_clean(self) -> bool:
        """Whether a clean image exists for each degraded one. Without, no oracle and no PSNR can be measured."""
        return not self.why_no_clean

    @property
    def why_no_clean(self) -> str:
        """One sentence on why there are no clean images; empty where there are."""
        if self.spec.clean == "source" or self.spec.recipe or self._source.has_pairs:
            return ""
        if self.spec.clean == "none":
            return f"{self.spec.name} has no clean images: it holds photographs of real scenes as they were taken."
        missing = next(part for part in self.spec.requirements if part.part == "clean")
        return (
            f"{self.spec.name} has no clean images here: they need {missing.path} from {missing.source}, which pairs "
            "with the degraded images."
        )

    def clean(self, index: int) -> torch.Tensor:
        """Return the clean image, uint8 (3, H, W) RGB on the CPU.

        That is the clear image that pairs with a degraded one where such pairs exist, else the image that was read:
        before any degradation by this package. Under a further degradation of real photographs it is the photograph.

        Raises:
            UserError: There are no clean images, or the image file is missing, broken or of another size than
                annotated.
        """
        if not self.has_clean:
            raise UserError(self.why_no_clean)
        pair = self._source.load_clean(index)
        return self._degradation.prepare(self._source.load(index) if pair is None else pair)

    def annotated(self, index: int) -> torch.Tensor:
        """Return the image in which the annotations were drawn, before any degradation, uint8 (3, H, W) RGB.

        Training makes its own crops and low-resolution images from it; ``annotated_boxes`` are its boxes.

        Raises:
            UserError: There are no clean images, or the file is missing, broken or of another size than annotated.
        """
        if not self.has_clean:
            raise UserError(self.why_no_clean)
        pair = self._source.load_clean(index)
        return degradation("none", {}).prepare(self._source.load(index) if pair is None else pair)

    def annotated_boxes(self, index: int) -> Boxes:
        """Return an image's boxes in the pixels of ``annotated``."""
        return scale_boxes(self._source.images[index].annotations, (1.0, 1.0))

    def sample(self, index: int, *, clean: bool = False) -> Sample:
        """Return one degraded image with its record, and the clean image if asked for.

        Raises:
            UserError: The image file is missing, broken or of another size than annotated, or clean images are asked
                for and there are none.
        """
        record = self.records[index]
        prepared = self._degradation.prepare(self._source.load(index))
        depth_m = self._source.load_depth(index) if self._degradation.needs_depth else None
        image = self._degradation.apply(prepared, record.parameters, record.seed, depth_m=depth_m)
        if not clean:
            return Sample(record, image, None)
        return Sample(record, image, self.clean(index) if self._source.has_pairs or not self.has_clean else prepared)

    def facts(self) -> dict[str, Any]:
        """Return what a table must tell of the dataset, as JSON-able values.

        ``subset`` is True where fewer images are opened than the split officially has; ``first_parameters`` are those
        drawn for the first image (all images' where nothing is random).
        """
        official = self.spec.official_images.get(self.split)
        told = (
            *("name", "version", "title", "protocol", "degradation", "settings", "recipe", "options", "metric"),
            *("area_frame", "default_detector", "embedded", "licence", "sources"),
        )
        return {
            **self.spec.model_dump(mode="json", include=set(told)),
            "split": self.split,
            "limit": self.limit,
            "images": len(self),
            "images_official": official,
            "subset": official is not None and len(self) < official,
            "boxes": sum(len(boxes) for boxes in self.boxes),
            "classes": len(self.classes),
            "first_parameters": dict(self.records[0].parameters) if self.records else {},
            "has_clean": self.has_clean,
            "notes": dict(self._source.notes),
        }


def _recipe(spec: DatasetSpec) -> Degradation[Any]:
    """Return the track's degradation, with the further one on top where one is asked for."""
    own = degradation(spec.degradation, spec.settings)
    if not spec.recipe:
        return own
    from .degradations import parse_degradation
    from .stacked import StackedDegradation

    further = parse_degradation(spec.recipe)
    return further if spec.degradation == "none" else StackedDegradation(own, further)


def _check_depth(spec: DatasetSpec, recipe: Degradation[Any], source: Source) -> None:
    """Refuse a degradation by distance of images whose distances nobody knows, before anything is computed.

    Raises:
        UserError: They are not known, or a file of them is missing.
    """
    if recipe.needs_depth and source.images and not source.has_depth():
        raise UserError(
            f"{spec.recipe or spec.degradation} needs the distance of every pixel, which "
            f"{spec.name.partition('+')[0]} does not have; choose a dataset with distances, such as scenes-clean or "
            "cityscapes with its disparity, or ask for made-up ones by depth_proxy=ramp, as in "
            "fog(beta=0.02,depth_proxy=ramp)."
        )


def _record(spec: DatasetSpec, recipe: Degradation[Any], index: int, image: SourceImage) -> ImageRecord:
    """Draw one image's parameters from its own seed, which no other image and no limit can change."""
    seed = image_seed(spec.track, spec.version, image.image_id)
    clean_size = recipe.clean_size(image.size)
    parameters = recipe.draw(seed, clean_size)
    size, scale = recipe.size(clean_size, parameters), recipe.scale(clean_size, parameters)
    return ImageRecord(image.image_id, index, image.file, image.size, clean_size, size, scale, seed, parameters)


def box_scale(record: ImageRecord) -> tuple[float, float]:
    """Return (sx, sy), degraded pixels per annotated pixel: the annotated image is resized to the clean one first."""
    (height, width), (clean_height, clean_width) = record.annotated_size, record.clean_size
    sx, sy = record.scale
    return clean_width / width * sx, clean_height / height * sy


def scale_boxes(annotations: Annotations, scale: tuple[float, float]) -> Boxes:
    """Scale boxes and areas from annotated to degraded pixels; computed in float64, nothing is rounded to pixels."""
    sx, sy = scale
    return Boxes(
        xyxy=(annotations.xyxy * np.array([sx, sy, sx, sy])).astype(np.float32),
        labels=annotations.labels,
        areas=annotations.areas * (sx * sy),
        areas_annotated=annotations.areas,
        crowd=annotations.crowd,
        difficult=annotations.difficult,
    )
