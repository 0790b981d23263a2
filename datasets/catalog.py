"""The datasets of the suite by name. Importing this module costs no torch."""

from __future__ import annotations

from .errors import UserError
from .registry import Registry
from .spec import DatasetSpec

ANNOUNCED_DATASETS: dict[str, str] = {
    "foggy-cityscapes": "Foggy Cityscapes: synthetic fog of three densities (not there yet)",
    "rainy-cityscapes": "RainCityscapes: synthetic rain and haze (not there yet)",
    "urpc2020": "URPC 2020: underwater photographs (not there yet)",
}
"""Names of the suite that cannot be run yet, with their titles."""

MODULES = {
    "scene_tracks": ("scenes-clean", "scenes-d", "scenes-lr-x4", "scenes-lr-x8"),
    "tracks": ("coco-d", "voc-lr-x4", "voc-lr-x8"),
}
"""Which module holds which dataset's specification, in the order of lists."""


def dataset_registry() -> Registry[DatasetSpec]:
    """Return the datasets that can be run, lazily imported."""
    registry: Registry[DatasetSpec] = Registry("dataset")
    for module, names in MODULES.items():
        for name in names:
            registry.register(name, f"{__package__}.{module}:{name.replace('-', '_').upper()}")
    return registry


def dataset_spec(name: str) -> DatasetSpec:
    """Return a dataset's specification.

    Raises:
        UserError: The name is unknown (close names are suggested), or announced but not there yet.
    """
    registry = dataset_registry()
    if name in ANNOUNCED_DATASETS and name not in registry:
        raise UserError(
            f"the dataset {name!r} is announced but not there yet; datasets that run now are {', '.join(registry)}."
        )
    return registry.get(name)
