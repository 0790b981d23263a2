"""Files and folders that appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

TEMPORARY = ".tmp-"
"""Prefix of unfinished files and folders; readers skip it."""


def temporary_sibling(path: Path) -> Path:
    """Return an unused name in the same folder, so that renaming to ``path`` stays on one file system."""
    return path.with_name(f"{TEMPORARY}{path.name}-{uuid.uuid4().hex[:8]}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write; it replaces ``path`` at the end, or is removed if the block raises."""
    temporary = temporary_sibling(path)
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill; it replaces the folder ``path`` at the end, or is removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_sibling(path)
    temporary.mkdir()
    try:
        yield temporary
        _swap_in(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, whole or not at all."""
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    write_bytes(path, text.encode())


def encode_parquet(frame: pd.DataFrame, facts: dict[str, Any] | None = None) -> bytes:
    """Return a table as the bytes of a zstd-compressed parquet file.

    The bytes depend on the table's content only: no index, no time stamp.

    Args:
        frame: The table.
        facts: JSON-able facts to keep in the file's own metadata, read again by ``read_parquet_facts``.
    """
    table = pa.Table.from_pandas(frame, preserve_index=False)
    metadata = {b"lqbench": json.dumps(facts).encode()} if facts is not None else None
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a parquet file.

    Raises:
        OSError: The file is absent or unreadable.
        pyarrow.ArrowInvalid: It is no parquet file, or truncated.
    """
    return pq.ParquetFile(path).read(use_threads=False).to_pandas()


def read_parquet_facts(path: Path) -> dict[str, Any]:
    """Return the facts given to ``encode_parquet``; empty where there were none."""
    metadata = pq.ParquetFile(path).schema_arrow.metadata or {}
    return json.loads(metadata.get(b"lqbench", b"{}"))


def sha256_of_file(path: Path) -> str:
    """Return the file's sha256 as hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _swap_in(temporary: Path, path: Path) -> None:
    """Rename a finished folder into place, moving an older one out of the way first."""
    if not path.exists():
        temporary.rename(path)
        return
    older = temporary_sibling(path)
    path.rename(older)
    temporary.rename(path)
    shutil.rmtree(older, ignore_errors=True)
