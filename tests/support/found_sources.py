"""Files for the tests of discovery, and what it finds of them."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from ocrmill.configs.settings import InputSettings, StorageSettings
from ocrmill.pipeline.errors import InputError, UsageError
from ocrmill.pipeline.records import Source
from ocrmill.pipeline.sources.discovery import Discovery

SETTINGS = InputSettings()
STORAGE = StorageSettings()


def write(folder: Path, *names: str, data: bytes = b"%PDF-") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def zipped(path: Path, *names: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return path


def found(inputs: Sequence[object], limits: InputSettings = SETTINGS) -> list[Source]:
    return list(Discovery([str(name) for name in inputs], limits, STORAGE))


def below(folder: Path, sources: Sequence[Source]) -> list[str]:
    return [source.uri.removeprefix(f"{folder}/") for source in sources]


def drain(path: Path) -> None:
    """Take all sources; what is not one of our errors gets through."""
    try:
        discovery = Discovery([str(path)], SETTINGS, STORAGE)
    except (InputError, UsageError) as error:
        str(error).encode()
        return
    for source in discovery:
        (source.uri + source.version + (source.detail or "")).encode()


def harmless(data: bytes) -> bool:
    """Tell if bytes read as lines cannot lead out of the test's folder, over the whole disk."""
    return b".." not in data and not any(line.strip().startswith(b"/") for line in data.split(b"\n"))
