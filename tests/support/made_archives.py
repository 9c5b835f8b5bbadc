"""Small archives, drawn up for the tests of what reads them."""

import io
import tarfile
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ocrmill.configs.settings import InputSettings, StorageSettings
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.records import Source
from ocrmill.pipeline.sources.archives.members import members
from ocrmill.pipeline.sources.fetch import fetch

SETTINGS = InputSettings()
STORAGE = StorageSettings()


LONG_AGO = 1_600_000_000


Files = Sequence[tuple[str, bytes]]


def zip_of(path: Path, files: Files, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Duplicate name")
                archive.writestr(info, data)
    return path


def tar_of(path: Path, files: Files, mtime: float = LONG_AGO, mode: str = "w") -> Path:
    packing: Any = f"{mode}:gz" if path.suffix in {".gz", ".tgz"} else mode
    with tarfile.open(path, packing) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), mtime
            archive.addfile(info, io.BytesIO(data))
    return path


def linking(path: Path, name: str, target: str, kind: bytes) -> None:
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.mtime = kind, target, LONG_AGO
        archive.addfile(info)


def patched(path: Path, at: int, data: bytes) -> Path:
    raw = bytearray(path.read_bytes())
    raw[at : at + len(data)] = data
    path.write_bytes(raw)
    return path


def listed(path: Path) -> dict[str, Source]:
    return {source.uri.removeprefix(f"{path}!"): source for source in members(str(path), SETTINGS, STORAGE)}


def content(source: Source, scratch: Path, limits: InputSettings = SETTINGS) -> bytes:
    with fetch(source, scratch, limits, STORAGE) as path:
        return path.read_bytes()


def refusal(source: Source, scratch: Path, limits: InputSettings = SETTINGS) -> PageError:
    with pytest.raises(PageError) as caught:
        content(source, scratch, limits)
    return caught.value


def zip_bytes(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"{name}.pdf", data)
    return packed.getvalue()


def tar_bytes(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{name}.pdf")
            info.size, info.mtime = len(data), LONG_AGO
            archive.addfile(info, io.BytesIO(data))
    return packed.getvalue()
