"""A folder of this machine, and its entries by name."""

# Paths are str from scandir to Source: pathlib would be slow over millions of files, and resolves links with its dots.
# ruff: noqa: PTH116

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass

from ocrmill.pipeline.errors import InputError
from ocrmill.pipeline.sources.uri import one_line


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder whose entries are being read."""

    identity: tuple[int, int]  # device and inode
    entries: Iterator["os.DirEntry[str]"]  # by name
    whole: bool = True  # all entries are wanted; else those that the glob matches


def list_folder(path: str) -> Folder:
    """List a folder.

    Raises:
        InputError: it cannot be listed.
    """
    try:
        status = os.stat(path)
        with os.scandir(path) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{one_line(path)}: this folder cannot be listed: {error.strerror}") from error
    return Folder((status.st_dev, status.st_ino), iter(ordered))


def is_folder(entry: "os.DirEntry[str]") -> bool:
    """Tell if the entry is a folder or a link to one; a broken link is not."""
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise InputError(f"{one_line(entry.path)}: {error.strerror}") from error
