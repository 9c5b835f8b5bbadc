"""Atomic files and folders: each appears complete or not at all, also if two commands write at the same place."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ocrmill.pipeline.errors import OutputError, UsageError
from ocrmill.pipeline.output.schema import TABLES
from ocrmill.pipeline.output.stores.store import URL

_OWN_FOLDERS = (*TABLES, "runs")  # of an output: readers take all files of a table's folder


def regular_file(destination: Path, begins: bytes = b"") -> Path:
    """Return the path to write to; a link is resolved, so that it stays a link.

    A file that is there is replaced, if it `begins` as one that the command wrote.

    Raises:
        UsageError: The path is a folder, a pipe, a device, a URL or somebody's file.
    """
    refuse_place(destination)
    if destination.is_dir():
        raise UsageError(f"{destination} is a folder: name a file")
    if not destination.exists():
        return destination
    if not destination.is_file():  # the new file would replace it, even /dev/null
        raise UsageError(f"{destination} is not a regular file: name one")
    with destination.open("rb") as file:
        start = file.read(len(begins))
    if start and start != begins:
        raise UsageError(f"{destination} is a file that this command has not written: name a new one, or delete it")
    return destination.resolve()


def file_in_folder(destination: Path, begins: bytes) -> Path:
    """Return what `regular_file` does, for a file that is written into a folder that is there.

    Raises:
        UsageError: There is no such folder, or as for `regular_file`.
    """
    refuse_place(destination)
    if not destination.parent.is_dir():
        raise UsageError(f"{destination.parent} is not a folder: make it first")
    return regular_file(destination, begins)


def refuse_place(destination: Path) -> None:
    """Refuse a URL, which would become a local folder called `s3:`, and the folders in which an output has its files.

    Raises:
        UsageError: The destination is a URL, or in `pages`, `documents`, `sources` or `runs` of an output.
    """
    if URL.match(str(destination)):
        url = str(destination).replace(":/", "://", 1)  # a path has one slash there
        raise UsageError(f"{url} is a URL, and this command writes local files only: write one, then copy it")
    resolved = destination.resolve()
    for folder in (resolved, *resolved.parents):
        if folder.name in _OWN_FOLDERS and all((folder.parent / own).is_dir() for own in TABLES):
            raise UsageError(f"{destination} is in {folder}, where an output has its own files: choose another place")


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears at its path when the block ends without an error.

    Raises:
        OutputError: Another command is writing it.
    """
    temporary = path.with_name(f".ocrmill-{path.name}.tmp")
    with temporary.open("ab") as file:
        _lock(file.fileno(), temporary, path)
        try:
            file.truncate(0)  # what a killed command left
            yield file
            file.flush()
            temporary.replace(path)  # with the lock: nobody else may begin to write what now becomes the file
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def written_by_one(folder: Path, path: Path | None = None) -> Iterator[None]:
    """Keep other commands from writing into a folder, which will be at `path`, during the block.

    Raises:
        OutputError: Another command is writing there.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(opened, folder, path or folder)
        yield
    finally:
        os.close(opened)


def _lock(opened: int, name: Path, path: Path) -> None:
    """Lock what was opened by this name, or raise an `OutputError` about what will be at the path."""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = os.path.samestat(os.fstat(opened), name.stat())
    except (BlockingIOError, FileNotFoundError):
        is_ours = False
    except OSError:  # a file system without locks
        is_ours = True
    if not is_ours:
        raise OutputError(f"another command is writing {path}: wait for its end, or choose another place")


def empty_place(destination: Path, made: str, *, overwrite: bool) -> Path:
    """Return the path of a folder to write; a link is resolved, so that it stays a link.

    Args:
        destination: No folder yet, an empty one, or one that an export wrote.
        made: The file in it that says so.
        overwrite: Whether such a folder may be replaced.

    Raises:
        UsageError: It is a file, a URL, somebody's folder, an export that may not be replaced, or a folder that cannot
            be replaced: a mount, or the current one.
    """
    refuse_place(destination)
    if not destination.exists():
        return destination
    if not destination.is_dir():
        raise UsageError(f"{destination} is a file, and this format is a folder: name one")
    is_mount = os.path.ismount(destination.resolve())
    if is_mount or destination.samefile("."):
        what = "a mount" if is_mount else "the current folder"
        raise UsageError(f"{destination} is {what}, which cannot be replaced by a whole export: name a folder in it")
    if any(destination.iterdir()):
        if not (destination / made).is_file():
            raise UsageError(f"{destination} holds files that no export wrote: choose a new or an empty folder")
        if not overwrite:
            raise UsageError(f"{destination} holds an export already: choose another folder, or give --overwrite")
    return destination.resolve()


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Make a folder that appears at its path when the block ends without an error, in place of the one that is there.

    A kill leaves at most hidden folders beside it, which the next export there removes; between the two steps of a
    replacement there is none at the path.

    Raises:
        OutputError: Another command is writing it.
    """
    temporary, old = (path.with_name(f".ocrmill-{path.name}.{ending}") for ending in ("tmp", "old"))
    temporary.mkdir(parents=True, exist_ok=True)
    with written_by_one(temporary, path):
        try:
            for left in (*temporary.iterdir(), old):
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
            yield temporary
            if path.exists():
                path.rename(old)
            temporary.rename(path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def reporting_os_errors(destination: Path) -> Iterator[None]:
    """Turn an error of the file system into an `OutputError` that names the file."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{destination} cannot be written: {error.strerror}") from error
