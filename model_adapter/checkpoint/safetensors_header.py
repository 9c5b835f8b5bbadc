"""Names, types and shapes of the tensors in a safetensors file, from its header alone.

A file is eight bytes with the header's length (little endian), the header in JSON, and the tensors' bytes, without
gaps: https://github.com/huggingface/safetensors#format. So the size of a whole file is known from its header.
"""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from ocrmill.model_adapter.errors import ModelFilesError

_LENGTH_BYTES = 8
_MAX_HEADER = 100_000_000  # bytes; safetensors' own limit
_LFS_POINTER = b"version https://git-lfs"
_BYTES_OF = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}


class DamagedFileError(ModelFilesError, ValueError):
    """A file is no safetensors file, or not all of one; the text names it and says what to do."""


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """A tensor as the header describes it."""

    dtype: str  # as BF16
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, TensorHeader]:
    """Tensor name -> type and shape. Reads the header only.

    Raises:
        DamagedFileError: it cannot be read, is no safetensors file, or is shorter or longer than its header says.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(_LENGTH_BYTES)
            length = int.from_bytes(start, "little")
            rest = file.read(length if length <= min(size, _MAX_HEADER) else len(_LFS_POINTER))
    except OSError as error:
        raise DamagedFileError(f"{path} cannot be read: {error.strerror or error}") from error
    if (start + rest).startswith(_LFS_POINTER):
        raise DamagedFileError(f"{path} is a pointer of Git LFS, not the file itself: run `git lfs pull` in its folder")
    if len(start) < _LENGTH_BYTES or length > _MAX_HEADER or not rest.startswith(b"{"):
        raise DamagedFileError(f"{path} ({size:,} bytes) is not a safetensors file: {_FETCH}")
    if len(rest) < length:
        raise _cut_off(path, size, _LENGTH_BYTES + length)
    try:
        entries: dict[str, Any] = json.loads(rest)
        entries.pop("__metadata__", None)
        tensors = {name: TensorHeader(entry["dtype"], tuple(entry["shape"])) for name, entry in entries.items()}
        ends = [_end(tensors[name], entry["data_offsets"]) for name, entry in entries.items()]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFileError(f"{path} is damaged (its header makes no sense): {_FETCH}") from error
    whole = _LENGTH_BYTES + length + max(ends, default=0)
    if size < whole:
        raise _cut_off(path, size, whole)
    if size > whole:
        raise DamagedFileError(f"{path} has {size:,} bytes and should have {whole:,}: {_FETCH}")
    return tensors


_FETCH = "fetch it again"


def _end(tensor: TensorHeader, offsets: list[int]) -> int:
    first, end = offsets
    width = _BYTES_OF.get(tensor.dtype)
    if width is not None and end - first != width * prod(tensor.shape):
        raise ValueError(f"{tensor} does not take {end - first} bytes")
    return end


def _cut_off(path: Path, size: int, whole: int) -> DamagedFileError:
    return DamagedFileError(f"{path} is cut off: it has {size:,} of at least {whole:,} bytes; {_FETCH}")
