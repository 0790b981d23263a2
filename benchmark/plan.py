"""Which cells a request asks for, and everything that is missing before they can be computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ..datasets.catalog import dataset_spec
from ..datasets.errors import UserError
from ..datasets.requirements import missing_requirements
from ..methods.base import Method, MethodSettings
from ..methods.catalog import ANNOUNCED_METHODS, method_registry
from ..methods.detecting import DetectingMethod
from ..methods.detectors.base import DetectorConfig
from ..methods.detectors.catalog import detector_registry
from ..methods.enhance.method import EnhanceThenDetect
from ..methods.source_hash import method_source
from ..methods.weights import sha256_of
from ..results.cell import Cell
from .detector_files import detector_config, detector_weights, file_complaints, idle_config_complaint
from .known_classes import class_complaint
from .network_files import bundle_complaint, has_network, network_complaint, with_network

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..datasets.spec import DatasetSpec

EMBEDDED_METHODS = "hr,lr,bicubic"
EMBEDDED_DATASET = "scenes-d"


@dataclass(frozen=True)
class Request:
    """What a user asked for.

    Attributes:
        methods: Method names.
        datasets: Dataset names.
        detectors: Detector names; empty for each dataset's default.
        weights: The detector's checkpoint; None to look for it.
        data_root: Where data lies; None for the environment or the user configuration.
        split: None for each dataset's default.
        limit: Number of images; None for all.
        invalid_boxes: "error" or "drop".
        degrade: A further degradation on top of each dataset's own, in the mini language; empty for none.
        config: Path or name of the file that describes a detector of mmdet; None where there is none.
        sr_weights: Weights of the super-resolution and restoration networks, by method.
    """

    methods: tuple[str, ...]
    datasets: tuple[str, ...]
    detectors: tuple[str, ...] = ()
    weights: Path | None = None
    data_root: Path | None = None
    split: str | None = None
    limit: int | None = None
    invalid_boxes: str = "error"
    degrade: str = ""
    config: str | None = None
    sr_weights: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One cell with the opened dataset it needs."""

    cell: Cell
    dataset: Dataset

    @property
    def title(self) -> str:
        """Return a short name for messages, such as "bicubic/mini on scenes-d"."""
        method = "/".join(part for part in (self.cell.method, self.cell.detector) if part)
        return f"{method} on {self.cell.dataset}"


@dataclass(frozen=True)
class Group:
    """Cells that share one constructed method."""

    method: type[Method]
    settings: MethodSettings
    weights: Path | None
    jobs: tuple[Job, ...]


def make_plan(
    request: Request, *, processes: int = 1, on_render: Callable[[str, int, int], None] | None = None
) -> tuple[Group, ...]:
    """Return the cells of a request, grouped so that each method is constructed once for all its datasets.

    Args:
        request: What the user asked for.
        processes: Processes that render embedded scenes which are not in their cache yet.
        on_render: Told (dataset, done, total) while scenes are rendered.

    Raises:
        UserError: Something is unknown, not there yet, missing or wrong; all of it is told, one sentence a line.
    """
    complaints = list(_complaints(request))
    if complaints:
        raise UserError("\n".join(dict.fromkeys([*complaints, *_embedded_hint(request, complaints)])))
    datasets = {name: _open(name, request, processes, on_render) for name in request.datasets}
    _refuse_blind_oracles(request, datasets)
    choices = dict.fromkeys(
        (method, detector)
        for method in request.methods
        for name in request.datasets
        for detector in _detectors(request, method, dataset_spec(name))
    )
    return tuple(group for method, detector in choices for group in _groups(request, datasets, method, detector))


def _refuse_blind_oracles(request: Request, datasets: dict[str, Dataset]) -> None:
    """Tell every method that needs clean images on a dataset without any, before anything is computed."""
    oracles = [name for name in request.methods if method_registry().get(name).card.needs_clean]
    blind = [dataset.why_no_clean for dataset in datasets.values() if not dataset.has_clean]
    if oracles and blind:
        refused = ", ".join(oracles)
        raise UserError("\n".join(f"{why} Leave out --method {refused} there." for why in blind))


def embedded_command(request: Request) -> str:
    """Return the command that shows the same kind of comparison with nothing to bring."""
    twins = [spec.embedded_twin for spec in _known_specs(request) if spec.embedded_twin]
    dataset = twins[0] if twins else EMBEDDED_DATASET
    own = [name for name in request.methods if not _method_complaint(name) and _knows_scenes(name, dataset)]
    methods = ",".join([*own, EMBEDDED_METHODS])
    return f"lqbench run --method {methods} --dataset {dataset}"


