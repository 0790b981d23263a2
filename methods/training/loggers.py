"""Logs of a training: always CSV, and TensorBoard's format where that package is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

FOLDER = "logs"


def make_loggers(work: Path) -> list[Logger]:
    """Return the loggers of a training.

    Files lie in ``<work>/logs/csv/version_<n>/metrics.csv`` and ``<work>/logs/tensorboard/version_<n>``; each start and
    each resumption has a number of its own, so that nothing is overwritten.
    """
    loggers: list[Logger] = [CSVLogger(work / FOLDER, name="csv", flush_logs_every_n_steps=50)]
    if has_tensorboard():
        loggers.append(TensorBoardLogger(work / FOLDER, name="tensorboard"))
    return loggers


def has_tensorboard() -> bool:
    """Tell whether a package that writes TensorBoard's format is installed."""
    return any(find_spec(name) is not None for name in ("tensorboard", "tensorboardX"))
