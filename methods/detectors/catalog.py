"""The detectors that can stand behind a method; listing them imports no torch."""

from __future__ import annotations

from functools import lru_cache

from ...datasets.registry import Registry
from .base import Detector

_METHODS = __name__.rpartition(".detectors.")[0]

_BUILT_IN = {
    "ssd300_vgg16": "detectors.torchvision_models:Ssd300",
    "ssd300-voc": "detectors.ssd_voc:Ssd300Voc",
    "ssd300-voc-caffe": "detectors.ssd_voc:Ssd300VocCaffe",
    "fasterrcnn": "detectors.torchvision_models:FasterRcnn",
    "fcos": "detectors.torchvision_models:Fcos",
    "retinanet": "detectors.torchvision_models:RetinaNetDetector",
    "yolox-nano": "detectors.yolox:YoloxNano",
    "mini": "detectors.mini:MiniDetector",
    "cascade-mini": "lcp.detector:CascadeMini",
    "mmdet": "mmdet_adapter.detector:MmdetDetector",
}

DESCRIBED_BY_CONFIG = frozenset({"mmdet"})
"""Detectors that are any of many networks: a config file says which, and a checkpoint has to be given with it."""


@lru_cache(maxsize=1)
def detector_registry() -> Registry[type[Detector]]:
    """Return the registry of detectors, one for the process."""
    registry: Registry[type[Detector]] = Registry("detector")
    for name, target in _BUILT_IN.items():
        registry.register(name, f"{_METHODS}.{target}")
    return registry
