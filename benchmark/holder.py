"""The one method that a process keeps set up: cells that share it load its weights once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .determinism import prepare_process
from .plan import Group

if TYPE_CHECKING:
    from ..methods.base import Method


class MethodHolder:
    """Constructs a method when the first cell needs it, and keeps it until another one is asked for.

    Args:
        device: torch device string.
        threads: Processor threads that torch may use in this process; 0 leaves its own choice.
        tell: Told what tearing a method down raised, which concerns no cell's numbers.

    Attributes:
        seconds: How long constructing and setting up the present method took.
    """

    def __init__(self, device: str, threads: int = 0, tell: Callable[[str], None] = lambda _: None) -> None:
        self.seconds = 0.0
        self._device = device
        self._threads = threads
        self._tell = tell
        self._choice: Group | None = None
        self._method: Method | None = None
        self._error: Exception | None = None

    def get(self, choice: Group) -> Method:
        """Return the method, set up; a failure of the first attempt is raised again by all later ones.

        Args:
            choice: A group without jobs.

        Raises:
            Exception: Whatever the method's constructor or ``setup`` raises.
        """
        if choice != self._choice:
            self.close()
            self._choice, self._error = choice, None
        if self._error is not None:
            raise self._error
        if self._method is None:
            self._method = self._make(choice)
        return self._method

    def close(self) -> None:
        """Tear the method down if there is one."""
        method, choice = self._method, self._choice
        self._method = self._choice = None
        try:
            if method is not None:
                method.teardown()
        except Exception as error:
            name = choice.method.card.name if choice else "a method"
            self._tell(f"{name}: teardown failed: {type(error).__name__}: {error}")

    def _make(self, choice: Group) -> Method:
        prepare_process(self._threads)
        start = time.perf_counter()
        try:
            method = choice.method(choice.settings)
            self._method = method
            method.setup(self._device, choice.weights)
        except Exception as error:
            self._error = error
            raise
        self.seconds = time.perf_counter() - start
        return method
