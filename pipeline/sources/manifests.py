"""Manifests: files that name sources, one on each line or in each row.

    # a comment
    scans/first.pdf
    old.zip
    /data/more

A text manifest (`.txt`, `.list`) is UTF-8; bytes that are not UTF-8 are kept, so that any file name can be written.
A Parquet manifest is read from its column `source`, else `path`, else its only column of text; empty rows are passed
over.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ocrmill.pipeline.errors import InputError

_TEXT_ENDINGS = (".txt", ".list")
MANIFEST_ENDINGS = (*_TEXT_ENDINGS, ".parquet")
_PEEK = 1 << 16


def open_manifest(path: str) -> Iterator[str]:
    """Read the names in a manifest, in its order, during the iteration.

    Raises:
        InputError: it is not a manifest (now), or it cannot be read to its end (later).
    """
    if path.lower().endswith(".parquet"):
        return _rows(path, _column(path))
    _check_text(path)
    return _lines(path)


def named_by(manifest: str) -> str:
    """Return the beginning of a message about a wrong name of a text manifest: the file may be prose."""
    if not manifest.lower().endswith(_TEXT_ENDINGS):
        return ""
    return f"in {manifest}, which is read as a manifest (one source on each line), "


def _check_text(path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            head = file.read(_PEEK)
    except OSError as error:
        raise InputError(f"this manifest cannot be read: {error.strerror}") from error
    if b"\0" in head:
        raise InputError("this manifest holds zero bytes: it is not text, or not in UTF-8; save it as UTF-8")


def _lines(path: str) -> Iterator[str]:
    try:
        with Path(path).open("rb") as file:
            for number, raw in enumerate(file):
                line = os.fsdecode((raw.removeprefix(b"\xef\xbb\xbf") if number == 0 else raw).strip())
                if line and not line.startswith("#"):
                    yield line
    except OSError as error:
        raise InputError(f"this manifest cannot be read to its end: {error.strerror}") from error


def _column(path: str) -> str:
    """Find the column of a Parquet manifest that names the sources."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with Path(path).open("rb") as file:  # pyarrow cannot open a name that is not UTF-8
            schema = pq.read_schema(file)
        texts: list[str] = [field.name for field in schema if _is_text(field.type)]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"this Parquet manifest cannot be read: {_first_line(error)}") from error
    for name in ("source", "path", *texts[: len(texts) == 1]):
        if texts.count(name) == 1:
            return name
    raise InputError(
        f"this Parquet manifest needs a text column named source or path; it has {', '.join(schema.names)}"
    )


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _rows(path: str, column: str) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with Path(path).open("rb") as file:
            for batch in pq.ParquetFile(file).iter_batches(columns=[column], batch_size=10_000):
                values = batch.column(0)
                if pa.types.is_dictionary(values.type):
                    values = values.dictionary_decode()
                for value in values.cast(pa.large_binary()).to_pylist():  # as bytes, since they need not be UTF-8
                    if value:
                        yield os.fsdecode(value)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"this Parquet manifest cannot be read to its end: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
