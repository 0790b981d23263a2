"""The weights of restoration networks: which file a request means for a method on a dataset."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..datasets.errors import UserError
from ..datasets.locate import weight_dirs
from ..methods.enhance.header import read_header
from ..methods.enhance.learnt import RestoreByNetwork, RestorerFile
from ..methods.weights import sha256_of

if TYPE_CHECKING:
    from ..datasets.spec import DatasetSpec
    from .request import Request

BUNDLE = Path(__file__).resolve().parents[1] / "methods" / "enhance" / "weights"
"""Where bundled weights lie, as ``<network>-<dataset>.safetensors``; each knows the embedded scenes of one dataset."""


def restorer_complaint(method: type[RestoreByNetwork], request: Request, spec: DatasetSpec) -> str:
    """Return one sentence if no weights can be found for a method on a dataset; "" where a file is there."""
    try:
        _find(method, request, spec)
    except UserError as error:
        return str(error)
    return ""


def restorer_file(method: type[RestoreByNetwork], request: Request, spec: DatasetSpec) -> RestorerFile:
    """Return the weights of a method's network for a dataset.

    Raises:
        UserError: There are none, or they are of another network than the method's.
    """
    path = _find(method, request, spec)
    try:
        return _describe(path, method.network, path.stat().st_mtime_ns)
    except UserError as error:
        raise UserError(f"{method.card.name} on {spec.name}: {error}") from error


def _find(method: type[RestoreByNetwork], request: Request, spec: DatasetSpec) -> Path:
    """Return the file given, the bundled one of a dataset of scenes, or a published one among the folders of weights.

    Raises:
        UserError: There is none; says what to get or to train.
    """
    name = method.card.name
    if name in request.sr_weights:
        return request.sr_weights[name]
    if not method.network:
        raise UserError(
            f"the method {name!r} has no network of its own: give the file of one that keeps an image's size, such as "
            f'those that spandrel knows (pip install "lqbench[sr]"), with --sr-weights {name}=FILE.'
        )
    if spec.embedded:
        return _bundled(method, spec)
    paths = [folder / one.file for folder in weight_dirs(request.data_root) for one in method.published]
    found = next((path for path in paths if path.is_file()), None)
    if found is None:
        raise UserError(_how_to_get(method, request, spec))
    return found


def _bundled(method: type[RestoreByNetwork], spec: DatasetSpec) -> Path:
    """Return the bundled file of a dataset of scenes; choices and further degradations leave its first name."""
    path = BUNDLE / f"{method.network}-{spec.track}.safetensors"
    if path.is_file():
        return path
    known = ", ".join(sorted(file.stem.removeprefix(f"{method.network}-") for file in BUNDLE.glob("*.safetensors")))
    raise UserError(
        f"the method {method.card.name!r} has bundled weights for {known or 'no dataset'}, not for {spec.name}: "
        f"{_train(method, spec)}."
    )


def _how_to_get(method: type[RestoreByNetwork], request: Request, spec: DatasetSpec) -> str:
    place = " or ".join(map(str, weight_dirs(request.data_root))) or "a folder named weights in the working directory"
    first = method.published[0]
    return (
        f"the method {method.card.name!r} has no weights for photographs such as those of {spec.name} here: get "
        f"{first.file} from {first.source} and put it into {place}, or {_train(method, spec)}."
    )


def _train(method: type[RestoreByNetwork], spec: DatasetSpec) -> str:
    name = method.card.name
    pairs = spec.name if spec.embedded else "a dataset of degraded and clean images"
    return (
        f"train some with `lqbench train --method {name}` on {pairs}, and give the file with --sr-weights {name}=FILE"
    )


@lru_cache(maxsize=64)
def _describe(path: Path, network: str, modified: int) -> RestorerFile:
    """Return what a weight file holds; ``modified`` makes a changed file another one."""
    header = read_header(path) if path.is_file() else None
    found = header.network if header is not None else _look_inside(path, network)
    return RestorerFile(path=path, sha256=sha256_of(path), network=found)


def _look_inside(path: Path, network: str) -> str:
    """Return which network a published checkpoint holds, which its tensors alone tell."""
    from ..methods.enhance.checkpoints import load_restorer

    return load_restorer(path, network)[1]
