"""An mmdet config's test pipeline, fed with images in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...datasets.errors import UserError
from .config import evaluated_dataset, reason

if TYPE_CHECKING:
    from pathlib import Path

    from mmengine.config import Config

Results = dict[str, Any]
Transform = Callable[[Results], Results | None]


class Pipeline:
    """The transforms of a config between an image file and the model."""

    def __init__(self, config: Config, path: Path) -> None:
        """Build the transforms.

        Raises:
            UserError: The config has no test pipeline, it does not begin with an image file, or it cannot be built or
                fails on a black image.
        """
        from mmdet.registry import TRANSFORMS

        steps = _steps(config, path)
        try:
            transforms: list[Transform] = [TRANSFORMS.build(step) for step in steps]
        except Exception as error:  # the config decides which code runs here
            raise UserError(f"the test pipeline of the config {path} cannot be built ({reason(error)}).") from error
        self._transforms = transforms
        self._without_enlarging = [
            KeepSmall(transform) if "Resize" in type(transform).__name__ else transform for transform in transforms
        ]
        self._try(path)

    def __call__(self, image: NDArray[np.uint8], *, enlarge: bool) -> Results:
        """Return a batch of one for ``model.test_step``.

        Args:
            image: (H, W, 3), BGR, as mmdet reads image files.
            enlarge: Whether resizing may enlarge the image; see ``KeepSmall``.
        """
        results: Results | None = {"img": image, "img_id": 0}
        for transform in self._transforms if enlarge else self._without_enlarging:
            if results is not None:
                results = transform(results)
        if results is None:
            raise ValueError("the test pipeline dropped the image")
        return {"inputs": [results["inputs"]], "data_samples": [results["data_samples"]]}

    def _try(self, path: Path) -> None:
        """Run both ways on a black image, so that a pipeline that needs more than an image is told at once."""
        try:
            for enlarge in (True, False):
                self(np.zeros((32, 48, 3), np.uint8), enlarge=enlarge)
        except Exception as error:
            raise UserError(
                f"the test pipeline of the config {path} does not lead from an image to the model ({reason(error)}); "
                f"only pipelines that need nothing but the image can be run."
            ) from error


class KeepSmall:
    """A resizing transform that never enlarges.

    An image that would grow stays as it is where the transform keeps the aspect ratio. Where it does not, the network
    wants one size, and the image is padded with black at the right and the bottom until nothing has to grow.
    """

    def __init__(self, transform: Transform) -> None:
        self._transform = transform

    def __call__(self, results: Results) -> Results | None:
        """Resize ``results["img"]`` unless that would enlarge it."""
        image = results["img"]
        height, width = image.shape[:2]
        resized = self._transform(dict(results))
        if resized is None:
            return None
        new_height, new_width = resized["img"].shape[:2]
        if new_height <= height and new_width <= width:
            return resized
        if resized.get("keep_ratio"):
            return results | {"scale_factor": (1.0, 1.0), "keep_ratio": True, "img_shape": (height, width)}
        missing = (max(0, new_height - height), max(0, new_width - width))
        padded = np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)))
        return self._transform(results | {"img": padded, "img_shape": padded.shape[:2]})


def _steps(config: Config, path: Path) -> Sequence[dict[str, Any]]:
    """Return the pipeline's configuration with the image taken from memory and annotations left out."""
    steps = evaluated_dataset(config).get("pipeline") or config.get("test_pipeline")
    if not steps:
        raise UserError(f"the config {path} has no test pipeline (test_dataloader.dataset.pipeline); add one.")
    first, *others = steps
    if _kind(first) != "LoadImageFromFile":
        raise UserError(
            f"the test pipeline of the config {path} begins with {_kind(first)}; only pipelines that begin with "
            f"LoadImageFromFile can be run."
        )
    in_memory = {**first, "type": "mmdet.LoadImageFromNDArray"}
    return [in_memory, *(step for step in others if not _kind(step).endswith("Annotations"))]


def _kind(step: dict[str, Any]) -> str:
    """Return a transform's class name; configs in mmengine's newer style hold the class itself."""
    kind = step.get("type", "")
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
    return name.rpartition(".")[2]
