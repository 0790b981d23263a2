"""Functions compiled by numba. This module imports numba, so import it inside functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Any], Any]:
    """Compile a function at its first call, or take it from the cache beside its file or in the user's own.

    Args:
        options: Further ones of ``numba.njit``.
    """

    def decorate(function: Any) -> Any:
        try:
            return njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # no folder for a cache can be written to: it is compiled anew in each process
            return njit(nogil=True, **options)(function)

    return decorate
