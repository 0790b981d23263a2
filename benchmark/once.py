"""What the requests of one plan have in common, worked out once: opened datasets, hashes of sources and of weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..methods.source_hash import method_source
from ..methods.weights import sha256_of
from .request import Request

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..datasets.source import Source
    from ..methods.base import Method
    from ..methods.detectors.base import Detector

Given = tuple[str, Path | None, str | None, int | None, str]
"""What a dataset's images depend on: its name, and data root, split, limit and treatment of boxes as asked for."""


class Once:
    """Opens each dataset and hashes each file once, for as long as one plan is made.

    Nothing is kept beyond that: files may change between two plans of one process.
    """

    def __init__(self, processes: int = 1, on_render: Callable[[str, int, int], None] | None = None) -> None:
        """Remember nothing yet.

        Args:
            processes: Processes that render embedded scenes which are not in their cache yet.
            on_render: Told (dataset, done, total) while scenes are rendered.
        """
        self._processes = processes
        self._on_render = on_render
        self._datasets: dict[tuple[Given, str], Dataset] = {}
        self._sources: dict[Given, Source] = {}
        self.weights_hash = cache(sha256_of)
        self._method_source = cache(method_source)

    def method_source(
        self, method: type[Method], detector: type[Detector] | str | None, parts: Sequence[type | str]
    ) -> str:
        """Return the hash of a method's source files, see ``methods.source_hash.method_source``."""
        return self._method_source(method, detector, tuple(parts))

    def dataset(self, name: str, request: Request) -> Dataset:
        """Return a dataset of a request; requests that differ by their further degradation share the images.

        Raises:
            UserError: It cannot be opened.
        """
        from ..datasets.dataset import open_dataset

        given = (name, request.data_root, request.split, request.limit, request.invalid_boxes)
        known = (given, request.degrade)
        if known not in self._datasets:
            self._datasets[known] = open_dataset(
                name,
                data_root=request.data_root,
                split=request.split,
                limit=request.limit,
                invalid_boxes=request.invalid_boxes,
                degrade=request.degrade,
                workers=self._processes,
                on_progress=lambda done, total: self._told(name, done, total),
                source=self._sources.get(given),
            )
            self._sources[given] = self._datasets[known].source
        return self._datasets[known]

    def _told(self, name: str, done: int, total: int) -> None:
        if self._on_render is not None:
            self._on_render(name, done, total)
