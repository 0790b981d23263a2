"""Meshes of objects and their rasterisation."""

from __future__ import annotations

import numpy as np
import pytest

from lqbench.datasets.scenes.camera import Camera, clip_to_front
from lqbench.datasets.scenes.mesh import Material, MeshBuilder, newell
from lqbench.datasets.scenes.objects import MAKERS
from lqbench.datasets.scenes.objects.clutter import CLUTTER
from lqbench.datasets.scenes.raster import Pose, rasterise, world_vertices
from lqbench.datasets.seeds import generator

CAMERA = Camera(width=256, height=256, focal=300.0, height_m=2.0, horizon=100.0, centre=128.0)
HEIGHTS = {
    "car": (1.1, 2.1),
    "truck": (1.9, 4.2),
    "bus": (2.5, 4.6),
    "motorcycle": (0.9, 1.4),
    "bicycle": (0.85, 1.3),
    "person": (0.95, 2.3),
    "dog": (0.25, 1.1),
    "traffic sign": (2.0, 3.2),
    "fire hydrant": (0.7, 1.0),
    "bench": (0.4, 1.0),
}
GREY = Material(np.full(3, 0.3))


@pytest.mark.parametrize("name", MAKERS)
def test_objects_stand_on_the_ground_in_metric_size(name: str):
    low, high = HEIGHTS[name]
    for seed in range(12):
        mesh = MAKERS[name](generator(seed, name))
        assert low <= mesh.height <= high
        assert -0.08 <= mesh.vertices[:, 1].min() <= 0.08
        assert mesh.radius == pytest.approx(np.sqrt((mesh.vertices[:, [0, 2]] ** 2).sum(1)).max())


@pytest.mark.parametrize("name", MAKERS)
def test_shapes_vary_within_a_class(name: str):
    meshes = [MAKERS[name](generator(seed, name)) for seed in range(8)]
    assert len({round(mesh.height / mesh.radius, 3) for mesh in meshes}) >= 7
    colours = {tuple(np.round(colour, 3)) for mesh in meshes for colour in mesh.albedo}
    assert len(colours) >= 12


@pytest.mark.parametrize("name", [*MAKERS, *CLUTTER])
def test_every_kind_can_be_drawn_from_all_sides(name: str):
    maker = {**MAKERS, **CLUTTER}[name]
    for turn in range(4):
        mesh = maker(generator(turn, name))
        pose = Pose(0.5, 12.0 + mesh.radius, turn * np.pi / 2 + 0.2)
        sprite = rasterise(mesh, pose, CAMERA)
        pixels = CAMERA.project(world_vertices(mesh, pose))
        rows, columns = np.nonzero(sprite.alpha > 0.3)
        assert abs(sprite.top + rows.min() - pixels[:, 1].min()) < 4
        assert abs(sprite.left + columns.max() + 1 - pixels[:, 0].max()) < 4
        inside = sprite.alpha > 0
        assert (sprite.depth[inside] >= world_vertices(mesh, pose)[:, 2].min() - 1e-3).all()
        assert (sprite.depth[inside] <= world_vertices(mesh, pose)[:, 2].max() + 1e-3).all()


def test_a_box_shows_its_near_face_at_the_right_place_and_depth():
    mesh = MeshBuilder()
    mesh.part()
    mesh.box((-1.0, 0.0, -1.0), (1.0, 2.0, 1.0), GREY)
    sprite = rasterise(mesh.build(), Pose(0.0, 11.0, 0.0), CAMERA)
    # The near face lies 10 m away, so it spans 2 * 300 / 10 = 60 pixels and stands on row 100 + 2 * 30 = 160.
    rows, columns = np.nonzero(sprite.alpha > 0.5)
    assert (sprite.left + columns.min(), sprite.left + columns.max() + 1) == (98, 158)
    assert (sprite.top + rows.min(), sprite.top + rows.max() + 1) == (100, 160)
    middle = (130 - sprite.top, 128 - sprite.left)
    assert sprite.depth[middle] == pytest.approx(10.0, rel=1e-4)
    assert sprite.normal[middle] == pytest.approx([0, 0, -1], abs=0.02)


def test_faces_of_solids_point_outward_however_they_are_wound():
    for flip in (1, -1):
        mesh = MeshBuilder()
        mesh.part()
        ring = np.array([(-1, 0, -1), (1, 0, -1), (1, 0, 1), (-1, 0, 1)], float)[::flip]
        mesh.loft([ring, ring + np.array([0.0, 1.0, 0.0])], GREY)
        built = mesh.build()
        corners = built.vertices[built.faces]
        outward = (newell(corners) * (corners.mean(1) - built.vertices.mean(0))).sum(1)
        assert (outward > 0).all()


def test_a_part_behind_its_plane_is_drawn_before_the_body():
    def seen(plane_x: float) -> float:
        mesh = MeshBuilder()
        mesh.part(0.0)
        mesh.box((-0.5, 0, -2), (0.5, 1, 2), Material(np.full(3, 0.1)))
        mesh.part(2.0, (plane_x, 0.0, 0.0, 0.4))
        side = plane_x * 0.52
        mesh.box((side - 0.01, 0.2, -1), (side + 0.01, 0.8, 1), Material(np.full(3, 0.9)))
        sprite = rasterise(mesh.build(), Pose(0.0, 12.0, np.pi / 2), CAMERA)
        return float(sprite.albedo[sprite.alpha > 0.9].max())

    # Turned by 90 degrees the object's right side (+x) looks away from the camera or towards it.
    near, far = sorted((seen(1.0), seen(-1.0)), reverse=True)
    assert near > 0.8
    assert far < 0.3


def test_clipping_keeps_what_lies_in_front():
    square = np.array([(-1.0, 0, -1), (1, 0, -1), (1, 0, 3), (-1, 0, 3)])
    clipped = clip_to_front(square, 1.0)
    assert clipped[:, 2].min() == pytest.approx(1.0) and clipped[:, 2].max() == 3
    assert len(clip_to_front(square, 5.0)) == 0
