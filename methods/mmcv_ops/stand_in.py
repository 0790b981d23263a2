"""The module that takes the place of ``mmcv._ext``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NoReturn

from .install import HOW_TO_COMPILE


class StandIn(ModuleType):
    """A module that has every operator's name, and the code of some.

    Args:
        name: Name of the module.
        operators: Operators by name. Any other public name gives a function that raises NotImplementedError when it is
            called, since mmcv asks for all its names at import.
    """

    def __init__(self, name: str, operators: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(name, "Stand-in for mmcv's compiled operators.")
        self.operators = dict(operators)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return self.operators.get(name) or _FACTS.get(name) or _missing(name)


def _missing(name: str) -> Callable[..., NoReturn]:
    def operator(*_: object, **__: object) -> NoReturn:
        raise NotImplementedError(
            f"mmcv's operator {name!r} is not among those that run without compiled code; "
            f"to get it, install mmcv with its compiled operators: {HOW_TO_COMPILE}"
        )

    operator.__name__ = name
    return operator


def _not_compiled() -> str:
    return "not available"


_FACTS: dict[str, Callable[[], str]] = {
    "get_compiler_version": _not_compiled,
    "get_compiling_cuda_version": _not_compiled,
}
"""What mmengine's description of the environment asks for."""
