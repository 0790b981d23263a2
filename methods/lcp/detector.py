"""``cascade-mini``: the narrow Cascade R-CNN of clear scenes, behind methods that put something before a detector."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ...datasets.errors import UserError
from ..mmdet_adapter.detector import ModelDetector
from .bundle import BUNDLE, CLEAR, bundled
from .checkpoint import load_weights


class CascadeMini(ModelDetector):
    """The detector that LCP and its baseline begin with on the embedded scenes.

    Behind other methods it makes their results comparable with those two. Weights of cascade-rcnn that were trained on
    other images will do as well.
    """

    name: ClassVar[str] = "cascade-mini"

    def load(self, device: str, weights: Path | None) -> None:
        """Load weights that ``lqbench train --method cascade-rcnn`` wrote; None means the bundled ones.

        Raises:
            UserError: The file is missing, unreadable, of another architecture, or has LCP inside.
        """
        path = bundled(*CLEAR) if weights is None else weights
        if path is None:
            raise UserError(
                f"the weights of the detector {self.name!r} are missing from {BUNDLE}; install lqbench anew."
            )
        net, header = load_weights(path)
        if header.network.lcp is not None:
            raise UserError(f"{path} has LCP inside; run --method {header.method} with it.")
        self.class_names = header.classes
        self.use(net.model, net.pipeline, device)
