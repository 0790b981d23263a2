"""Cooperative training: which learner learns in which epoch, and what is frozen meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import nn

Mode = Literal["catch-up", "crux"]
ALTERNATE = "alternate"
WORDS = ("catch-up", "crux", ALTERNATE)


def parse_modes(text: str) -> tuple[Mode, ...]:
    """Read a schedule of modes, such as the published ``6:catch-up+6:crux+12:alternate``.

    "alternate" changes with every epoch and begins with catch-up.

    Args:
        text: Parts joined by "+", each a number of epochs and a mode.

    Returns:
        The mode of each epoch.

    Raises:
        ValueError: A part is of another form.
    """
    return tuple(mode for part in text.split("+") for mode in _part(part))


def _part(part: str) -> Iterator[Mode]:
    count, colon, word = (piece.strip() for piece in part.partition(":"))
    if not (colon and count.isascii() and count.isdigit() and word in WORDS):
        raise ValueError(f"{part!r} is not of the form EPOCHS:MODE with a MODE of {', '.join(WORDS)}")
    for epoch in range(int(count)):
        if word == ALTERNATE:
            yield "crux" if epoch % 2 else "catch-up"
        else:
            yield "crux" if word == "crux" else "catch-up"


def enter_mode(model: nn.Module, mode: Mode) -> None:
    """Let exactly the parameters learn that learn in a mode (source: ``switch_train_mode`` of the release).

    "catch-up": the catch-up learner. "crux": everything but stem, first and second stage and the catch-up learner.

    Args:
        model: A detector whose ``backbone`` is an ``LcpBackbone``.
        mode: The mode.
    """
    backbone = model.get_submodule("backbone")
    learner = backbone.catch_up_learner
    model.requires_grad_(mode == "crux")
    if learner is not None:
        learner.requires_grad_(mode == "catch-up")
    for module in backbone.frozen():  # pyright: ignore[reportCallIssue]
        module.requires_grad_(False)
