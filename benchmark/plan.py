"""Which cells a request asks for, and everything that is missing before they can be computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..datasets.catalog import dataset_spec
from ..datasets.errors import UserError
from ..methods.base import Method, MethodSettings
from ..methods.catalog import method_registry
from ..methods.detectors.base import DetectorConfig
from ..methods.detectors.catalog import detector_registry
from ..results.cell import Cell
from .choices import detectors_of, own_weights, settings_of
from .detector_files import detector_config, detector_weights
from .missing import complaints_of, embedded_hint
from .network_files import has_network, with_network
from .once import Once
from .request import Request

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset


@dataclass(frozen=True)
class Job:
    """One cell with the opened dataset it needs.

    Attributes:
        cell: The cell.
        dataset: Its dataset.
        label: What tells the cell from others of the same plan with the same names; empty where nothing has to.
    """

    cell: Cell
    dataset: Dataset
    label: str = ""

    @property
    def title(self) -> str:
        """Return a short name for messages, such as "bicubic/mini on scenes-d"; unique within a plan."""
        method = "/".join(part for part in (self.cell.method, self.cell.detector) if part)
        label = f" ({self.label})" if self.label else ""
        return f"{method} on {self.cell.dataset}{label}"


@dataclass(frozen=True)
class Group:
    """Cells that share one constructed method."""

    method: type[Method]
    settings: MethodSettings
    weights: Path | None
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Blocked:
    """A method on a dataset that cannot be computed here.

    Attributes:
        method: Its name.
        dataset: Its name.
        reasons: One sentence for each thing that is missing.
    """

    method: str
    dataset: str
    reasons: tuple[str, ...]

    @property
    def title(self) -> str:
        """Return a short name for messages, as ``Job.title``."""
        return f"{self.method} on {self.dataset}"


@dataclass(frozen=True)
class Plan:
    """Cells to compute, and those that cannot be."""

    groups: tuple[Group, ...]
    blocked: tuple[Blocked, ...] = ()


def make_plan(
    request: Request,
    *,
    processes: int = 1,
    on_render: Callable[[str, int, int], None] | None = None,
    once: Once | None = None,
) -> tuple[Group, ...]:
    """Return the cells of a request, grouped so that each method is constructed once for all its datasets.

    Args:
        request: What the user asked for.
        processes: Processes that render embedded scenes which are not in their cache yet.
        on_render: Told (dataset, done, total) while scenes are rendered.
        once: What other requests of the same plan have opened and hashed; with it the two before do not count.

    Raises:
        UserError: Something is unknown, not there yet, missing or wrong; all of it is told, one sentence a line.
    """
    once = once or Once(processes, on_render)
    complaints = list(complaints_of(request))
    if complaints:
        raise UserError("\n".join(dict.fromkeys([*complaints, *embedded_hint(request, complaints)])))
    datasets = {name: once.dataset(name, request) for name in request.datasets}
    _refuse_blind_oracles(request, datasets)
    return _all_groups(request, datasets, once)


def make_lenient_plan(request: Request, once: Once) -> Plan:
    """Return the cells of a request that can be computed here, and those that cannot, with what they lack.

    Args:
        request: What the user asked for.
        once: As for ``make_plan``.

    Raises:
        UserError: A name is unknown.
    """
    complaints = list(complaints_of(request))
    unknown = [sentence for sentence in complaints if sentence.startswith("unknown ")]
    if unknown:
        raise UserError("\n".join(dict.fromkeys(unknown)))
    blocked = _blocked_pairs(request) if complaints else {}
    datasets: dict[str, Dataset] = {}
    for name in request.datasets:
        asking = [method for method in request.methods if (method, name) not in blocked]
        try:
            datasets |= {name: once.dataset(name, request)} if asking else {}
        except UserError as error:
            blocked |= {(method, name): (str(error),) for method in asking}
    for method, name in [pair for pair in _pairs(request) if pair not in blocked]:
        complaint = _pair_complaint(request, method_registry().get(method), datasets[name])
        blocked |= {(method, name): (complaint,)} if complaint else {}
    left = replace(request, leave_out=request.leave_out | blocked.keys())
    return Plan(_all_groups(left, datasets, once), tuple(Blocked(*pair, reasons) for pair, reasons in blocked.items()))


def _blocked_pairs(request: Request) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the pairs of method and dataset that lack something, with one sentence for each thing."""
    found = {
        (method, name): tuple(dict.fromkeys(complaints_of(replace(request, methods=(method,), datasets=(name,)))))
        for method, name in _pairs(request)
    }
    return {pair: reasons for pair, reasons in found.items() if reasons}


