"""What a measured number says of a published one: which cell stands for a claim, the difference, and a verdict.

Verdicts:

- reproduced: the 95 % interval of the difference includes 0 and lies within the tolerance.
- within noise: it includes 0 but is wider: it cannot be told whether the number was reproduced.
- differs: it does not include 0.
- protocol differs: the two were not measured alike; what differs is said.
- not measured: there is no number to set beside it; why is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..benchmark.statistics.inference import Estimate
from ..results.ledger import Claim
from ..results.record import Record
from .rows import Row, canonical

if TYPE_CHECKING:
    from ..benchmark.analysis.cells import CellAnalysis

Verdict = Literal["reproduced", "within noise", "differs", "protocol differs", "not measured"]

TOLERANCE = {"%": 1.0, "dB": 0.5, "": 0.01}
"""By unit: an interval of the difference that includes 0 and stays within this on both sides counts as reproduced.

One AP point is what two trainings of one detector easily differ by; half a dB is about what conventions of PSNR do.
"""

READING_ERROR = 0.2
"""How far a point read off a figure may be from the number that was drawn, in the figure's unit."""

PUBLISHED_WEIGHTS = {
    "ssd300-voc": "ssd300_mAP_77.43_v2.pth",
    "ssd300-voc-caffe": "ssd_300_VOC0712.pth",
    "ssd300_vgg16": "ssd300_vgg16_coco-b556d3b4.pth",
}
"""By detector: the published checkpoint that was trained on the images that the papers name; they name no file."""

OWN_WEIGHTS_NONE = ("hr", "lr", "bicubic")
"""Methods that have no weights but the detector's."""

_FACTORS = {"%": 100.0, "dB": 1.0, "": 1.0}
_UNKNOWN = "_unknown"
_SPLIT = re.compile(r"\b(?:train|val|test|trainval|minival)(?:20\d\d)?\b")
_HASH_DIGITS = 8


NOTHING = Estimate(None, None, None)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A claim beside what was measured.

    Attributes:
        claim: The published number.
        verdict: In one or two words.
        reason: What differs, or why nothing was measured; empty where the verdict says all.
        record: The cell that stands for it; None for none.
        metric: The suite's name of what was measured; empty for nothing.
        measured: In the claim's unit; None where there is no number.
        difference: Measured minus published with its 95 % interval, in the claim's unit; all None where the two are not
            compared.
    """

    claim: Claim
    verdict: Verdict
    reason: str = ""
    record: Record | None = None
    metric: str = ""
    measured: float | None = None
    difference: Estimate = NOTHING

    @property
    def text(self) -> str:
        """Return the verdict with its reason."""
        return f"{self.verdict}: {self.reason}" if self.reason else self.verdict


class Judge:
    """Holds claims of one table against the cells of a store.

    Args:
        claims: All claims of the table.
        records: Records in any order; the judgements do not depend on it.
        analyses: By the key of the cell; without one there is no interval.
        vouched: sha256 of weights that the user knows to be the paper's own.
    """

    def __init__(
        self,
        claims: Sequence[Claim],
        records: Sequence[Record],
        analyses: Mapping[str, CellAnalysis],
        vouched: Collection[str] = (),
    ) -> None:
        self._special = [claim for claim in claims if claim.settings]
        self._records = canonical(records)
        self._analyses = analyses
        self._vouched = frozenset(vouched)

    def __call__(self, claim: Claim) -> Judgement:
        """Return the judgement on a claim."""
        if not claim.method or not claim.track:
            what = "method" if not claim.method else "data set"
            return Judgement(claim, "not measured", f"the suite has no such {what}")
        record = self._cell_for(claim)
        if record is None:
            return Judgement(claim, "not measured", self._why_no_cell(claim))
        return self._judged(claim, record)

    def _cell_for(self, claim: Claim) -> Record | None:
        """Return the cell that stands for a claim: of those that fit best the newest."""

        def rank(record: Record) -> tuple[bool, bool, bool, bool, str, str]:
            trusted = not _unknown_weights(claim, record, self._vouched)
            fits, whole = claim.fits(record.cell), not _subset(record)
            return fits, whole, trusted, record.cell.precision == "float32", record.started, record.cell.directory

        done = [r for r in self._of(claim) if r.status == "done" and r.metrics is not None]
        return max(done, key=rank, default=None)

    def _of(self, claim: Claim) -> list[Record]:
        """Return the records of the claim's method and track that are not those of a more special claim."""
        own = [r for r in self._records if (r.cell.method, r.cell.dataset) == (claim.method, claim.track)]
        special = [c for c in self._special if _is_more_special(c, claim)]
        return [record for record in own if not any(other.fits(record.cell) for other in special)]

    def _why_no_cell(self, claim: Claim) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in claim.settings)
        named = f"{claim.method}{f' ({settings})' if settings else ''} on {claim.track}"
        failed = [record for record in self._of(claim) if record.status == "failed"]
        if not failed:
            return f"no cell of {named}"
        return f"{named} failed: {Row(max(failed, key=lambda record: record.started), '').failure}"

    def _judged(self, claim: Claim, record: Record) -> Judgement:
        metric = _our_metric(claim, record)
        stored = _value(record, metric)
        if stored is None or claim.unit not in _FACTORS:
            why = f"a cell holds no {claim.metric}" if metric is None else f"{metric} is undefined on these images"
            return Judgement(claim, "not measured", why, record)
        measured = stored * _FACTORS[claim.unit]

        def judgement(verdict: Verdict, reason: str = "", difference: Estimate = NOTHING) -> Judgement:
            return Judgement(claim, verdict, reason, record, metric or "", measured, difference)

        if claim.metric.endswith(_UNKNOWN):
            return judgement("not measured", f"metric convention unknown, the suite's is {metric}")
        differing = self._differing(claim, record)
        if claim.other_split:
            return judgement("protocol differs", differing)
        analysis = self._analyses.get(record.cell.key)
        interval = _difference(claim, analysis.estimate(metric or "")) if analysis else NOTHING
        if differing:
            return judgement("protocol differs", differing, interval)
        if interval.value is None:
            return judgement("not measured", "the cell has no interval, its detections were not analysed")
        return judgement(verdict_of(interval, TOLERANCE[claim.unit]), difference=interval)

    def _differing(self, claim: Claim, record: Record) -> str:
        """Return what tells the cell's protocol from the claim's; empty for nothing that is known."""
        checks: tuple[Callable[[Claim, Record], str], ...] = (_other_split, _subset_text, _detector, _settings)
        found = [check(claim, record) for check in checks]
        if record.cell.precision != "float32":
            found.append(f"computed in {record.cell.precision}")
        found.append(_unknown_weights(claim, record, self._vouched))
        return "; ".join(text for text in found if text)


