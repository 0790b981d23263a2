"""The tables of tracks, choices, steps and settings in docs/, made from the specifications and the settings' own code.

Run it to write them anew after a track, choice, step or setting changed; a test holds the pages against it.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lqbench.datasets.catalog import dataset_registry, dataset_spec
from lqbench.datasets.degradations import degradation_registry
from lqbench.datasets.degradations.corruptions import GROUPS
from lqbench.datasets.degradations.steps import step_registry
from lqbench.datasets.degradations.steps.base import Step
from lqbench.datasets.degradations.values import format_value
from lqbench.datasets.spec import DatasetSpec

DOCS = Path(__file__).resolve().parents[1] / "docs"

OPTIONS = {
    "beta": "Attenuation of the fog, per metre, in the names of the published images.",
    "boxes": "Rule that makes boxes of instances: `mmdet` makes crowd regions of groups and takes areas of masks, "
    "`dafrcnn` makes ordinary objects of groups and takes areas of boxes.",
    "alpha": "Intensity of the published rain; haze and drop size go with it. `all` takes the three.",
    "pattern": "Streak pattern of the published rain. `all` takes the twelve.",
}
"""What choices mean that belong to a reader and not to a degradation."""

PLAIN = {
    "blur_types": "Kinds of blur, equally likely.",
    "kernel_sizes": "Sides of the blur kernel, pixels, equally likely.",
    "iso_variance": "Range of an isotropic blur's variance, pixels squared.",
    "aniso_variance1": "Range of the first variance of an anisotropic blur, pixels squared.",
    "interpolations": "Interpolations of the down-sampling, equally likely.",
}
"""What settings mean whose code leaves that to their names."""


def tables() -> dict[str, tuple[str, str]]:
    """Return (page, text) of every table by its name."""
    return {
        "tracks": ("datasets.md", _tracks()),
        "choices": ("datasets.md", _choices()),
        "steps": ("protocols.md", _steps()),
        "settings": ("protocols.md", _settings()),
    }


def page_table(name: str, page: str) -> str:
    """Return a table as it stands on its page."""
    found = re.search(_pattern(name), (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    return found[2] if found else ""


def meaning_of(kind: type, field: str) -> str:
    """Return the docstring below a field in the source of a class or of one that it inherits from."""
    for parent in kind.__mro__:
        if field in _docstrings(parent):
            return _docstrings(parent)[field]
    return PLAIN.get(field, "")


def _tracks() -> str:
    head = ("track", "images", "classes", "degradation", "clean images", "detector", "metric", "object sizes in")
    rows = [
        (
            f"`{spec.name}`",
            _splits(spec),
            str(len(spec.classes)),
            "as read" if spec.degradation == "none" else f"`{spec.degradation}`",
            {"source": "yes", "pair": "where the clear set is there", "none": "no"}[spec.clean],
            f"`{spec.default_detector}`",
            {"coco": "AP", "voc07": "VOC07_AP50"}[spec.metric],
            f"{spec.area_frame} pixels",
        )
        for spec in map(dataset_spec, dataset_registry())
    ]
    return _table(head, rows)


def _splits(spec: DatasetSpec) -> str:
    """Return the splits, the default first, with their numbers of images where published."""
    ordered = sorted(spec.splits, key=lambda split: split != spec.default_split)
    counts = ((split, spec.official_images.get(split)) for split in ordered)
    return ", ".join(f"{split} {count:,}" if count else split for split, count in counts)


def _choices() -> str:
    groups: dict[tuple[str, tuple[str, ...], str, bool], list[str]] = {}
    for spec in map(dataset_spec, dataset_registry()):
        for key, values in spec.choices.items():
            meaning = OPTIONS.get(key) or meaning_of(degradation_registry().get(spec.degradation).settings_type, key)
            groups.setdefault((key, values, meaning, key in spec.free_choices), []).append(spec.name)
    rows = []
    for (key, values, meaning, free), names in groups.items():
        told = ", ".join(f"`{value}`" for value in values) + (" or any other number" if free else "")
        rows.append((", ".join(f"`{name}`" for name in names), f"`{key}`", told, meaning))
    return _table(("track", "choice", "values, the default first", "meaning"), rows)


def _steps() -> str:
    own = {name: step_registry().get(name) for name in step_registry()}
    return _table(
        ("step", "argument", "default", "meaning"), [row for name, kind in own.items() for row in _rows(name, kind)]
    )


def _settings() -> str:
    names = [name for name in degradation_registry() if name not in ("none", "pipeline")]
    kinds = {name: degradation_registry().get(name).settings_type for name in names}
    groups = "; ".join(f"{group}: {', '.join(kinds)}" for group, kinds in GROUPS.items())
    rows = [row for name, kind in kinds.items() for row in _rows(name, kind)]
    return _table(("degradation", "setting", "default", "meaning"), rows) + f"\nKinds of `corruption`: {groups}.\n"


def _rows(name: str, kind: type[Any]) -> Iterable[tuple[str, ...]]:
    """Yield a row for each field; a short name stands beside the long one."""
    short = {long: word for word, long in kind.short_names.items()}
    for field, info in kind.model_fields.items():
        label = f"`{field}`" + (f" (`{short[field]}`)" if field in short else "")
        label += ", without its name" if field in kind.positional else ""
        default = "required" if info.is_required() else f"`{_default(kind, field)}`"
        yield f"`{name}`", label, default, meaning_of(kind, field)


def _default(kind: type[BaseModel], field: str) -> str:
    default = kind.model_fields[field].default
    if default is None:
        return "none"
    values = list(default) if isinstance(default, tuple) else []
    if len(values) > 4 and all(isinstance(value, float) for value in values):
        return f"{values[0]:g}/{values[1]:g}/…/{values[-1]:g}"
    return format_value(default)


def _docstrings(kind: type) -> dict[str, str]:
    if kind in (object, BaseModel, Step) or kind.__module__.startswith(("pydantic", "abc", "typing")):
        return {}
    (node,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(node, ast.ClassDef)
    found = {}
    for field, text in zip(node.body, node.body[1:], strict=False):
        told = text.value.value if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) else None
        if isinstance(told, str) and isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            found[field.target.id] = _plain(told)
    return found


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("``", "`").replace("|", "\\|")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _pattern(name: str) -> str:
    return rf"(<!-- table: {name} -->\n)(.*?)(<!-- end of table -->)"


def main() -> None:
    """Write all tables into their pages."""
    for name, (page, text) in tables().items():
        path = DOCS / page
        content = path.read_text(encoding="utf-8")
        found = re.search(_pattern(name), content, re.DOTALL)
        assert found, f"{page} has no place for the table {name}"
        path.write_text(content[: found.start(2)] + text + content[found.end(2) :], encoding="utf-8")


if __name__ == "__main__":
    main()
