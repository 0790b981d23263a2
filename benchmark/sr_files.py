"""The weights of super-resolution networks: which file a request means for a method on a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..datasets.errors import UserError
from ..datasets.locate import weight_dirs
from ..methods.enhance.learnt import RestoreByNetwork
from ..methods.sr.catalog import NETWORKS
from ..methods.sr.header import SrHeader, check_asked, read_header
from ..methods.sr.published import PublishedWeights
from ..methods.sr_then_detect.method import SrThenDetect, SrWeights
from ..methods.weights import sha256_of

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..datasets.spec import DatasetSpec
    from .request import Request

BUNDLE = Path(__file__).resolve().parents[1] / "methods" / "sr_then_detect" / "weights"
"""Where bundled weights lie, as ``<method>-x<scale>.safetensors``; all know the embedded scenes alone."""
ANY_SCALE = 4
"""Enlargement on datasets without a single scale: the largest that occurs on coco-d and scenes-d."""
_ROUNDED = 0.05
"""How far an image's scale may be from the inverse of a whole number, relatively, since sizes were rounded."""


def parse_sr_weights(texts: Sequence[str], methods: Sequence[str]) -> dict[str, Path]:
    """Read the values of ``--sr-weights``: ``METHOD=FILE``, or a file alone for the only method that takes one.

    Args:
        texts: The values.
        methods: The methods of the run.

    Raises:
        UserError: A method is named that is not of the run or takes no such file, a file is not there, or a file alone
            is given and several methods could take it.
    """
    takers = [name for name in methods if _takes(name)]
    found: dict[str, Path] = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not equals or name not in methods:
            if len(takers) != 1 or (equals and not Path(text).is_file()):
                wanted = f"one of {', '.join(takers)}" if takers else "none: no method of this run takes such a file"
                raise UserError(f"--sr-weights {text}: give METHOD=FILE, METHOD being {wanted}.")
            name, file = takers[0], text
        if name not in takers:
            raise UserError(
                f"--sr-weights {text}: the method {name!r} has no super-resolution network and no other before its "
                f"detector; leave it away."
            )
        if not Path(file).is_file():
            raise UserError(f"--sr-weights {text}: the file {file} does not exist; check the path.")
        found[name] = Path(file)
    return found


def sr_complaint(method: type[SrThenDetect], request: Request, scale: int, *, embedded: bool) -> str:
    """Return one sentence if no weights can be found for a method; "" where a file is there.

    Args:
        method: The method.
        request: What the user asked for.
        scale: Enlargement that a dataset asks for.
        embedded: Whether the dataset is one of embedded scenes, which bundled weights know.
    """
    try:
        _find(method, request, scale, embedded=embedded)
    except UserError as error:
        return str(error)
    return ""


def sr_weights(method: type[SrThenDetect], request: Request, dataset: Dataset) -> SrWeights:
    """Return the weights of a method's network for a dataset.

    Raises:
        UserError: There are none, or they are of another network, or enlarge by another factor than is asked for.
    """
    wanted = dataset_scale(dataset)
    path = _find(method, request, wanted or ANY_SCALE, embedded=dataset.spec.embedded)
    try:
        return _describe(path, method.network, wanted, path.stat().st_mtime_ns)
    except UserError as error:
        raise UserError(f"{method.card.name} on {dataset.spec.name}: {error}") from error


def spec_scale(spec: DatasetSpec) -> int | None:
    """Return the factor by which a dataset's images are reduced, as far as its specification alone tells."""
    factor = spec.settings.get("factor") if spec.degradation == "voc-lr" and not spec.recipe else None
    return factor if isinstance(factor, int) else None


def dataset_scale(dataset: Dataset) -> int | None:
    """Return the whole factor by which all images of a dataset are reduced, rounding aside; None without one."""
    factors = {round(1 / side) for record in dataset.records for side in record.scale}
    if len(factors) != 1:
        return None
    factor = factors.pop()
    near = all(abs(side * factor - 1) < _ROUNDED for record in dataset.records for side in record.scale)
    return factor if near and factor > 1 else None


def _takes(name: str) -> bool:
    from ..methods.catalog import method_registry

    return name in method_registry() and issubclass(method_registry().get(name), (SrThenDetect, RestoreByNetwork))


def _find(method: type[SrThenDetect], request: Request, scale: int, *, embedded: bool) -> Path:
    """Return the file given, the bundled one on scenes, or a published one that lies among the folders of weights.

    Raises:
        UserError: There is none; says what to get and where to put it.
    """
    name = method.card.name
    if name in request.sr_weights:
        return request.sr_weights[name]
    bundled = BUNDLE / f"{name}-x{scale}.safetensors"
    if embedded and bundled.is_file():
        return bundled
    folders = weight_dirs(request.data_root)
    published = [one for one in _published(method) if one.file and one.scale in (0, scale)]
    paths = [folder / one.file for folder in folders for one in published]
    found = next((path for path in paths if path.is_file()), None)
    if found is None:
        raise UserError(_how_to_get(method, scale, published, folders))
    return found


def _published(method: type[SrThenDetect]) -> tuple[PublishedWeights, ...]:
    entry = NETWORKS.get(method.network)
    return entry.weight_files if entry else ()


def _how_to_get(
    method: type[SrThenDetect], scale: int, published: Sequence[PublishedWeights], folders: Sequence[Path]
) -> str:
    name = method.card.name
    train = f"train some with `lqbench train --method {name}`, and give the file with --sr-weights {name}=FILE"
    if not published:
        return f"the method {name!r} has no weights for x{scale} here: {train}."
    place = " or ".join(str(folder) for folder in folders) or "a folder named weights in the working directory"
    first = published[0]
    return (
        f"the method {name!r} has no weights for x{scale} here: get {first.file} from {first.source} and put it into "
        f"{place}, or {train}."
    )


@lru_cache(maxsize=64)
def _describe(path: Path, network: str, scale: int | None, modified: int) -> SrWeights:
    """Return what a weight file holds; ``modified`` makes a changed file another one."""
    header = read_header(path) if path.is_file() else None
    if header is None:
        header = _look_inside(path, network, scale)
    else:
        check_asked(path, header, network, scale)
        header = header.model_copy(update={"network": network or header.network})
    return SrWeights(
        path=path, sha256=sha256_of(path), network=header.network, scale=header.scale, options=header.options
    )


def _look_inside(path: Path, network: str, scale: int | None) -> SrHeader:
    """Return what a published checkpoint holds, which its tensors alone tell."""
    from ..methods.sr.checkpoints import load_sr

    try:
        return load_sr(path, network, scale)[1]
    except UserError:
        if scale is not None:
            raise
        return load_sr(path, network, ANY_SCALE)[1]  # weights for several scales do not say which
