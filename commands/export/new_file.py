"""Files for people, each complete or not there at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ocrmill.pipeline.errors import OutputError, UsageError
from ocrmill.pipeline.output.stores.store import URL


def regular_file(destination: Path) -> Path:
    """Return the temporary path for a file that will be at this path.

    Raises:
        UsageError: There is a folder, a pipe or a device, or it is a URL.
    """
    refuse_url(destination)
    if destination.is_dir():
        raise UsageError(f"{destination} is a folder: name a file")
    if not destination.exists():
        return destination
    if not destination.is_file():  # which the new file would replace, /dev/null even for everybody
        raise UsageError(f"{destination} is no regular file: name one")
    return destination.resolve()  # a link stays one


def refuse_url(destination: Path) -> None:
    """Refuse what would become a folder of this machine, called `s3:`.

    Raises:
        UsageError: It is a URL.
    """
    if URL.match(str(destination)):
        raise UsageError(f"{destination}: this is written to this machine only; copy it to a bucket from there")


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears at its path when the block ends well."""
    temporary = path.with_name(f".ocrmill-{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def told_as_output_error(destination: Path) -> Iterator[None]:
    """Say which file it was that the file system refused."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{destination} cannot be written: {error.strerror}") from error
