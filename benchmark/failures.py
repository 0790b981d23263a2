"""What a method raised, told with the images on which it did."""

from __future__ import annotations

from collections.abc import Sequence

from ..datasets.types import ImageRecord, Sample

NAMED = 16
"""Images that a message names at most."""
WORDS = 300
"""Characters of a method's own message that are repeated."""


class MethodFailureError(Exception):
    """A method raised while it worked on images; the text names both, and ``__cause__`` is what it raised."""


def failure(method: str, samples: Sequence[Sample], alone: Sequence[Sample], error: Exception) -> MethodFailureError:
    """Return the error of a batch whose images were tried one at a time.

    Args:
        method: The method's name.
        samples: The batch.
        alone: Those of its images on which the method fails alone as well.
        error: What it raised for the batch.
    """
    if len(samples) == 1:
        where = _named(samples)
    elif not alone:
        where = f"a batch of {len(samples)} that fails only together, each image works alone: {_named(samples)}"
    elif len(alone) == len(samples):
        where = f"each image of a batch of {len(samples)}, also alone: {_named(samples)}"
    else:
        others = [sample for sample in samples if not any(sample is one for one in alone)]
        where = f"{_named(alone)}; the other images of its batch work alone: {_named(others)}"
    return MethodFailureError(f"{method} failed on {where}: {_told(error)}")


def device_failure(method: str, samples: Sequence[Sample], error: Exception) -> MethodFailureError:
    """Return the error of a batch after which the GPU cannot be used, so that no image can be tried alone."""
    text = f"{method} failed on {_named(samples)}: {_told(error)}"
    single = len(samples) == 1
    return MethodFailureError(text if single else f"{text} (the GPU cannot be used any more to find the one image)")


def memory_failure(method: str, sample: Sample, error: Exception) -> MethodFailureError:
    """Return the error of one image that does not fit into the GPU's memory."""
    return MethodFailureError(f"{method} ran out of GPU memory on {_named([sample])} alone: {_told(error)}")


def image_name(record: ImageRecord) -> str:
    """Return an image's id and index."""
    return f"image {record.image_id} (index {record.index})"


def _named(samples: Sequence[Sample]) -> str:
    """Return ids, indices, files and sizes of images."""
    names = [_full_name(sample.record) for sample in samples[:NAMED]]
    more = f" and {len(samples) - NAMED} more" if len(samples) > NAMED else ""
    return ", ".join(names) + more


def _full_name(record: ImageRecord) -> str:
    height, width = record.size
    return f"image {record.image_id} (index {record.index}, {record.file}, {width} x {height})"


def _told(error: Exception) -> str:
    """Return an error's type and message on one line."""
    message = " ".join(str(error).split())
    shown = message if len(message) <= WORDS else f"{message[:WORDS]}..."
    return f"{type(error).__name__}: {shown}"
