"""Tables as parquet files whose bytes depend on their content alone; files that are written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..datasets.atomic import (
    TEMPORARY,
    replacing,
    replacing_directory,
    sha256_of_file,
    temporary_sibling,
    write_bytes,
    write_json,
)

__all__ = [
    "TEMPORARY",
    "encode_parquet",
    "read_parquet",
    "read_parquet_facts",
    "replacing",
    "replacing_directory",
    "sha256_of_file",
    "temporary_sibling",
    "write_bytes",
    "write_json",
]


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