def _knows_scenes(name: str, dataset: str) -> bool:
    """Tell whether a method brings something of its own, and what it takes for a dataset of embedded scenes."""
    method = method_registry().get(name)
    if has_network(method):
        return not bundle_complaint(method, Request((), ()), dataset_spec(dataset))
    if issubclass(method, EnhanceThenDetect):
        return True
    settings = _settings(method, "", None)
    if method.own_weights(settings, dataset) is not None:
        return True
    return bool(method.scenes_weights) and not method.weight_complaint(settings, None)


def _complaints(request: Request) -> Iterator[str]:
    """Yield one sentence for everything unknown, announced or missing."""
    for method in request.methods:
        yield from _method_complaint(method)
    for dataset in request.datasets:
        yield from _dataset_complaint(dataset) or _data_complaints(dataset, request)
    unknown = [sentence for name in request.detectors for sentence in _detector_complaint(name)]
    yield from unknown or [*_class_complaints(request), *_weight_complaints(request)]
    yield from _own_weight_complaints(request)
    yield from _network_complaints(request)


def _method_complaint(name: str) -> list[str]:
    """Return a sentence if a method is unknown, announced, or a plug-in that cannot be imported."""
    if name in ANNOUNCED_METHODS and name not in method_registry():
        return [
            f"the method {name!r} ({ANNOUNCED_METHODS[name]}) is announced but not there yet; "
            f"methods that run now are {', '.join(method_registry())}."
        ]
    try:
        method_registry().get(name)
    except UserError as error:
        return [str(error)]
    return []


def _dataset_complaint(name: str) -> list[str]:
    """Return a sentence if a dataset is unknown or announced."""
    try:
        dataset_spec(name)
    except UserError as error:
        return [str(error)]
    return []


def _detector_complaint(name: str) -> list[str]:
    """Return a sentence if a detector is unknown."""
    try:
        detector_registry().target(name)
    except UserError as error:
        return [str(error)]
    return []


def _data_complaints(name: str, request: Request) -> list[str]:
    """Return a sentence for each file or folder of a known dataset that is missing."""
    try:
        return missing_requirements(dataset_spec(name), request.data_root, request.split)
    except UserError as error:
        return [str(error)]


def _weight_complaints(request: Request) -> list[str]:
    """Return a sentence for each detector whose weights are missing, as far as methods and datasets are known."""
    specs = _known_specs(request)
    methods = [name for name in request.methods if not _method_complaint(name)]
    every = [detector for name in methods for spec in specs for detector in _detectors(request, name, spec)]
    detectors = [detector for detector in dict.fromkeys(every) if detector]
    if request.weights is not None and len(detectors) > 1:
        return [
            f"--weights names one checkpoint, but this run has the detectors {', '.join(detectors)}; "
            f"choose one with --detector."
        ]
    return [
        *_own_detector_complaints(request, methods),
        *idle_config_complaint(detectors, request),
        *(sentence for detector in detectors for sentence in file_complaints(detector, request)),
    ]


def _own_detector_complaints(request: Request, methods: list[str]) -> Iterator[str]:
    """Yield a sentence for each method made for one detector, where others are asked for in its place."""
    for name in methods:
        method = method_registry().get(name)
        own = method.own_detector if issubclass(method, DetectingMethod) else ""
        if own and request.detectors and own not in request.detectors:
            yield (
                f"the method {name!r} always has the detector {own!r}; "
                f"leave --detector {','.join(request.detectors)} out, or name {own} there."
            )


def _own_weight_complaints(request: Request) -> Iterator[str]:
    """Yield a sentence for each method that brings its own model and would refuse the weights."""
    for name in request.methods:
        if _method_complaint(name):
            continue
        method = method_registry().get(name)
        if not issubclass(method, DetectingMethod):
            settings = _settings(method, "", None)
            files = [_own_weights(method, settings, request, spec) for spec in _known_specs(request)]
            chosen = dict.fromkeys(files or [request.weights])
            yield from filter(None, (method.weight_complaint(settings, weights) for weights in chosen))
            yield from _scenes_alone(method, request)


def _known_specs(request: Request) -> list[DatasetSpec]:
    return [dataset_spec(name) for name in request.datasets if not _dataset_complaint(name)]


def _own_weights(method: type[Method], settings: MethodSettings, request: Request, spec: DatasetSpec) -> Path | None:
    """Return the weights of a method's own model for a dataset: those given, else those that come with the project."""
    return request.weights or method.own_weights(settings, spec.track)


def _network_complaints(request: Request) -> Iterator[str]:
    """Yield a sentence for each network before a detector without weights for one of the datasets."""
    specs = _known_specs(request)
    for name in request.methods:
        method = None if _method_complaint(name) else method_registry().get(name)
        if method is not None and has_network(method):
            yield from filter(None, (network_complaint(method, request, spec) for spec in specs))


