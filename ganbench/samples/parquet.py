"""Parquet in Hugging Face's layout: an image column, struct{bytes, path} or bytes, and an integer column `label`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ganbench.errors import UserError, counted
from ganbench.samples.encoded import Encoded, survey
from ganbench.samples.labels import Labels
from ganbench.samples.sets import Declared, SampleSet

MAGIC = b"PAR1"
AT_ONCE = 32  # images taken out of the file together
ROWS = 50_000_000  # a few bytes can claim any number of rows
FAULTS = (pa.ArrowException, OSError, EOFError, ValueError)


def opens(path: Path, head: bytes) -> bool:
    """Whether a file is Parquet."""
    return head.startswith(MAGIC)


def read(path: Path, declaration: Declared) -> SampleSet:
    """The images of a Parquet file.

    Raises:
        UserError: see `encoded` and `survey`.
    """
    return survey(path.name, encoded(path))


def encoded(path: Path) -> Encoded:
    """The images of a Parquet file, in the order of its rows.

    Raises:
        UserError: no image column or more than one, a row without an image or a label.
    """
    file = pq.ParquetFile(path, memory_map=False)
    schema, n = file.schema_arrow, file.metadata.num_rows
    if not 0 <= n <= ROWS:
        raise UserError(f"{path}: the file claims {n:,} rows, which is too many; split the file")
    columns = [field.name for field in schema if _is_image(field.type)]
    if len(columns) != 1:
        listed = ", ".join(f"{field.name}: {field.type}" for field in schema)
        raise UserError(f"{path}: one column of images is expected, struct{{bytes, path}} or binary; it has {listed}")
    labels = None
    if "label" in schema.names:
        column = file.read(columns=["label"]).column("label")
        if not pa.types.is_integer(column.type) or column.null_count or len(column) != n:
            raise UserError(
                f"{path}: column label is {column.type} with {counted(column.null_count, 'gap')}; whole numbers needed"
            )
        labels = column.to_numpy().astype(np.int64)
    cursor = _Cursor(path, file, columns[0])
    names = [f"{columns[0]}[{i}]" for i in range(n)]
    meaning = Labels(labels, "column label" if labels is not None else "")
    return Encoded("Parquet", names, cursor.read, meaning, faults=FAULTS)


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return "bytes" in [field.name for field in kind]
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


class _Cursor:
    """The image column, a few rows of it in memory.

    Reading forwards is cheap; reading backwards restarts a row group.
    """

    def __init__(self, path: Path, file: pq.ParquetFile, column: str) -> None:
        self._path, self._file, self._column = path, file, column
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        self._starts = np.cumsum([0, *sizes])
        self._at = 0
        self._rows = self._from(0)

    def read(self, a: int, b: int) -> Iterator[bytes]:
        """Images from row a to before row b."""
        if a != self._at:
            group = int(np.searchsorted(self._starts, a, side="right")) - 1
            self._rows, self._at = self._from(group), int(self._starts[group])
        while self._at < b:
            data = next(self._rows, None)
            if data is None:
                raise UserError(f"{self._path}: row {self._at:,} has no image in column {self._column}")
            self._at += 1
            if self._at > a:
                yield data

    def _from(self, group: int) -> Iterator[bytes | None]:
        groups = range(group, self._file.num_row_groups)
        for batch in self._file.iter_batches(AT_ONCE, row_groups=groups, columns=[self._column]):
            column = batch.column(0)
            column = column.field("bytes") if pa.types.is_struct(column.type) else column
            for value in column:
                yield value.as_py()
