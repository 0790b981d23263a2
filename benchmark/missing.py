"""Everything that is missing or wrong before the cells of a request can be computed, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..datasets.catalog import dataset_spec
from ..datasets.errors import UserError
from ..datasets.requirements import missing_requirements
from ..methods.base import Method
from ..methods.catalog import ANNOUNCED_METHODS, method_registry
from ..methods.detecting import DetectingMethod
from ..methods.detectors.catalog import detector_registry
from ..methods.enhance.method import EnhanceThenDetect
from .choices import detectors_of, own_weights, settings_of
from .detector_files import file_complaints, idle_config_complaint
from .known_classes import class_complaint
from .network_files import bundle_complaint, has_network, network_complaint
from .request import Request

if TYPE_CHECKING:
    from ..datasets.spec import DatasetSpec

EMBEDDED_METHODS = "hr,lr,bicubic"
EMBEDDED_DATASET = "scenes-d"


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
    settings = settings_of(method, "", None)
    if method.own_weights(settings, dataset) is not None:
        return True
    return bool(method.scenes_weights) and not method.weight_complaint(settings, None)


def complaints_of(request: Request) -> Iterator[str]:
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
    every = [detector for name in methods for spec in specs for detector in detectors_of(request, name, spec)]
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
            settings = settings_of(method, "", None)
            files = [own_weights(method, settings, request, spec) for spec in _known_specs(request)]
            chosen = dict.fromkeys(files or [request.weights])
            yield from filter(None, (method.weight_complaint(settings, weights) for weights in chosen))
            yield from _scenes_alone(method, request)


def _known_specs(request: Request) -> list[DatasetSpec]:
    return [dataset_spec(name) for name in request.datasets if not _dataset_complaint(name)]


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
        for detector in dict.fromkeys(detector for name in methods for detector in detectors_of(request, name, spec)):
            sentence = class_complaint(detector, spec, request.weights) if detector else ""
            if sentence:
                yield sentence


def embedded_hint(request: Request, complaints: list[str]) -> list[str]:
    """Return a last line with a command that runs at once, unless the user only mistyped a name."""
    if all(complaint.startswith("unknown ") for complaint in complaints):
        return []
    return [f"nothing has to be brought for the same comparison on embedded scenes: {embedded_command(request)}"]
