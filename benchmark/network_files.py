"""The weights of networks that stand before a detector, whatever the network does: enlarge an image, or restore it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..methods.enhance.learnt import RestoreByNetwork
from ..methods.sr_then_detect.method import SrThenDetect
from .restorer_files import restorer_complaint, restorer_file
from .sr_files import ANY_SCALE, spec_scale, sr_complaint, sr_weights

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..datasets.spec import DatasetSpec
    from ..methods.base import Method, MethodSettings
    from .request import Request


def has_network(method: type[Method]) -> bool:
    """Tell whether a method puts a network before its detector, whose weights ``--sr-weights`` gives."""
    return issubclass(method, SrThenDetect | RestoreByNetwork)


def network_complaint(method: type[Method], request: Request, spec: DatasetSpec) -> str:
    """Return one sentence if no weights can be found for a method's network on a dataset; "" where they are there.

    Nothing is said where the dataset's specification alone does not tell by which factor to enlarge.
    """
    if issubclass(method, RestoreByNetwork):
        return restorer_complaint(method, request, spec)
    scale = None if request.degrade else spec_scale(spec)
    if scale is None or not issubclass(method, SrThenDetect):
        return ""
    return sr_complaint(method, request, scale, embedded=spec.embedded)


def bundle_complaint(method: type[Method], request: Request, spec: DatasetSpec) -> str:
    """Return one sentence if a method's network has no weights for embedded scenes; "" where they are there.

    Args:
        method: The method.
        request: An empty one, so that nothing but bundled and found weights counts.
        spec: The scenes for which a restoration network is looked for; one that enlarges knows all of them.
    """
    if issubclass(method, RestoreByNetwork):
        return restorer_complaint(method, request, spec)
    return sr_complaint(method, request, ANY_SCALE, embedded=True) if issubclass(method, SrThenDetect) else ""


def with_network(settings: MethodSettings, method: type[Method], request: Request, dataset: Dataset) -> MethodSettings:
    """Return a method's settings with the weights of its network put in; unchanged where it has none.

    Raises:
        UserError: There are no weights, or they are of another network.
    """
    if issubclass(method, SrThenDetect):
        return settings.model_copy(update={"sr": sr_weights(method, request, dataset)})
    if issubclass(method, RestoreByNetwork):
        return settings.model_copy(update={"restorer": restorer_file(method, request, dataset.spec)})
    return settings
