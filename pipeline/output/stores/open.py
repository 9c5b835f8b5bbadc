"""Open the output that a path or a URL names."""

from pathlib import Path

from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.buckets.bucket import BucketUrl
from ocrmill.pipeline.buckets.connect import check_bucket, open_bucket
from ocrmill.pipeline.errors import OutputError, UsageError
from ocrmill.pipeline.output.stores.store import FOLDERS, URL, Store, _check_place
from ocrmill.pipeline.redaction import redacted
from ocrmill.pipeline.sources.uri import one_line


def open_store(output: str, storage: StorageSettings) -> Store:
    """Open the output at a path or URL; it need not exist yet.

    Raises:
        UsageError: It cannot be an output.
        BucketError: The bucket does not answer, or refuses access.
    """
    where = BucketUrl.parse(output)
    if where is None:
        from ocrmill.pipeline.output.stores.local import LocalStore

        _check_folder(output)
        return LocalStore(Path(output))
    from ocrmill.pipeline.output.stores.bucket import BucketStore

    check_bucket(where, storage)
    return BucketStore(open_bucket(where, storage), where.key)


def _check_folder(output: str) -> None:
    """Refuse names that are surely a mistake, and folders whose shards no reader can open."""
    if not output:
        raise UsageError("the output has no name; is a variable empty?")
    if URL.match(output):
        raise UsageError(f"{redacted(output)}: of URLs, those of s3, gs and az can be an output")
    _check_place(Path(output))
    try:
        output.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{one_line(output)}: name an output in UTF-8; readers of Parquet open no other") from error


def open_output(output: str, storage: StorageSettings) -> Store:
    """Open an existing output.

    Raises:
        OutputError: There is none.
        BucketError: The bucket does not answer, or refuses access.
    """
    store = open_store(output, storage)
    if store.lease_owner() is None and not any(store.list(folder, "") for folder in FOLDERS):
        raise OutputError(f"{output} is not an output of ocrmill: it has no pages, documents or runs")
    return store
