"""How long threads of one operation wait for each other before they leave the processor to others."""

from __future__ import annotations

import os

SPIN = "GOMP_SPINCOUNT"
POLICY = "OMP_WAIT_POLICY"
TURNS = 100_000
"""Turns of libgomp's waiting loop, below a millisecond.

By default a thread that waits turns for many milliseconds. On a machine with other work it thereby takes the processor
from the threads it waits for: 16 images took 52 s in place of 3 s on two busy cores. With no turn at all it sleeps at
every operation's end, and a second thread gains nothing: 60 convolutions took 4.9 s, with this number 2.1 s; beside
two processes of the same kind 6.5 and 6.9 s.
"""


def wait_briefly() -> None:
    """Choose how threads wait, unless the user did; libgomp reads it when torch is imported, so call it before."""
    if POLICY not in os.environ:
        os.environ.setdefault(SPIN, str(TURNS))


def waiting() -> str:
    """Return how threads wait as far as it was set, such as "GOMP_SPINCOUNT 100000"; empty where nothing was."""
    return ", ".join(f"{name} {os.environ[name]}" for name in (POLICY, SPIN) if name in os.environ)
