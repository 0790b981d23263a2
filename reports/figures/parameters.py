"""Which single number tells tracks of one family apart: a scale, a density of fog, a strength of noise."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .data import Track

SCALE = "factor"
LABELS = {
    SCALE: "down-sampling factor",
    "down": "down-sampling factor",
    "beta": "density of fog, beta (1/m)",
    "beta_per_m": "density of fog, beta (1/m)",
    "fog.beta": "density of fog, beta (1/m)",
    "noise_sigma_255": "noise, sigma (of 255)",
    "noise": "noise, sigma (of 255)",
    "blur_var_px2": "blur, variance (px²)",
    "blur.var": "blur, variance (px²)",
    "corrupt.2": "severity",
    "corruption.2": "severity",
    "severity": "severity",
    "jpeg": "JPEG quality",
}
"""What stands at the axis of a parameter; others by their own name. Those of recipes are named by step and argument."""

_CHOICES = re.compile(r":\w+=[^=]*(?:,\w+=[^=]*)*$")
_SCALE_IN_NAME = re.compile(r"(?<=-x)\d+(?!\w)")
_STEP = re.compile(r"\s*([A-Za-z][\w-]*)\s*(?:\((.*)\))?\s*", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Sweep:
    """Tracks that differ in one number alone.

    Attributes:
        parameter: Its name.
        family: What the tracks' names share.
        points: (number, track), ascending; at least two different numbers.
    """

    parameter: str
    family: str
    points: tuple[tuple[float, Track], ...]

    @property
    def label(self) -> str:
        """Return what stands at the axis."""
        return LABELS.get(self.parameter, self.parameter.replace("_", " ").replace(".", ", "))


@dataclass(frozen=True, slots=True)
class _Described:
    """A track's numbers by name, and as text all else that tells it from others."""

    numbers: dict[str, float]
    rest: str
    family: str


def sweeps_of(tracks: Sequence[Track]) -> list[Sweep]:
    """Return all sets of at least two tracks that differ in one number alone, ordered by family and parameter.

    Numbers are those among the settings and options of a dataset and in its recipe (``--degrade``); where the settings
    name no scale, the one in a name that ends in "-x4". All else must agree: name, split, limit, version, metric.
    """
    groups: dict[tuple[str, str, str], list[tuple[float, Track]]] = defaultdict(list)
    for track in tracks:
        told = _described(track)
        for name, value in told.numbers.items():
            others = {key: number for key, number in told.numbers.items() if key != name}
            groups[told.family, name, told.rest + json.dumps(others, sort_keys=True)].append((value, track))
    ordered = sorted(groups.items(), key=lambda item: item[0])
    sweeps = [Sweep(key[1], key[0], tuple(sorted(points, key=_by_number))) for key, points in ordered]
    return [sweep for sweep in sweeps if len({value for value, _ in sweep.points}) > 1]


def _by_number(point: tuple[float, Track]) -> tuple[float, str]:
    return point[0], point[1].name


def _described(track: Track) -> _Described:
    key, facts = track.section.tables[0].key, track.section.facts
    recipe = str(facts.get("recipe") or "")
    name = _CHOICES.sub("", key.dataset.removesuffix(f"+{recipe}") if recipe else key.dataset)
    numbers: dict[str, float] = {}
    words: dict[str, Any] = {}
    for part in ("settings", "options"):
        given = facts.get(part)
        for field, value in given.items() if isinstance(given, Mapping) else ():
            _put(numbers, words, str(field), value)
    steps = dict(_recipe_parts(recipe))
    for field, value in steps.items():
        _put(numbers, words, field, value)
    scale = _SCALE_IN_NAME.search(name)
    if scale:
        numbers.setdefault(SCALE, float(scale[0]))
    family = _SCALE_IN_NAME.sub("N", name)
    shared = (family, key.version, key.split, key.limit, facts.get("degradation"), facts.get("metric"), sorted(steps))
    family = family.removesuffix("-xN")
    return _Described(numbers, json.dumps((shared, words), sort_keys=True, default=str), family)


def _put(numbers: dict[str, float], words: dict[str, Any], field: str, value: Any) -> None:
    number = _number(value)
    if number is None:
        words[field] = value
    else:
        numbers[field] = number


def _number(value: Any) -> float | None:
    """Return a number, also one that is written as text; None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _recipe_parts(recipe: str) -> Iterator[tuple[str, str]]:
    """Yield (step and argument, value) of a recipe: ("noise", "25"), ("blur.var", "2.4"), ("corrupt.2", "3").

    The first argument without a name goes by the name of the step, later ones by their place. Steps of the same name
    are numbered from the second on.
    """
    counts: dict[str, int] = defaultdict(int)
    for text in filter(None, recipe.split("|")):
        match = _STEP.fullmatch(text)
        if match is None:
            yield text, ""
            continue
        step = match[1].lower()
        counts[step] += 1
        name = step if counts[step] == 1 else f"{step} {counts[step]}"
        yield from _arguments(name, match[2] or "")


def _arguments(step: str, inside: str) -> Iterator[tuple[str, str]]:
    if not inside:
        yield step, ""
    for place, argument in enumerate(filter(None, inside.split(",")), start=1):
        field, equals, value = argument.partition("=")
        if equals:
            yield f"{step}.{field.strip()}", value
        else:
            yield (step if place == 1 else f"{step}.{place}"), argument
