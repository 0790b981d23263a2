"""Seeds that depend on names alone, never on order, worker count or process."""

from __future__ import annotations

import hashlib

import numpy as np


def stable_seed(*parts: object) -> int:
    """Hash the parts' texts into a seed in [0, 2**63).

    The parts are length-prefixed, so ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.sha256()
    for part in parts:
        text = str(part).encode()
        digest.update(len(text).to_bytes(8, "big"))
        digest.update(text)
    return int.from_bytes(digest.digest()[:8], "big") >> 1


def image_seed(dataset: str, version: str, image_id: str) -> int:
    """Return the seed of one image's degradation, the same for every method and process."""
    return stable_seed("image", dataset, version, image_id)


def generator(seed: int, purpose: str) -> np.random.Generator:
    """Return an independent random stream of a seed for one purpose, such as "parameters" or "noise".

    Streams are Philox counters keyed by hash, whose output is the same on every platform.
    """
    return np.random.Generator(np.random.Philox(stable_seed(seed, purpose)))
