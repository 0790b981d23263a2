"""The datasets of the suite by name. Importing this module costs no torch."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .degradations import degradation
from .degradations.values import format_value, suggestion
from .errors import UserError
from .names import FORMATS, DatasetName, parse_name
from .registry import Registry
from .spec import DatasetSpec

ANNOUNCED_DATASETS: dict[str, str] = {}
"""Names of the suite that cannot be run yet, with their titles."""

MODULES = {
    "scene_tracks": (
        *("scenes-clean", "scenes-d", "scenes-lr-x4", "scenes-lr-x8"),
        *("scenes-fog", "scenes-rain", "scenes-underwater", "scenes-noise", "scenes-blur"),
        "scenes-dark",
    ),
    "specs.coco": (
        *("coco-d", "coco-d-iso-blur", "coco-d-aniso-blur", "coco-d-noise", "coco-d-resolution"),
        *("coco-lr-x4", "coco-lr-x8"),
    ),
    "specs.voc": ("voc-lr-x4", "voc-lr-x8"),
    "specs.cityscapes": (
        "cityscapes",
        *("foggy-cityscapes", "foggy-cityscapes-lcp", "rainy-cityscapes", "rainy-cityscapes-hu"),
    ),
    "specs.weather": ("rtts", "dawn"),
    "specs.underwater": ("urpc2020", "urpc2020-voc", "dfui", "duo", "ruod"),
}
"""Which module holds which dataset's specification, in the order of lists."""


@lru_cache(maxsize=1)
def dataset_registry() -> Registry[DatasetSpec]:
    """Return the datasets that can be run, lazily imported; one registry for the process."""
    registry: Registry[DatasetSpec] = Registry("dataset")
    for module, names in MODULES.items():
        for name in names:
            registry.register(name, f"{__package__}.{module}:{name.replace('-', '_').upper()}")
    return registry


def dataset_spec(name: str) -> DatasetSpec:
    """Return a dataset's specification.

    Args:
        name: A name of the registry, such as ``coco-d``; a name with choices, such as ``foggy-cityscapes:beta=0.01``;
            or the path of one's own data, ``coco:PATH``, ``coco:ANN.json,IMAGE_FOLDER`` or ``voc:PATH``.

    Raises:
        UserError: The name is unknown (close names are suggested) or announced but not there yet, a choice is unknown,
            or there are no data at the path.
    """
    parsed = parse_name(name)
    if parsed.name in FORMATS:
        if parsed.path is None:
            raise UserError(f"the dataset {name!r} needs a path: write {name}:PATH for data of your own.")
        from .own import own_spec

        return own_spec(parsed)
    registry = dataset_registry()
    if parsed.name in ANNOUNCED_DATASETS and parsed.name not in registry:
        raise UserError(
            f"the dataset {name!r} is announced but not there yet; datasets that run now are {', '.join(registry)}."
        )
    return _chosen(registry.get(parsed.name), parsed)


def with_recipe(spec: DatasetSpec, recipe: str) -> DatasetSpec:
    """Return a specification with a further degradation on top; an empty recipe changes nothing.

    Args:
        spec: The dataset.
        recipe: The words of ``--degrade``, such as ``blur(iso,var=2.4)|down(4)|noise(25)``; spaces do not count.
    """
    words = "".join(recipe.split())
    if not words:
        return spec
    return spec.model_copy(
        update={
            "name": f"{spec.name}+{words}",
            "seed_name": spec.track,
            "title": f"{spec.title}, further degraded by {words}",
            "recipe": words,
        }
    )


def _chosen(spec: DatasetSpec, name: DatasetName) -> DatasetSpec:
    """Return a specification with choices put in; those of the default value change nothing, not even the name."""
    given = {key: _checked(spec, key, value) for key, value in name.choices.items()}
    changed = {key: given[key] for key, values in spec.choices.items() if key in given and given[key] != values[0]}
    if not changed:
        return spec
    text = ",".join(f"{key}={value}" for key, value in changed.items())
    settings = {key: _like(spec.settings[key], value) for key, value in changed.items() if key in spec.settings}
    all_images = not any(key in spec.choices_of_images for key in changed)
    return spec.model_copy(
        update={
            "name": f"{spec.name}:{text}",
            "seed_name": spec.track,
            "title": f"{spec.title} ({text.replace(',', ', ')})",
            "options": spec.options | {key: value for key, value in changed.items() if key in spec.options},
            "settings": spec.settings | settings,
            "official_images": spec.official_images if all_images else {},
        }
    )


def _checked(spec: DatasetSpec, key: str, value: str) -> str:
    """Return a choice's value; equal numbers of a free choice get one form, so that they name one dataset.

    Raises:
        UserError: The dataset has no such choice or value; what it has is told.
    """
    if key not in spec.choices:
        known = ", ".join(spec.choices) or "none"
        hint = suggestion(key, spec.choices)
        raise UserError(f"the dataset {spec.name!r} has no choice {key!r}{hint}; its choices are: {known}.")
    values = ", ".join(spec.choices[key])
    if key in spec.free_choices:
        try:
            number = float(value)
            degradation(spec.degradation, spec.settings | {key: number})
        except ValueError:
            raise UserError(f"the dataset {spec.name!r}: {key}={value} is no number, such as {values}.") from None
        return format_value(number)
    if value not in spec.choices[key]:
        raise UserError(f"the dataset {spec.name!r} has no {key}={value}; write {key}= one of {values}.")
    return value


def _like(example: Any, text: str) -> Any:
    """Turn a choice's text into a number where it replaces one."""
    if not isinstance(example, (int, float)):
        return text
    return int(text) if text.lstrip("-").isdigit() else float(text)
