"""How fast a method is: the record of one timing and its place in a store, apart from the cells' quality.

Layout: ``timings/<cell.directory>/<conditions.directory>/{timing.json, latencies.parquet}``. A timing belongs to one
machine, batch size and thread count, so a store can hold several of one cell.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from ..datasets.errors import UserError
from .atomic import TEMPORARY, encode_parquet, read_parquet, replacing_directory, write_bytes, write_json
from .cell import Cell
from .record import Provenance

TIMING_VERSION = 1
LATENCY_COLUMNS = ("phase", "pass", "batch", "images", "nanoseconds")
"""Phases are ``detect`` (the timed calls), and of the split ``split``, ``restore`` and ``predict``; see ``Split``."""
AGAIN = "measure it again with `lqbench time --again`"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Conditions(_Part):
    """What a latency depends on besides the method and the images; timings that differ here are not comparable."""

    cpu: str
    device: str
    """torch device string; for GPUs with the card's name."""
    threads: int
    """Threads that torch computes one operation with."""
    batch_size: int
    """Images in a call of ``detect``."""
    precision: str
    """Number format of the arithmetic, such as "float32"."""
    wait_policy: str = ""
    """How threads wait for each other, such as "GOMP_SPINCOUNT 100000"; empty where it was not set."""
    images: int
    """Images timed, spread evenly over the dataset."""
    warm_up: int
    """Calls before the timed ones."""
    repeat: int
    """How often each image was timed."""

    @property
    def machine(self) -> str:
        """Return the names of the GPU, if one computes, and of the processor that feeds it."""
        card = re.search(r"\((.*)\)$", self.device)
        return f"{card[1]} on {self.cpu}" if card else f"{self.cpu}, {self.device}"

    @property
    def slug(self) -> str:
        """Return the machine as part of a folder's name."""
        plain = re.sub(r"\((?:R|TM)\)", " ", self.machine, flags=re.IGNORECASE)
        return re.sub(r"[^a-z0-9.]+", "-", plain.lower()).strip("-.") or "unknown"

    @property
    def directory(self) -> str:
        """Return the folder's name below the cell's."""
        return f"{self.slug}-b{self.batch_size}-t{self.threads}"


class Latency(_Part):
    """Figures of the timed calls of ``detect``, in milliseconds a call; see ``benchmark.timing.statistics``."""

    calls: int
    median_ms: float
    low_ms: float | None
    """Lower end of the median's interval; None for fewer than six batches, whose order statistics give none."""
    high_ms: float | None
    coverage: float | None
    """Probability, at least 0.95, that an interval so made holds the median of all such images."""
    p95_ms: float
    """Smallest latency that at least 95 % of the calls do not exceed."""
    mean_ms: float
    min_ms: float
    images_per_s: float
    """Images divided by the sum of all latencies."""


class Split(_Part):
    """What restoring takes; measured in a pass of its own, since looking inside slows a call down.

    ``inside``: restoring is a part of ``detect``. ``apart``: ``restore`` was called on its own, and the latency of
    ``detect`` says nothing about it.
    """

    restoring: Literal["inside", "apart"]
    restore_ms: float
    """Median of a call: making what the detector looks at (inside), or ``restore`` (apart)."""
    predict_ms: float | None = None
    """Median of the detector's part of a call."""
    restore_share: float | None = None
    """Restoring's part of the pass, in [0, 1]."""


class Memory(_Part):
    """Peaks while the timed calls ran, in MiB; None where it cannot be told."""

    resident_mib: float | None = None
    """Resident memory above that of the process with torch and the images loaded, before the method."""
    gpu_allocated_mib: float | None = None
    """Tensors on the GPU, weights included (``torch.cuda.max_memory_allocated``)."""
    gpu_reserved_mib: float | None = None
    """What torch took from the driver for them."""


class Compute(_Part):
    """Parameters and floating-point operations; see ``benchmark.timing.cost`` for what is counted."""

    parameters: int | None = None
    flops_mean: float | None = None
    """Of an image, mean over the timed ones; two for each multiply-accumulate."""
    flops_max: float | None = None
    restore_flops_mean: float | None = None
    """The restoring network's part, where the method tells it."""
    complaint: str = ""
    """Why FLOPs are not counted."""


