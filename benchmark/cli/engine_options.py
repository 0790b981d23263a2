"""The options of ``lqbench run`` that say where cells are computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from .options import add_options

if TYPE_CHECKING:
    from ..engines.base import Engine

_OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(["inline", "ray", "slurm"]),
        default="inline",
        show_default=True,
        help="Where to compute: in this process, on workers of Ray, or on a Slurm cluster; see docs/cluster.md.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1, 1000),
        help="Workers of Ray  [default: one a GPU, else one a processor]; tasks of Slurm  [default: 8].",
    ),
    click.option("--address", help="Address of a running Ray cluster, such as auto.  [default: Ray on this machine]"),
    click.option(
        "--slurm",
        multiple=True,
        metavar="KEY=VALUE",
        help="What Slurm is asked for: time (minutes), mem (GB), cpus, gpus, partition, account, ...; may be repeated.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(1, 1024),
        help="Processor threads of each worker; another number can change the last digits.  "
        "[default: all of torch's inline, 1 on ray, cpus of the task on slurm]",
    ),
    click.option(
        "--shard-images",
        type=click.IntRange(1),
        help="Cut larger cells into shards of so many images.  [default: 512 on ray and slurm, never inline]",
    ),
)


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where cells are computed; ``make_engine`` takes their values."""
    return add_options(command, _OPTIONS)


def make_engine(name: str, jobs: int | None, address: str | None, slurm: Sequence[str]) -> Engine:
    """Return the engine that the options ask for.

    Raises:
        click.UsageError: An option belongs to another engine, or has no value.
    """
    _check_belonging(name, {"--address": ("ray", address), "--slurm": ("slurm", slurm), "--jobs": ("", jobs)})
    if name == "ray":
        from ..engines.ray_engine import RayEngine

        return RayEngine(jobs, address)
    if name == "slurm":
        from ..engines.slurm_engine import DEFAULT_TASKS, SlurmEngine

        return SlurmEngine(jobs or DEFAULT_TASKS, dict(map(_pair, slurm)))
    from ..engines.inline import InlineEngine

    return InlineEngine()


def threads_of(name: str, threads: int | None, slurm: Sequence[str]) -> int:
    """Return how many processor threads each worker uses."""
    if threads is not None:
        return threads
    if name == "inline":
        import torch

        return torch.get_num_threads()
    asked = dict(map(_pair, slurm)).get("cpus", "1")
    return int(asked) if asked.isdecimal() else 1


def _check_belonging(name: str, options: dict[str, tuple[str, Any]]) -> None:
    for option, (engine, value) in options.items():
        if value and (engine != name if engine else name == "inline"):
            raise click.UsageError(
                f"{option} does not go with --engine {name}; add --engine {engine or 'ray or slurm'}."
            )


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise click.UsageError(f"--slurm {text}: write KEY=VALUE, such as partition=gpu.")
    return key, value
