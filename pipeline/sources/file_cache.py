"""A cache of the files of documents that are being read, between their page ranges.

    files = FileCache(scratch, settings.input, settings.storage)
    files.path(source)

Ranges of a long document come between those of others. Without the cache a book of 100 MB in a bucket would be
downloaded a hundred times.
"""

from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ocrmill.configs.settings import InputSettings, StorageSettings
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.records import Failure, Source
from ocrmill.pipeline.sources.fetch import fetch
from ocrmill.pipeline.sources.remote import is_remote

MOST_FILES = 64


@dataclass(frozen=True, slots=True)
class _CacheEntry:
    path: Path
    copied: int  # bytes that it takes in the scratch folder
    stack: ExitStack


class FileCache:
    """Fetches sources, and keeps those used last: at most 64, with copies of at most `input.kept_mb` in all."""

    def __init__(self, scratch: Path, settings: InputSettings, storage: StorageSettings) -> None:
        self._scratch, self._settings, self._storage = scratch, settings, storage
        self._entries: OrderedDict[tuple[str, str], _CacheEntry] = OrderedDict()

    def path(self, source: Source) -> Path | Failure:
        """Return the local file with the source's bytes, or the reason why they cannot be read.

        The file stays until it is evicted, or `close`.

        Raises:
            OutputError: The scratch folder is full.
        """
        key = source.uri, source.version
        if key not in self._entries:
            is_copy = source.member is not None or is_remote(source.path)
            self._make_room(source.bytes if is_copy else 0)
            stack = ExitStack()
            try:
                path = stack.enter_context(fetch(source, self._scratch, self._settings, self._storage))
            except PageError as error:
                return error.to_failure()
            self._entries[key] = _CacheEntry(path, path.stat().st_size if is_copy else 0, stack)
        self._entries.move_to_end(key)
        return self._entries[key].path

    def close(self) -> None:
        """Remove all copies."""
        while self._entries:
            self._entries.popitem()[1].stack.close()

    def _make_room(self, size: int) -> None:
        most = self._settings.kept_mb << 20
        while self._entries and (
            len(self._entries) >= MOST_FILES or size + sum(entry.copied for entry in self._entries.values()) > most
        ):
            self._entries.popitem(last=False)[1].stack.close()