class Surroundings(_Part):
    """What else went on while the calls were timed. None and "" mean that it cannot be told."""

    quiet: bool
    """Whether the timing may be compared with others."""
    reasons: tuple[str, ...] = ()
    """Why it is not quiet."""
    seconds: float
    """How long was watched: warm-up and timed calls."""
    others_cpu: float | None = None
    """Processors kept busy by other processes, mean."""
    others_gpu: int | None = None
    """Other processes on the GPU."""
    frequency_mhz: float | None = None
    """Mean of the processors' clock frequencies right after the calls."""
    governor: str = ""
    temperature_c: float | None = None
    """Hottest thermal zone right after the calls."""
    throttled: int | None = None
    """Times that a processor slowed down because of heat."""
    gpu_state: str = ""
    """Clock, temperature and power of the GPU right after the calls, as nvidia-smi prints them."""


class TimingRecord(_Part):
    """One method timed on one dataset under one set of conditions."""

    version: Literal[1] = TIMING_VERSION
    cell: Cell
    status: Literal["done", "failed"]
    error: str = ""
    """What happened to a failed one: a sentence, or the end of a traceback."""
    started: str
    """ISO 8601, UTC."""
    conditions: Conditions
    setup_s: float | None = None
    """Constructing the method and ``setup``, once."""
    load_ms: float | None = None
    """Decoding and degrading one image with one thread, median; no part of any latency."""
    latency: Latency | None = None
    split: Split | None = None
    memory: Memory = Memory()
    compute: Compute = Compute()
    surroundings: Surroundings | None = None
    provenance: Provenance
    latencies_sha256: str = ""
    """Hash of the file that the figures come from."""

    @property
    def quiet(self) -> bool:
        """Whether the figures may be compared with others."""
        return self.surroundings is not None and self.surroundings.quiet


def timing_path(store: Path, cell: Cell, conditions: Conditions) -> Path:
    """Return the folder of a timing, whether it exists or not."""
    return store / "timings" / cell.directory / conditions.directory


def write_timing(store: Path, record: TimingRecord, latencies: pd.DataFrame | None) -> TimingRecord:
    """Store a timing whole, in place of an older one; return it with the hash of its latencies.

    A failed attempt does not replace a finished timing.

    Args:
        store: The store's folder.
        record: The record.
        latencies: Columns ``LATENCY_COLUMNS``; None for a failed timing.

    Raises:
        UserError: The store cannot be written, such as on a full disk.
    """
    path = timing_path(store, record.cell, record.conditions)
    if record.status == "failed" and _is_done(path):
        return record
    payload = None if latencies is None else encode_parquet(latencies)
    if payload is not None:
        record = record.model_copy(update={"latencies_sha256": hashlib.sha256(payload).hexdigest()})
    try:
        with replacing_directory(path) as folder:
            if payload is not None:
                write_bytes(folder / "latencies.parquet", payload)
            write_json(folder / "timing.json", record.model_dump(mode="json"))
    except OSError as error:
        raise UserError(
            f"the timing {path} cannot be written ({error.strerror or error}); make room there, or name another folder "
            "with --store."
        ) from error
    return record


def read_timing(folder: Path) -> TimingRecord:
    """Return the timing of a folder.

    Raises:
        UserError: There is none, or it is damaged.
    """
    path = folder / "timing.json"
    try:
        return TimingRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; {AGAIN}.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}); {AGAIN}.") from error
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the whole file"
        raise UserError(f"{path} is no valid timing (field {place}: {error.errors()[0]['msg']}); {AGAIN}.") from error


def read_timings(store: Path) -> list[TimingRecord]:
    """Return all timings of a store, failed ones included, sorted by folder; empty where none was made.

    Raises:
        UserError: One of them is damaged.
    """
    folders = sorted(path.parent for path in (store / "timings").glob("*/*/timing.json"))
    return [read_timing(folder) for folder in folders if not folder.name.startswith(TEMPORARY)]


def read_latencies(folder: Path) -> pd.DataFrame:
    """Return all latencies of a finished timing, columns ``LATENCY_COLUMNS``.

    Raises:
        UserError: The file is missing, damaged, or not the one that the record's figures come from.
    """
    record, path = read_timing(folder), folder / "latencies.parquet"
    try:
        if hashlib.sha256(path.read_bytes()).hexdigest() != record.latencies_sha256:
            raise UserError(f"{path} is damaged or was edited (its sha256 is not the one in timing.json); {AGAIN}.")
        return read_parquet(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path} is missing or damaged; {AGAIN}.") from error


def _is_done(folder: Path) -> bool:
    try:
        return read_timing(folder).status == "done"
    except UserError:
        return False
