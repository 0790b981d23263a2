"""Where methods are found: the built-in table, installed plug-ins, and files named on the command line."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import warnings
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from ..datasets.errors import UserError
from ..datasets.registry import Registry
from .base import Method
from .card import MethodCard

ENTRY_POINT_GROUP = "lqbench.methods"

_BUILT_IN = {
    "hr": "hr.method:HighResolution",
    "bicubic": "bicubic.method:Bicubic",
    "lr": "lr.method:LowResolution",
    "aeris": "aeris.method:Aeris",
    "aeris-stage1": "aeris.method:AerisStage1",
    "aeris-wo-arrd": "aeris.method:AerisWithoutArrd",
    "centernet": "aeris.method:CenterNet",
    "centernet-control": "aeris.method:CenterNetControl",
    "lcp": "lcp.method:Lcp",
    "lcp-crux": "lcp.method:LcpCrux",
    "lcp-catch-up": "lcp.method:LcpCatchUp",
    "cascade-rcnn": "lcp.method:CascadeRcnn",
    "mmdet": "mmdet_adapter.method:Mmdet",
    "sr-then-detect": "sr_then_detect.named:AnySr",
    "tdsr": "sr_then_detect.named:Tdsr",
    "sr-ft": "sr_then_detect.named:SrFt",
    "sr-ft-plus": "sr_then_detect.named:SrFtPlus",
    "fdsr": "sr_then_detect.named:Fdsr",
    "dbpn": "sr_then_detect.named:Dbpn",
    "srresnet": "sr_then_detect.named:SrResNet",
    "srgan": "sr_then_detect.named:SrGan",
    "edsr": "sr_then_detect.named:Edsr",
    "rcan": "sr_then_detect.named:Rcan",
    "rrdb": "sr_then_detect.named:Rrdb",
    "esrgan": "sr_then_detect.named:Esrgan",
    "bsrgan": "sr_then_detect.named:Bsrgan",
    "real-esrgan": "sr_then_detect.named:RealEsrgan",
    "real-esrgan-compact": "sr_then_detect.named:RealEsrganCompact",
    "swinir": "sr_then_detect.named:SwinIr",
    "carn": "sr_then_detect.named:Carn",
    "carn-m": "sr_then_detect.named:CarnM",
    "vdsr": "sr_then_detect.named:Vdsr",
    "srcnn": "sr_then_detect.named:SrCnn",
    "fsrcnn": "sr_then_detect.named:FsrCnn",
    "classsr": "sr_then_detect.named:ClassSr",
    "dcp-then-detect": "enhance.classic:DcpThenDetect",
    "udcp-then-detect": "enhance.classic:UdcpThenDetect",
    "clahe-then-detect": "enhance.classic:ClaheThenDetect",
    "opening-then-detect": "enhance.classic:OpeningThenDetect",
    "aod-then-detect": "enhance.learnt:AodThenDetect",
    "restore-then-detect": "enhance.learnt:RestoreThenDetect",
}

ANNOUNCED_METHODS: dict[str, str] = {}
"""Methods of the suite that are not built yet: name to title."""


class MethodRegistry(Registry[type[Method]]):
    """The registry of methods; a plug-in that cannot be imported is told as such, by its name."""

    def __init__(self) -> None:
        super().__init__("method")
        self._plugins: set[str] = set()

    def register_plugin(self, name: str, target: str) -> None:
        """Add an installed plug-in, which is imported when first asked for.

        Raises:
            UserError: The name is taken by another target; both places are named.
        """
        self.register(name, target)
        self._plugins.add(name)

    def get(self, name: str) -> type[Method]:
        """Import and return a method's class.

        Raises:
            UserError: The name is unknown, or it belongs to a plug-in that cannot be imported or is no ``Method``.
        """
        if name not in self._plugins:
            return super().get(name)
        try:
            found = super().get(name)
        except Exception as error:  # a plug-in is foreign code and may fail in any way
            raise UserError(self._broken(name, f"cannot be imported ({_reason(error)})")) from error
        if not is_method(found):
            raise UserError(self._broken(name, "is no Method class with a card"))
        return found

    def _broken(self, name: str, what: str) -> str:
        return (
            f"the plug-in {name!r} ({self.target(name)}, entry-point group {ENTRY_POINT_GROUP}) {what}; "
            f"repair or uninstall its package."
        )


@lru_cache(maxsize=1)
def method_registry() -> MethodRegistry:
    """Return the registry of methods, one for the process: built-in ones first, then installed plug-ins.

    Raises:
        UserError: A plug-in's name is taken; both places are named.
    """
    registry = MethodRegistry()
    for name, target in _BUILT_IN.items():
        registry.register(name, f"{__package__}.{target}")
    for point in entry_points(group=ENTRY_POINT_GROUP):
        registry.register_plugin(point.name, point.value)
    return registry


def method_cards(registry: MethodRegistry | None = None) -> dict[str, MethodCard]:
    """Return the cards of all methods by name, without importing torch for the built-in ones.

    A plug-in that cannot be imported is left out with a warning that names its entry point.
    """
    registry = method_registry() if registry is None else registry
    cards = {}
    for name in registry:
        try:
            cards[name] = registry.get(name).card
        except UserError as error:
            warnings.warn(str(error), stacklevel=2)
    return cards


def load_plugin(path: Path, registry: MethodRegistry | None = None) -> tuple[str, ...]:
    """Import a plug-in given by path and register the methods defined in it under their cards' names.

    Args:
        path: A Python file, or a folder with ``__init__.py`` or ``method.py``.
        registry: Where to register; None for the process's registry.

    Returns:
        The names registered.

    Raises:
        UserError: The path does not exist, cannot be imported, defines no method, or takes a name that is taken.
    """
    registry = method_registry() if registry is None else registry
    module = _import_path(path.expanduser().resolve())
    classes = [value for value in vars(module).values() if is_method(value) and _defined_in(value, module)]
    if not classes:
        raise UserError(f"the plug-in {path} defines no method: it needs a subclass of Method with a card.")
    for found in classes:
        registry.register(found.card.name, f"{found.__module__}:{found.__qualname__}")
    return tuple(found.card.name for found in classes)


def is_method(value: object) -> bool:
    """Tell whether a value is a complete method: a concrete subclass of ``Method`` with a card."""
    if not (inspect.isclass(value) and issubclass(value, Method)) or inspect.isabstract(value):
        return False
    return isinstance(getattr(value, "card", None), MethodCard)


def _defined_in(found: type, module: ModuleType) -> bool:
    """Tell a plug-in's own classes from those it imported, such as a built-in method that it extends."""
    package = module.__name__.split(".")[0]
    return found.__module__.split(".")[0] == package


def _import_path(path: Path) -> ModuleType:
    """Import a file or folder under a name of its own, so that plug-ins named alike do not meet."""
    if not path.exists():
        raise UserError(f"--plugin {path} does not exist; check the path.")
    name = f"lqbench_plugin_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if path.is_file():
        return _execute(name, path, None)
    if (path / "__init__.py").is_file():
        return _execute(name, path / "__init__.py", path)
    if not (path / "method.py").is_file():
        raise UserError(f"--plugin {path} is a folder without __init__.py or method.py; point to the method's folder.")
    package = ModuleType(name)
    package.__path__ = [str(path)]
    sys.modules[name] = package
    return _execute(f"{name}.method", path / "method.py", None)


def _execute(name: str, file: Path, folder: Path | None) -> ModuleType:
    places = None if folder is None else [str(folder)]
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=places)
    if spec is None or spec.loader is None:
        raise UserError(f"--plugin {file} is not a Python file; its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a plug-in is foreign code and may fail in any way
        del sys.modules[name]
        raise UserError(f"the plug-in {file} cannot be imported ({_reason(error)}); mend it.") from error
    return module


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
