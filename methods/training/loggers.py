"""Logs of a training: CSV and TensorBoard's format."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

FOLDER = "logs"


def make_loggers(work: Path) -> list[Logger]:
    """Return the loggers of a training.

    Files lie in ``<work>/logs/csv/version_<n>/metrics.csv`` and ``<work>/logs/tensorboard/version_<n>``; each start and
    each resumption has a number of its own, so that nothing is overwritten.
    """
    return [
        CSVLogger(work / FOLDER, name="csv", flush_logs_every_n_steps=50),
        TensorBoardLogger(work / FOLDER, name="tensorboard"),
    ]
