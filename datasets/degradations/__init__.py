"""Degradations: pure functions from a clean image, drawn parameters and a per-image seed to a degraded image.

Everything is computed on the CPU in float64 and rounded to 8 bits at the end, also on machines with a GPU: last-bit
differences between processors, thread counts and libraries then stay far below the rounding, so that a degraded image
has the same bytes everywhere. Importing this package costs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..registry import Registry
from .base import Degradation, DegradationSettings, parse_settings

__all__ = ["Degradation", "DegradationSettings", "degradation", "degradation_registry"]


def degradation_registry() -> Registry[type[Degradation[Any]]]:
    """Return the names of all degradations with their lazy targets."""
    registry: Registry[type[Degradation[Any]]] = Registry("degradation")
    registry.register("none", f"{__name__}.identity:IdentityDegradation")
    registry.register("aeris", f"{__name__}.aeris:AerisDegradation")
    registry.register("voc-lr", f"{__name__}.voc_lr:VocLrDegradation")
    return registry


def degradation(name: str, settings: Mapping[str, Any]) -> Degradation[Any]:
    """Make a degradation by name.

    Args:
        name: "none", "aeris" (blur, down-sampling, noise) or "voc-lr" (300x300, then a quarter or an eighth of it).
        settings: Values that replace the documented defaults of the degradation's settings class.

    Raises:
        UserError: The name is unknown, or a setting is unknown or out of its range.
    """
    degradation_type = degradation_registry().get(name)
    return degradation_type(parse_settings(name, degradation_type.settings_type, settings))
