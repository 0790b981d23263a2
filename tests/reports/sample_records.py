"""Records as a store would hold them, with invented numbers; used by the tests of reports only."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from lqbench.results.cell import Cell
from lqbench.results.record import Metrics, Provenance, Record, RestorationCost

CARDS: dict[str, dict[str, Any]] = {
    "hr": {
        "title": "HR ceiling",
        "summary": "The detector runs on the clean image, before any degradation.",
        "kind": "oracle",
        "needs_clean": True,
    },
    "lr": {
        "title": "Degraded image as it is",
        "summary": "The detector runs on the degraded image without any repair.",
        "kind": "restore-then-detect",
    },
    "bicubic": {
        "title": "Bicubic up-sampling, then detection",
        "summary": "The degraded image is up-sampled to the clean size, then handed to the detector.",
        "kind": "sr-then-detect",
        "restores": True,
        "tuned_on": "none",
    },
}
COCO_D = {
    "title": "COCO-d: blurred, down-sampled and noisy COCO",
    "protocol": "Each image is blurred with a Gaussian kernel, down-sampled by a drawn factor and overlaid with noise; "
    "boxes are scaled with the image. Detections are scored in degraded pixels.",
    "degradation": "aeris",
    "settings": {"blur_variance": [0.2, 4.0], "factor": [1, 4], "noise_sigma": [0, 25]},
    "metric": "coco",
    "area_frame": "degraded",
    "images_official": 5000,
    "subset": True,
    "boxes": 929,
    "classes": 4,
    "sources": ["https://cocodataset.org"],
    "licence": "CC BY 4.0 (annotations)",
    "notes": {"dropped_boxes": 0},
}
VOC_LR = {
    "title": "VOC-LR x4",
    "protocol": "Images are resized to 300x300 pixels (HR) and then down-sampled with an antialiased bicubic kernel.",
    "degradation": "voc-lr",
    "settings": {"factor": 4},
    "metric": "voc07",
    "area_frame": "annotated",
    "images_official": 4952,
    "subset": False,
}
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)> | `a` [b](http://c.example) *d* & </title>\nnext'
CLASSES = ("person", "bicycle", "car", "traffic light")


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def provenance(method: str, dataset: str, **changes: Any) -> Provenance:
    given: dict[str, Any] = {
        "lqbench_version": "0.1.0",
        "commit": "acbc519e2b7f",
        "dirty": False,
        "python": "3.11.9",
        "platform": "Linux-6.1-x86_64",
        "cpu": "Example CPU 2.60 GHz, 2 cores",
        "device": "cpu",
        "packages": {"torch": "2.12.0", "torchvision": "0.27.0"},
        "command": ("lqbench", "run", "--method", method, "--dataset", dataset),
    }
    return Provenance(**{**given, **changes})


def cell(method: str, dataset: str = "coco-d", **changes: Any) -> Cell:
    given: dict[str, Any] = {
        "method": method,
        "method_settings": {"detector": "yolox-nano"},
        "method_source": sha(f"source of {method}"),
        "weights_sha256": sha("weights"),
        "dataset": dataset,
        "dataset_version": "1",
        "split": "val2017" if dataset.startswith("coco") else "test",
        "dataset_fingerprint": sha(f"content of {dataset}"),
    }
    return Cell(**{**given, **changes})


def coco_metrics(ap: float, **changes: float | None) -> Metrics:
    """Metrics whose figures all follow from AP; ``changes`` replaces single ones."""
    values: dict[str, float | None] = {
        "AP": ap,
        "AP50": min(1.0, ap * 1.5),
        "AP75": ap * 0.98,
        "AP_S": ap * 0.3,
        "AP_M": ap * 0.9,
        "AP_L": ap * 1.3,
        "VOC07_AP50": min(1.0, ap * 1.4),
        "VOC_area_AP50": min(1.0, ap * 1.45),
    }
    per_class = {
        name: {label: None if label == "traffic light" else ap * (0.7 + 0.2 * i) for i, label in enumerate(CLASSES)}
        for name in ("AP", "AP50", "VOC07_AP50", "VOC_area_AP50")
    }
    return Metrics(
        detections_sha256=sha(f"detections {ap}"),
        values={**values, **changes},
        per_class=per_class,
        scorer="faster-coco-eval 1.8.0",
    )


def record(method: str, ap: float | None = None, *, of: Cell | None = None, **changes: Any) -> Record:
    """A finished record; ``changes`` replaces fields of the record."""
    made = of or cell(method)
    facts = VOC_LR if made.dataset.startswith("voc") else COCO_D
    given: dict[str, Any] = {
        "cell": made,
        "status": "done",
        "images": 4952 if facts is VOC_LR else 128,
        "images_official": facts["images_official"],
        "detections": 3678,
        "started": "2025-03-01T10:00:00+00:00",
        "seconds": {"setup": 0.41, "detect": 12.3, "score": 1.2},
        "provenance": provenance(method, made.dataset),
        "metrics": None if ap is None else coco_metrics(ap),
        "dataset_facts": {**facts, "version": made.dataset_version, "split": made.split},
        "method_card": {"name": method, "licence": "Apache-2.0", **CARDS.get(method, {"title": method})},
    }
    return Record(**{**given, **changes})


def costly(method: str, ap: float, gflops: float, **changes: Any) -> Record:
    """A finished record of a method whose restoration costs so many billions of operations an image."""
    cost = RestorationCost(flops_mean=gflops * 1e9, flops_max=round(gflops * 1.5e9), parameters=112_940)
    return record(method, ap, cost=cost, **changes)


def failed(method: str, error: str, *, of: Cell | None = None) -> Record:
    return record(method, of=of, status="failed", error=error, images=0, detections=0)


def sample_records() -> list[Record]:
    """Two image sets: COCO-d with two detectors and a failed cell, VOC-LR with one detector; out of order."""
    retina = {"method_settings": {"detector": "retinanet"}, "weights_sha256": sha("retina")}
    voc = {"dataset": "voc-lr-x4", "method_settings": {"detector": "ssd300_vgg16"}}
    restored = coco_metrics(0.201, PSNR_Y=24.813, SSIM_Y=0.71342)
    return [
        record("lr", 0.123),
        record("bicubic", metrics=restored),
        record("hr", 0.340),
        record("hr", 0.412, of=cell("hr", **retina)),
        record("bicubic", 0.257, of=cell("bicubic", **retina)),
        failed("lr", "Traceback (most recent call last):\n  ...\nRuntimeError: out of memory", of=cell("lr", **retina)),
        record("bicubic", 0.3605, of=cell("bicubic", **voc)),
        record("hr", 0.552, of=cell("hr", **voc)),
    ]


def records_with_costs() -> list[Record]:
    """``sample_records`` and three networks whose costs are known, two behind one detector and one behind another."""
    retina = cell("classsr", method_settings={"detector": "retinanet"}, weights_sha256=sha("retina"))
    return [
        *sample_records(),
        costly("dbpn", 0.281, 133.1),
        costly("classsr", 0.262, 0.0312),
        costly("classsr", 0.31, 0.0312, of=retina),
    ]


def hostile_records() -> list[Record]:
    """A finished and a failed record with HTML, Markdown and line breaks wherever a name or a text can stand."""
    card = {"title": HOSTILE, "summary": HOSTILE, "kind": HOSTILE, "paper": HOSTILE}
    facts = {**COCO_D, "title": HOSTILE, "protocol": HOSTILE, "notes": {HOSTILE: [HOSTILE]}}
    settings = {"detector": HOSTILE, HOSTILE: HOSTILE}
    metrics = coco_metrics(0.2).model_copy(update={"per_class": {"AP": {HOSTILE: 0.2}}, "scorer": HOSTILE})
    common: dict[str, Any] = {
        "dataset_facts": facts,
        "method_card": card,
        "provenance": provenance("x", "y", command=("lqbench", "run", HOSTILE), cpu=HOSTILE),
    }
    done = cell(HOSTILE, dataset=HOSTILE, split=HOSTILE, method_settings=settings)
    broken = cell("broken", dataset=HOSTILE, split=HOSTILE)
    error = f"{HOSTILE}\n```\n{HOSTILE}"
    return [
        record("x", metrics=metrics, of=done, **common),
        costly("y", 0.1, 2.0, of=cell(f"{HOSTILE} 2", dataset=HOSTILE, split=HOSTILE), **common),
        costly("z", 0.2, 1.0, of=cell(f"{HOSTILE} 3", dataset=HOSTILE, split=HOSTILE), **common),
        record("x", of=broken, status="failed", error=error, images=0, detections=0, **common),
    ]


def write_store(path: Path, records: list[Record]) -> Path:
    """Write records as a store would hold them, without the detections that they tell of."""
    for record in records:
        folder = path / "cells" / record.cell.directory
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(record.model_dump_json(), encoding="utf-8")
    return path
