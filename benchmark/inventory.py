"""What can be run on this machine and what has to be brought, without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ..datasets.catalog import ANNOUNCED_DATASETS, dataset_registry
from ..datasets.errors import UserError
from ..datasets.requirements import missing_requirements
from ..methods.base import Method
from ..methods.card import MethodCard
from ..methods.catalog import ANNOUNCED_METHODS, method_cards, method_registry
from ..methods.detectors.catalog import DESCRIBED_BY_CONFIG, detector_registry
from ..methods.weights import WEIGHT_FILES, find_weights
from .network_files import bundle_complaint, has_network
from .request import Request
from .selecting import load_suite, suite_names

FOG = "scenes-fog"
"""The dataset for which a restoration network is looked for; some are bundled for the weather of the scenes alone."""


@dataclass(frozen=True)
class Entry:
    """One method, dataset or detector.

    Attributes:
        name: What to write after ``--method``, ``--dataset`` or ``--detector``.
        title: One line for people.
        detector: A dataset's default detector; empty otherwise.
        brings: What a user must bring, in short; empty for nothing.
        state: "ready", "missing" (something must be brought) or "announced" (not there yet); empty for suites.
        missing: One sentence for each thing that is missing.
    """

    name: str
    title: str
    detector: str = ""
    brings: str = ""
    state: str = "ready"
    missing: tuple[str, ...] = ()


def methods() -> list[Entry]:
    """Return all methods, announced ones last."""
    there = [_method(name, card) for name, card in method_cards().items()]
    names = {entry.name for entry in there}
    return there + [
        Entry(name, title, state="announced") for name, title in ANNOUNCED_METHODS.items() if name not in names
    ]


def datasets(data_root: Path | None) -> list[Entry]:
    """Return all datasets, announced ones last."""
    there = [_dataset(name, data_root) for name in dataset_registry()]
    names = {entry.name for entry in there}
    return there + [
        Entry(name, title, state="announced") for name, title in ANNOUNCED_DATASETS.items() if name not in names
    ]


def detectors(data_root: Path | None) -> list[Entry]:
    """Return all detectors with the weights they need."""
    return [_detector(name, data_root) for name in detector_registry()]


def suites() -> list[Entry]:
    """Return the suites that come with the project; whether they can be run, `lqbench plan` tells."""
    return [Entry(name, load_suite(name).title, state="") for name in suite_names()]


def _method(name: str, card: MethodCard) -> Entry:
    """Return a method; one that brings its own model, or a network before one, is ready if its weights are there."""
    method = method_registry().get(name)
    if has_network(method):
        brings, complaint = "--sr-weights", bundle_complaint(method, Request((), ()), dataset_registry().get(FOG))
    else:
        brings, complaint = "--weights", _weight_complaint(method)
    if not complaint:
        return Entry(name, card.title)
    return Entry(name, card.title, brings=brings, state="missing", missing=(complaint,))


def _weight_complaint(method: type[Method]) -> str:
    try:
        settings = method.settings_type()
    except ValidationError:
        return ""  # settings without defaults are told when such a method is run
    own = (method.own_weights(settings, name) for name in dataset_registry())
    return method.weight_complaint(settings, next(filter(None, own), None))


def _dataset(name: str, data_root: Path | None) -> Entry:
    spec = dataset_registry().get(name)
    needed = dict.fromkeys(
        item.path for item in spec.requirements if item.split in ("", spec.default_split) and not item.optional
    )
    missing: list[str]
    try:
        missing = missing_requirements(spec, data_root, None)
    except UserError as error:
        missing = [str(error)]
    state = "missing" if missing else "ready"
    return Entry(name, spec.title, spec.default_detector, ", ".join(needed), state, tuple(missing))


def _detector(name: str, data_root: Path | None) -> Entry:
    if name in DESCRIBED_BY_CONFIG:
        return Entry(name, "any detector of mmdet 3.x", brings="--config and --weights")
    entry = WEIGHT_FILES.get(name)
    if entry is None:
        return Entry(name, "weights are bundled")
    try:
        find_weights(name, None, data_root)
    except UserError as error:
        return Entry(name, entry.note, brings=entry.file_names[0], state="missing", missing=(str(error),))
    return Entry(name, entry.note, brings=entry.file_names[0])
