"""Tables as parquet files whose bytes depend on their content alone; files that are written whole or not at all.

All writing into a store goes through here: a full disk or a read-only file system becomes one sentence, see
``failures.told_if_unwritable``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets import atomic as plain
from ..datasets.atomic import TEMPORARY, sha256_of_file, temporary_sibling
from .failures import told_if_unwritable

if TYPE_CHECKING:  # pandas and pyarrow take half a second, which who only looks at states need not wait for
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "TEMPORARY",
    "encode_parquet",
    "make_folder",
    "read_parquet",
    "read_parquet_facts",
    "replacing",
    "replacing_directory",
    "sha256_of_file",
    "temporary_sibling",
    "write_bytes",
    "write_json",
]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write, see ``datasets.atomic.replacing``.

    Raises:
        WriteError: The file system cannot be written.
    """
    with told_if_unwritable(path), plain.replacing(path) as temporary:
        yield temporary


@contextmanager
def replacing_directory(path: Path, *, keep_older: bool = False) -> Iterator[Path]:
    """Yield a temporary folder to fill, see ``datasets.atomic.replacing_directory``.

    Raises:
        WriteError: The file system cannot be written.
    """
    with told_if_unwritable(path), plain.replacing_directory(path, keep_older=keep_older) as temporary:
        yield temporary


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes, whole or not at all.

    Raises:
        WriteError: The file system cannot be written.
    """
    with told_if_unwritable(path):
        plain.write_bytes(path, content)


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, whole or not at all.

    Raises:
        WriteError: The file system cannot be written.
    """
    with told_if_unwritable(path):
        plain.write_json(path, content)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises:
        WriteError: The file system cannot be written.
    """
    with told_if_unwritable(path):
        path.mkdir(parents=True, exist_ok=True)


def encode_parquet(frame: pd.DataFrame, facts: dict[str, Any] | None = None) -> bytes:
    """Return a table as the bytes of a zstd-compressed parquet file.

    The bytes depend on the table's content only: no index, no time stamp.

    Args:
        frame: The table.
        facts: JSON-able facts to keep in the file's own metadata, read again by ``read_parquet_facts``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    metadata = {b"lqbench": json.dumps(facts).encode()} if facts is not None else None
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def read_parquet(path: Path | pa.BufferReader) -> pd.DataFrame:
    """Read a parquet file, or one in memory.

    Raises:
        OSError: The file is absent or unreadable.
        pyarrow.ArrowInvalid: It is no parquet file, or truncated.
    """
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read(use_threads=False).to_pandas()


def read_parquet_facts(path: Path | pa.BufferReader) -> dict[str, Any]:
    """Return the facts given to ``encode_parquet``; empty where there were none."""
    import pyarrow.parquet as pq

    metadata = pq.ParquetFile(path).schema_arrow.metadata or {}
    return json.loads(metadata.get(b"lqbench", b"{}"))
