"""What a method has behind it: detectors, settings and the weights of its own model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ..datasets.errors import UserError
from ..methods.base import Method, MethodSettings
from ..methods.catalog import method_registry
from ..methods.detecting import DetectingMethod
from ..methods.detectors.base import DetectorConfig
from .request import Request

if TYPE_CHECKING:
    from ..datasets.spec import DatasetSpec


def detectors_of(request: Request, method: str, spec: DatasetSpec) -> tuple[str, ...]:
    """Return the detectors to put behind a method on a dataset; ("",) for a method that brings its own."""
    found = method_registry().get(method)
    if not issubclass(found, DetectingMethod):
        return ("",)
    return (found.own_detector,) if found.own_detector else request.detectors or (spec.default_detector,)


def settings_of(method: type[Method], detector: str, config: DetectorConfig | None = None) -> MethodSettings:
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


def own_weights(method: type[Method], settings: MethodSettings, request: Request, spec: DatasetSpec) -> Path | None:
    """Return the weights of a method's own model for a dataset: those given, else those that come with the project."""
    return request.weights or method.own_weights(settings, spec.track)
