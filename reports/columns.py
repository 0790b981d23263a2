"""The columns of a comparison table: which metric, in which unit, printed how."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

MISSING = "\N{EN DASH}"
"""Printed where there is no number. A missing number is never printed as zero."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of numbers.

    Attributes:
        key: Name of the metric in ``Metrics.values``, or a name of ``COUNT_COLUMNS``, ``CEILING_SHARE`` or ``FLOPS``.
        label: Short heading; what follows an underscore is set as a subscript on the page.
        meaning: One sentence for the legend.
        unit: Unit of the printed number; empty for counts and for SSIM.
        factor: Printed number divided by stored number: 100 for metrics stored in [0, 1] and printed in percent.
        decimals: Digits after the point.
        significant: Where values span orders of magnitude: digits that are shown of each, in place of ``decimals``.
    """

    key: str
    label: str
    meaning: str
    unit: str = "%"
    factor: float = 100.0
    decimals: int = 1
    significant: int = 0

    @property
    def heading(self) -> str:
        """Return the label with the unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def text(self, value: float) -> str:
        """Return the printed form of a stored value, without its unit; a dash for NaN."""
        if math.isnan(value):
            return MISSING
        return f"{value * self.factor:,.{self._decimals(value * self.factor)}f}"

    def text_with_unit(self, value: float) -> str:
        """Return the printed form of a stored value and its unit, which no line break parts; a dash for NaN."""
        return f"{self.text(value)}\N{NO-BREAK SPACE}{self.unit}".strip() if not math.isnan(value) else MISSING

    def _decimals(self, printed: float) -> int:
        """Return how many digits stand after the point."""
        if not self.significant or printed == 0:
            return 0 if self.significant else self.decimals
        return max(0, self.significant - 1 - math.floor(math.log10(abs(printed))))


AP = Column(
    "AP", "AP", "COCO average precision: mean over IoU thresholds 0.50 to 0.95 in steps of 0.05, and over classes."
)
VOC07_AP50 = Column("VOC07_AP50", "AP50 VOC07", "PASCAL VOC 2007 mAP: 11-point interpolation at IoU 0.5.")

COCO_COLUMNS = (
    AP,
    Column("AP50", "AP50", "COCO average precision at IoU 0.50."),
    Column("AP75", "AP75", "COCO average precision at IoU 0.75."),
    Column("AP_S", "AP_S", "AP of small objects: area below 32² pixels; the protocol says in which image."),
    Column("AP_M", "AP_M", "AP of medium objects: area from 32² to 96² pixels."),
    Column("AP_L", "AP_L", "AP of large objects: area above 96² pixels."),
)
VOC_COLUMNS = (
    VOC07_AP50,
    Column("VOC_area_AP50", "AP50 area", "VOC mAP at IoU 0.5 as the whole area under the precision-recall curve."),
    AP,
)
CEILING_SHARE = Column(
    "ceiling_share", "of HR ceiling", "Primary metric divided by that of the ceiling row, which sees the clean image."
)
FLOPS = Column(
    "flops_mean",
    "FLOPs/image",
    "Floating-point operations of the restoring network for one image, mean over images; two for each "
    "multiply-accumulate. The detector's are not in it.",
    "G",
    factor=1e-9,
    significant=3,
)
COUNT_COLUMNS = (
    Column("images", "images", "Images evaluated.", "", factor=1.0, decimals=0),
    Column("detections", "detections", "Detections kept by the method over all images.", "", factor=1.0, decimals=0),
)

_QUALITY = re.compile(r"(?P<metric>PSNR|SSIM)_(?P<channel>Y|RGB)(_crop(?P<crop>\d+))?")
_CHANNELS = {"Y": "luma channel", "RGB": "RGB channels"}

_FAMILIES = {"coco": COCO_COLUMNS, "voc07": VOC_COLUMNS}
_PER_CLASS = {"coco": COCO_COLUMNS[:2], "voc07": VOC_COLUMNS[:2]}


def family(metric: str) -> tuple[Column, ...]:
    """Return the detection columns of a dataset's metric (``coco`` or ``voc07``), primary column first."""
    return _FAMILIES.get(metric, COCO_COLUMNS)


def per_class_columns(metric: str) -> tuple[Column, ...]:
    """Return the metrics that are also shown class by class, primary column first."""
    return _PER_CLASS.get(metric, _PER_CLASS["coco"])


def quality_columns(names: Iterable[str]) -> tuple[Column, ...]:
    """Return the columns of those metrics that measure restored images (``PSNR_Y``, ``SSIM_RGB_crop4``), PSNR first."""
    matches = [match for name in sorted(set(names)) if (match := _QUALITY.fullmatch(name))]
    return tuple(_quality_column(match) for match in matches)


def _quality_column(match: re.Match[str]) -> Column:
    metric, channel, crop = match["metric"], match["channel"], match["crop"]
    label = f"{metric}-{channel}" + (f" crop {crop}" if crop else "")
    meaning = f"{metric} of the {_CHANNELS[channel]} of restored against clean images, mean over images"
    border = f", {crop} pixels of border left out." if crop else "."
    unit, decimals = ("dB", 2) if metric == "PSNR" else ("", 4)
    return Column(match[0], label, meaning + border, unit, factor=1.0, decimals=decimals)
