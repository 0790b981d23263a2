"""The detectors that can stand behind a method; listing them imports no torch."""

from __future__ import annotations

from functools import lru_cache

from ...datasets.registry import Registry
from .base import Detector

_BUILT_IN = {
    "ssd300_vgg16": "torchvision_models:Ssd300",
    "fasterrcnn": "torchvision_models:FasterRcnn",
    "fcos": "torchvision_models:Fcos",
    "retinanet": "torchvision_models:RetinaNetDetector",
    "yolox-nano": "yolox:YoloxNano",
    "mini": "mini:MiniDetector",
}


@lru_cache(maxsize=1)
def detector_registry() -> Registry[type[Detector]]:
    """Return the registry of detectors, one for the process."""
    registry: Registry[type[Detector]] = Registry("detector")
    for name, target in _BUILT_IN.items():
        registry.register(name, f"{__package__}.{target}")
    return registry