def verdict_of(difference: Estimate, tolerance: float) -> Verdict:
    """Return the verdict on a difference that is defined, of numbers measured alike."""
    if difference.low is None or difference.high is None:
        return "not measured"
    if not difference.low <= 0.0 <= difference.high:
        return "differs"
    return "reproduced" if -tolerance <= difference.low and difference.high <= tolerance else "within noise"


def rounding(claim: Claim) -> float:
    """Return how far the number behind a claim may be from what is printed: half a unit of the last digit.

    A number read off a figure may be as far off as the reading.
    """
    half = 0.5 * 10.0**-claim.precision
    return max(half, READING_ERROR) if claim.approximate else half


def _difference(claim: Claim, measured: Estimate) -> Estimate:
    """Return measured minus published; the interval is that of the measured number, widened by the rounding."""
    if measured.value is None or measured.low is None or measured.high is None:
        return NOTHING
    factor, slack = _FACTORS[claim.unit], rounding(claim)
    value, low, high = (factor * end - claim.value for end in (measured.value, measured.low, measured.high))
    return Estimate(value, low - slack, high + slack)


def _is_more_special(other: Claim, claim: Claim) -> bool:
    """Tell whether another claim is of the same method and track, but asks for more settings."""
    same = (other.method, other.track) == (claim.method, claim.track)
    return same and set(other.settings) > set(claim.settings)


def _our_metric(claim: Claim, record: Record) -> str | None:
    """Return the name of the cell's metric that stands beside a claim's; None where it has none."""
    base = claim.metric.removesuffix(_UNKNOWN)
    names = (base, f"{base}_Y") if base != claim.metric else (base,)
    return next((name for name in names if _has(record, name)), None)


def _has(record: Record, name: str) -> bool:
    if record.metrics is None:
        return False
    metric, slash, label = name.partition("/")
    return label in record.metrics.per_class.get(metric, {}) if slash else name in record.metrics.values


def _value(record: Record, name: str | None) -> float | None:
    if record.metrics is None or name is None:
        return None
    metric, slash, label = name.partition("/")
    return record.metrics.per_class[metric][label] if slash else record.metrics.values[name]


def _other_split(claim: Claim, record: Record) -> str:
    if claim.other_split:
        return f"the number is of {claim.dataset or 'another split'}, measured otherwise than {claim.track}"
    splits = _SPLIT.findall(claim.dataset)
    if splits and record.cell.split not in splits:
        return f"split {record.cell.split}, the paper's is {' or '.join(splits)}"
    return ""


def _subset(record: Record) -> bool:
    official = record.images_official
    return record.images < official if official is not None else record.cell.limit is not None


def _subset_text(_: Claim, record: Record) -> str:
    if not _subset(record):
        return ""
    return f"subset of {record.images} of {record.images_official or 'more'} images"


def _detector(claim: Claim, record: Record) -> str:
    detector = record.cell.detector
    if claim.detector in ("", detector):
        return ""
    return f"detector {detector or 'of its own'}, the paper's is {claim.detector}"


def _settings(claim: Claim, record: Record) -> str:
    stated = record.cell.method_settings
    wrong = [(name, value) for name, value in claim.settings if str(stated.get(name)) != value]
    return ", ".join(f"{name} {stated.get(name, 'default')}, the paper's is {value}" for name, value in wrong)


def _unknown_weights(claim: Claim, record: Record, vouched: Collection[str]) -> str:
    """Return which weights are not known to be the paper's; empty where all are."""
    files = {file.sha256: file.name for file in record.weights}
    files.setdefault(record.cell.weights_sha256, "")
    published = PUBLISHED_WEIGHTS.get(claim.detector, "")
    unknown = {
        sha256: name
        for sha256, name in files.items()
        if sha256 and sha256 not in vouched and not (published and name == published)
    }
    if unknown:
        named = sorted(f"{name} {sha256[:_HASH_DIGITS]}".strip() for sha256, name in unknown.items())
        return f"weights {', '.join(named)} are not known to be the paper's"
    if not any(files) and claim.method not in OWN_WEIGHTS_NONE:
        return "the cell names no weights, so they are not known to be the paper's"
    return ""
