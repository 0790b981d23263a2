"""Reading the files of a store: what is missing, damaged or was edited is told in one sentence."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..datasets.errors import UserError
from .atomic import encode_parquet, read_parquet, sha256_of_file
from .record import Record

if TYPE_CHECKING:
    import pandas as pd

AGAIN = "compute the cell again by adding --always to the `lqbench run` command that made it"


def detections_sha256(detections: pd.DataFrame) -> str:
    """Return the hash that the detections' stored file will have."""
    return sha256_of_bytes(encode_parquet(detections))


def sha256_of_bytes(payload: bytes) -> str:
    """Return the hash of bytes as hex digits."""
    return hashlib.sha256(payload).hexdigest()


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object, or say in one sentence what to do about the file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; {what}.") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}); {what}.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged (no JSON object); {what}.")
    return content


def read_record(path: Path) -> Record:
    """Read a record, or say in one sentence what is wrong with it."""
    content = read_json(path, AGAIN)
    try:
        return Record.model_validate(content)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise UserError(f"{path} is no valid record (field {place}: {error.errors()[0]['msg']}); {AGAIN}.") from error


def is_done(folder: Path) -> bool:
    """Return whether a folder holds a finished cell; a damaged one does not count."""
    try:
        return read_record(folder / "record.json").status == "done"
    except UserError:
        return False


def read_table(path: Path, what: str = AGAIN) -> pd.DataFrame:
    """Read a table, or say in one sentence what to do about the file."""
    try:
        return read_parquet(path)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; {what}.") from error
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise UserError(f"{path} is damaged (not a whole parquet file); {what}.") from error


def check_hash(path: Path, record: Record) -> None:
    """Refuse a detections file that is not the one the record's numbers come from."""
    check_sha256(path, "" if record.metrics is None else record.metrics.detections_sha256)


def check_sha256(path: Path, expected: str) -> None:
    """Refuse a detections file that is missing, or has another sha256 than expected; any will do where it is empty."""
    try:
        same = path.is_file() if not expected else sha256_of_file(path) == expected
    except FileNotFoundError:
        same = False
    if not same and not path.exists():
        raise UserError(f"{path} is missing; {AGAIN}.")
    if not same:
        raise UserError(f"{path} is damaged or was edited (its sha256 is not the one in record.json); {AGAIN}.")
