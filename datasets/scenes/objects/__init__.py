"""Meshes of the objects that scenes show: the annotated classes and the clutter that resembles them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..mesh import Mesh
from .animals import dog
from .cars import car
from .cycles import bicycle, motorcycle
from .heavy import bus, truck
from .people import person
from .street import bench, hydrant, sign

Maker = Callable[[np.random.Generator], Mesh]

MAKERS: dict[str, Maker] = {
    "car": car,
    "truck": truck,
    "bus": bus,
    "motorcycle": motorcycle,
    "bicycle": bicycle,
    "person": person,
    "dog": dog,
    "traffic sign": sign,
    "fire hydrant": hydrant,
    "bench": bench,
}
"""What makes one object of each class, in the order of the labels."""
