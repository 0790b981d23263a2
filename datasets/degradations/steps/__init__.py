"""The steps that recipes and ``--degrade`` are made of: blur, down-sampling, noise, JPEG, darkness.

A step is a small pydantic model: its fields are the arguments of the mini language. Importing this package costs no
torch; a step's module is imported when its name is used.
"""

from __future__ import annotations

from ...registry import Registry
from .base import Step

STEPS = {
    "blur": f"{__name__}.blur:BlurStep",
    "down": f"{__name__}.down:DownStep",
    "noise": f"{__name__}.noise:NoiseStep",
    "poisson": f"{__name__}.noise:PoissonStep",
    "jpeg": f"{__name__}.jpeg:JpegStep",
    "dark": f"{__name__}.dark:DarkStep",
}
"""Where steps are found by name; a further step is one more entry."""


def step_registry() -> Registry[type[Step]]:
    """Return the steps by name, lazily imported."""
    registry: Registry[type[Step]] = Registry("step")
    for name, target in STEPS.items():
        registry.register(name, target)
    return registry
