"""Degradations: pure functions from a clean image, drawn parameters and a per-image seed to a degraded image.

Everything that makes a test set is computed on the CPU, also on machines with a GPU, and rounded to 8 bits by the rules
of ``rounding``, so that a degraded image has the same bytes everywhere. ``functional`` holds the same operations for
training: batched, in single precision, on any device. Importing this package costs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..registry import Registry
from .base import Degradation, DegradationSettings, parse_settings

__all__ = ["Degradation", "DegradationSettings", "degradation", "degradation_registry", "parse_degradation"]


def degradation_registry() -> Registry[type[Degradation[Any]]]:
    """Return the names of all degradations with their lazy targets."""
    registry: Registry[type[Degradation[Any]]] = Registry("degradation")
    registry.register("none", f"{__name__}.identity:IdentityDegradation")
    registry.register("aeris", f"{__name__}.aeris:AerisDegradation")
    registry.register("voc-lr", f"{__name__}.voc_lr:VocLrDegradation")
    registry.register("fog", f"{__name__}.weather.fog:FogDegradation")
    registry.register("rain", f"{__name__}.weather.rain:RainDegradation")
    registry.register("underwater", f"{__name__}.weather.underwater:UnderwaterDegradation")
    registry.register("corruption", f"{__name__}.corruptions.recipe:CorruptionDegradation")
    for name in ("blur-iso", "blur-aniso", "noise", "resolution", "jpeg", "poisson", "low-light"):
        registry.register(name, f"{__name__}.recipes:{name.title().replace('-', '')}Degradation")
    registry.register("pipeline", f"{__name__}.pipeline:PipelineDegradation")
    return registry


def degradation(name: str, settings: Mapping[str, Any]) -> Degradation[Any]:
    """Make a degradation by name.

    Args:
        name: "none", "aeris" (blur, down-sampling, noise), "voc-lr" (300x300, then a 4th or 8th of it), "fog",
            "rain", "underwater" (by true distances) or "corruption" (one of 19 kinds in 5 severities).
        settings: Values that replace the documented defaults of the degradation's settings class.

    Raises:
        UserError: The name is unknown, or a setting is unknown or out of its range.
    """
    degradation_type = degradation_registry().get(name)
    return degradation_type(parse_settings(name, degradation_type.settings_type, settings))


def parse_degradation(text: str) -> Degradation[Any]:
    """Make a chain of steps from text such as ``blur(iso, var=2.4)|down(4)|noise(25)``, see ``language``.

    Raises:
        UserError: The text cannot be read; the step and the reason are named.
    """
    from .language import parse_degradation as parse

    return parse(text)
