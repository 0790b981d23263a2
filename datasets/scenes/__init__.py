"""Procedural street scenes: a benchmark data set that needs no download.

Everything is drawn with NumPy and OpenCV from a seed: meshes of objects in a metric world, a camera, a sun and film.
"""

from __future__ import annotations

from .scene import RENDERER_VERSION, SCENE_CLASSES, Scene, render_scene

__all__ = ["RENDERER_VERSION", "SCENE_CLASSES", "Scene", "render_scene"]