def _scenes_alone(method: type[Method], request: Request) -> Iterator[str]:
    """Yield a sentence if bundled weights of the embedded scenes would judge photographs."""
    if request.weights is not None or not method.scenes_weights:
        return
    for name in request.datasets:
        if not _dataset_complaint(name) and not dataset_spec(name).embedded:
            yield (
                f"the bundled weights of {method.card.name!r} know the embedded scenes alone, not {name}: "
                f"{method.scenes_weights}."
            )


def _class_complaints(request: Request) -> Iterator[str]:
    """Yield a sentence for each detector that knows none of the classes of a dataset it is to run on."""
    specs = _known_specs(request)
    methods = [name for name in request.methods if not _method_complaint(name)]
    for spec in specs:
        for detector in dict.fromkeys(detector for name in methods for detector in _detectors(request, name, spec)):
            sentence = class_complaint(detector, spec, request.weights) if detector else ""
            if sentence:
                yield sentence


def _embedded_hint(request: Request, complaints: list[str]) -> list[str]:
    """Return a last line with a command that runs at once, unless the user only mistyped a name."""
    if all(complaint.startswith("unknown ") for complaint in complaints):
        return []
    return [f"nothing has to be brought for the same comparison on embedded scenes: {embedded_command(request)}"]


def _open(name: str, request: Request, processes: int, on_render: Callable[[str, int, int], None] | None) -> Dataset:
    from ..datasets.dataset import open_dataset

    def on_progress(done: int, total: int) -> None:
        if on_render is not None:
            on_render(name, done, total)

    return open_dataset(
        name,
        data_root=request.data_root,
        split=request.split,
        limit=request.limit,
        invalid_boxes=request.invalid_boxes,
        degrade=request.degrade,
        workers=processes,
        on_progress=on_progress,
    )


def _detectors(request: Request, method: str, spec: DatasetSpec) -> tuple[str, ...]:
    """Return the detectors to put behind a method on a dataset; ("",) for a method that brings its own."""
    found = method_registry().get(method)
    if not issubclass(found, DetectingMethod):
        return ("",)
    return (found.own_detector,) if found.own_detector else request.detectors or (spec.default_detector,)


def _groups(request: Request, datasets: dict[str, Dataset], name: str, detector: str) -> Iterator[Group]:
    """Yield the cells of one method with one detector on all datasets that want this detector.

    They are one group but for methods whose network or weights differ from dataset to dataset.
    """
    method = method_registry().get(name)
    config = detector_config(detector, request)
    found = detector_weights(detector, config, request) if detector else None
    kind = detector_registry().get(detector) if detector else None
    hashed = cache(sha256_of)  # several groups may share one file
    wanted = [dataset for dataset in datasets.values() if detector in _detectors(request, name, dataset.spec)]
    for settings, chosen in _by_settings(request, method, detector, config, wanted):
        source = method_source(method, kind, method.parts(settings))
        files = [found if detector else _own_weights(method, settings, request, one.spec) for one in chosen]
        for weights in dict.fromkeys(files):
            sha256 = hashed(weights) if weights else ""
            sharing = [one for one, file in zip(chosen, files, strict=True) if file == weights]
            jobs = [Job(_cell(settings, method.card.name, source, sha256, one), one) for one in sharing]
            yield Group(method, settings, weights, tuple(jobs))


def _by_settings(
    request: Request, method: type[Method], detector: str, config: DetectorConfig | None, datasets: Sequence[Dataset]
) -> list[tuple[MethodSettings, list[Dataset]]]:
    """Return the settings of a method, each with the datasets that it has them on."""
    found: list[tuple[MethodSettings, list[Dataset]]] = []
    for dataset in datasets:
        settings = with_network(_settings(method, detector, config), method, request, dataset)
        same = next((chosen for known, chosen in found if known == settings), None)
        if same is None:
            found.append((settings, [dataset]))
        else:
            same.append(dataset)
    return found


def _settings(method: type[Method], detector: str, config: DetectorConfig | None = None) -> MethodSettings:
    """Return a method's default settings with the detector and what describes it put in.

    Raises:
        UserError: The settings have a field without a default.
    """
    given = {"detector": detector, "detector_config": config} if detector else {}
    try:
        return method.settings_type.model_validate(given)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise UserError(
            f"the method {method.card.name!r} cannot be run with default settings (field {field}: "
            f"{error.errors()[0]['msg']}); give the field a default in {method.settings_type.__name__}."
        ) from error


def _cell(settings: MethodSettings, method: str, source: str, weights_sha256: str, dataset: Dataset) -> Cell:
    return Cell(
        method=method,
        method_settings=settings.model_dump(mode="json"),
        method_source=source,
        weights_sha256=weights_sha256,
        dataset=dataset.spec.name,
        dataset_version=dataset.spec.version,
        split=dataset.split,
        limit=dataset.limit,
        dataset_fingerprint=dataset.fingerprint,
    )
