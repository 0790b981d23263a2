"""The hash of the source code that a method's detections depend on: part of the key of every cell."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from .base import Method
from .detectors.base import Detector

_PACKAGE = __name__.split(".", maxsplit=1)[0]
_ROOT = Path(__file__).resolve().parents[1]

_DATASETS_THAT_MATTER = frozenset(
    {
        "datasets.degradations.resize",
        "datasets.classes",
        "datasets.degradations.weather.airlight",
        "datasets.degradations.weather.guided_filter",
    }
)
"""Modules outside methods that shape detections; the others carry data or messages."""

_WITHOUT_EFFECT = frozenset(
    f"methods.{name}"
    for name in (
        "card",
        "catalog",
        "contract",
        "detectors.catalog",
        "sr.catalog",
        "sr.published",
        "source_hash",
        "weights",
    )
)
"""Modules of methods that find, describe or check, and so cannot change a box."""

_TRAINING_CALLS = frozenset({"fit", "task_loss"})
"""Functions of methods and detectors that only train: what they import reaches detections by way of the weights alone,
whose own hash is in the key."""

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where the syntax tree of a statement, a handler or a case keeps the statements inside it."""


Source = type | str
"""A class, or where it would be imported from: ``package.module:attribute``."""


def method_source(method: type[Method], detector: type[Detector] | str | None, parts: Sequence[Source] = ()) -> str:
    """Hash the files named by ``source_files``: names and contents.

    Returns:
        sha256 as 64 hex digits; line endings and the place of the installation do not matter.
    """
    digest = hashlib.sha256()
    for name, file in sorted(_dependencies(method, detector, parts).items()):
        digest.update(f"{name}\n{_content_hash(file, *_stamp(file))}\n".encode())
    return digest.hexdigest()


def source_files(
    method: type[Method], detector: type[Detector] | str | None, parts: Sequence[Source] = ()
) -> tuple[str, ...]:
    """Return the names of the files that a method's detections depend on, sorted.

    These are the method's own file, and every module of this package that it or the detector imports, directly or not,
    as far as it can change a box; what is imported for training alone cannot. Weights bundled beside such a module
    (``*.safetensors``) belong to them. A plug-in outside the package counts with its file, or with its whole folder
    where it is a package.

    Args:
        method: The method.
        detector: The detector behind it, or its target in the registry, for which nothing is imported; None where there
            is none.
        parts: Further classes that the method's settings name, see ``Method.parts``.
    """
    return tuple(sorted(_dependencies(method, detector, parts)))


def _dependencies(
    method: type[Method], detector: type[Detector] | str | None, parts: Sequence[Source]
) -> dict[str, Path]:
    """Return the files by portable name."""
    queue = [*_own_files(method), *([] if detector is None else [_file_of(detector)]), *map(_file_of, parts)]
    seen: dict[str, Path] = {}
    while queue:
        file = queue.pop()
        name = _portable_name(file)
        if name in seen:
            continue
        seen[name] = file
        queue.extend(_imported_files(file, *_stamp(file)))
    return seen | {_portable_name(weights): weights for weights in _bundled_weights(seen.values())}


def _own_files(method: type[Method]) -> list[Path]:
    """Return a method's own file, and the rest of its folder where that belongs to a plug-in."""
    file = _file_of(method)
    own_folder = (file.parent / "__init__.py").is_file() or file.name == "method.py"
    if not own_folder or file.is_relative_to(_ROOT):
        return [file]
    return sorted(file.parent.glob("*.py"))


def _file_of(found: Source) -> Path:
    module = found.partition(":")[0] if isinstance(found, str) else found.__module__
    loaded = sys.modules.get(module)
    file = loaded.__file__ if loaded is not None else _unloaded_file(module)
    if file is None:
        raise ValueError(f"{found} was not defined in a file")
    return Path(file).resolve()


def _unloaded_file(module: str) -> str | None:
    """Return the file of a module that was not imported; its parent packages are."""
    found = find_spec(module)
    return found.origin if found is not None else None


def _stamp(file: Path) -> tuple[int, int]:
    """Return what tells whether a file has changed since it was last read: modification time and size."""
    status = file.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4096)
def _content_hash(file: Path, *_: int) -> str:
    """Return the sha256 of a file; line endings of source code do not matter."""
    content = file.read_bytes()
    if file.suffix == ".py":
        content = content.replace(b"\r\n", b"\n")
    return hashlib.sha256(content).hexdigest()


def _portable_name(file: Path) -> str:
    """Return a name that does not depend on where the package or a plug-in is installed."""
    if file.is_relative_to(_ROOT):
        return file.relative_to(_ROOT).as_posix()
    return f"plugin/{file.parent.name}/{file.name}"


def _bundled_weights(files: Iterable[Path]) -> list[Path]:
    folders = {file.parent for file in files if file.is_relative_to(_ROOT / "methods")}
    return [weights for folder in sorted(folders) for weights in sorted(folder.glob("*.safetensors"))]


@lru_cache(maxsize=4096)
def _imported_files(file: Path, *_: int) -> tuple[Path, ...]:
    """Return the files of this package that a file imports at any level and that can change a box."""
    modules = [
        module
        for node in _statements(ast.parse(file.read_text(encoding="utf-8")))
        for module in _imported_modules(node, file)
        if _matters(module)
    ]
    return tuple(dict.fromkeys(path for module in modules if (path := _module_file(module)) is not None))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements below a node, in which alone imports can stand.

    Those inside functions that only train are left out, and those under what only types are checked by.
    """
    for field in _BLOCKS:
        for child in getattr(node, field, ()):
            if isinstance(child, ast.FunctionDef) and child.name in _TRAINING_CALLS:
                continue
            if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
                continue
            yield child
            yield from _statements(child)


def _imported_modules(node: ast.AST, file: Path) -> list[str]:
    """Return the modules of this package that an import statement may name, relative to its root."""
    if isinstance(node, ast.Import):
        return [name for alias in node.names if (name := _inside(alias.name))]
    if not isinstance(node, ast.ImportFrom):
        return []
    if node.level == 0:
        base = _inside(node.module or "")
    elif file.is_relative_to(_ROOT):
        parents = file.relative_to(_ROOT).parent.parts
        base = ".".join([*parents[: len(parents) - node.level + 1], *([node.module] if node.module else [])])
    else:
        return []  # a plug-in's own folder is hashed whole
    return [base, *(f"{base}.{alias.name}" for alias in node.names)] if base else []


def _inside(module: str) -> str:
    """Return an absolute module name relative to this package, or ""."""
    prefix = f"{_PACKAGE}."
    return module.removeprefix(prefix) if module.startswith(prefix) else ""


def _module_file(module: str) -> Path | None:
    path = _ROOT.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _matters(module: str) -> bool:
    if module in _DATASETS_THAT_MATTER:
        return True
    return module.startswith("methods") and module not in _WITHOUT_EFFECT
