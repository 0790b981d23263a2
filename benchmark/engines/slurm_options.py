"""The options of ``--slurm``, under submitit's and sbatch's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...datasets.errors import UserError

MANUAL = "https://slurm.schedmd.com/sbatch.html"
GENERIC: dict[str, tuple[str, Callable[[str], int | float]]] = {
    "time": ("timeout_min", int),
    "mem": ("mem_gb", float),
    "cpus": ("cpus_per_task", int),
    "gpus": ("gpus_per_node", int),
}
"""Options that submitit has names of its own for: (that name, type); minutes, GB, and numbers."""
PASSED_ON = frozenset(
    (
        *(
            "account",
            "begin",
            "comment",
            "constraint",
            "cpus-per-gpu",
            "deadline",
            "dependency",
            "exclude",
            "exclusive",
        ),
        *("export", "gres", "hint", "licenses", "mail-type", "mail-user", "mem-per-cpu", "mem-per-gpu"),
        *("mincpus", "nice", "nodelist", "partition", "prefer", "priority", "qos", "reservation", "switches"),
        *("threads-per-core", "time-min", "tmp", "wckey"),
    )
)
"""Long options of sbatch that are handed on as they are; see ``MANUAL``."""
OWN = frozenset(
    (
        *("array", "chdir", "cpus-per-task", "error", "gpus-per-node", "gpus-per-task", "job-name", "no-requeue"),
        *("nodes", "ntasks", "ntasks-per-node", "open-mode", "output", "requeue", "signal", "wait"),
    )
)
"""Long options of sbatch on which the engine relies, and which it sets itself."""


def submitit_options(given: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what ``--slurm`` asks for: submitit's own parameters, and further ones of sbatch.

    Raises:
        UserError: An option is unknown or the engine's own, or its value is no number where it has to be one.
    """
    named, further = {}, {}
    for key, value in given.items():
        if key in GENERIC:
            name, kind = GENERIC[key]
            named[name] = _number(key, value, kind)
        else:
            _check(key, value)
            further[key.replace("-", "_")] = value
    return named, further


def _number(key: str, value: str, kind: Callable[[str], int | float]) -> int | float:
    try:
        return kind(value)
    except ValueError as error:
        raise UserError(f"--slurm {key}={value}: give a number.") from error


def _check(key: str, value: str) -> None:
    if key in OWN:
        raise UserError(
            f"--slurm {key}={value}: the engine sets this itself, from time, mem, cpus and gpus; leave it out."
        )
    if key not in PASSED_ON:
        raise UserError(f"--slurm {key}={value}: there is no such option of sbatch to hand on; see {MANUAL}.")