def _pairs(request: Request) -> list[tuple[str, str]]:
    """Return the pairs of method and dataset that a request asks for."""
    return [(method, name) for method in request.methods for name in request.datasets if request.wants(method, name)]


def _pair_complaint(request: Request, method: type[Method], dataset: Dataset) -> str:
    """Return what only an opened dataset tells a method to lack: clean images, or weights for its scale."""
    if method.card.needs_clean and not dataset.has_clean:
        return dataset.why_no_clean
    if not has_network(method):
        return ""
    try:
        with_network(settings_of(method, ""), method, request, dataset)
    except UserError as error:
        return str(error)
    return ""


def _all_groups(request: Request, datasets: dict[str, Dataset], once: Once) -> tuple[Group, ...]:
    choices = dict.fromkeys(
        (method, detector)
        for method in request.methods
        for name in datasets
        if request.wants(method, name)
        for detector in detectors_of(request, method, dataset_spec(name))
    )
    return tuple(group for method, detector in choices for group in _groups(request, datasets, method, detector, once))


def _refuse_blind_oracles(request: Request, datasets: dict[str, Dataset]) -> None:
    """Tell every method that needs clean images on a dataset without any, before anything is computed."""
    oracles = [name for name in request.methods if method_registry().get(name).card.needs_clean]
    blind = [dataset.why_no_clean for dataset in datasets.values() if not dataset.has_clean]
    if oracles and blind:
        refused = ", ".join(oracles)
        raise UserError("\n".join(f"{why} Leave out --method {refused} there." for why in blind))


def _groups(request: Request, datasets: dict[str, Dataset], name: str, detector: str, once: Once) -> Iterator[Group]:
    """Yield the cells of one method with one detector on all datasets that want this detector.

    They are one group but for methods whose network or weights differ from dataset to dataset.
    """
    method = method_registry().get(name)
    config = detector_config(detector, request)
    found = detector_weights(detector, config, request) if detector else None
    kind = detector_registry().target(detector) if detector else None
    wanted = [
        dataset
        for own, dataset in datasets.items()
        if request.wants(name, own) and detector in detectors_of(request, name, dataset.spec)
    ]
    for settings, chosen in _by_settings(request, method, detector, config, wanted):
        source = once.method_source(method, kind, method.parts(settings))
        files = [found if detector else own_weights(method, settings, request, one.spec) for one in chosen]
        for weights in dict.fromkeys(files):
            sha256 = once.weights_hash(weights) if weights else ""
            sharing = [one for one, file in zip(chosen, files, strict=True) if file == weights]
            jobs = [Job(_cell(request, settings, method.card.name, source, sha256, one), one) for one in sharing]
            yield Group(method, settings, weights, tuple(jobs))


def _by_settings(
    request: Request, method: type[Method], detector: str, config: DetectorConfig | None, datasets: Sequence[Dataset]
) -> list[tuple[MethodSettings, list[Dataset]]]:
    """Return the settings of a method, each with the datasets that it has them on."""
    found: list[tuple[MethodSettings, list[Dataset]]] = []
    for dataset in datasets:
        settings = with_network(settings_of(method, detector, config), method, request, dataset)
        same = next((chosen for known, chosen in found if known == settings), None)
        if same is None:
            found.append((settings, [dataset]))
        else:
            same.append(dataset)
    return found


def _cell(
    request: Request, settings: MethodSettings, method: str, source: str, weights_sha256: str, dataset: Dataset
) -> Cell:
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
        precision=request.precision,
    )
