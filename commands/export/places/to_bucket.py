"""An export into a bucket: made in a temporary folder of this machine, then uploaded.

What says that an export is whole (`_export.json`, or `_index.jsonl` of a Markdown tree) is uploaded last, and taken
away first where an export takes the place of another one. Until then `_unfinished.json` lies there, so that the next
export may go on where one was killed. A single file (`jsonl`) is one object, and so appears at once.

Not covered: two exports to one place at the same time; the space that the folder takes (TMPDIR), the memory of its
largest file, and single files above 5 GiB, which no bucket takes in one request.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.export_report import ExportReport
from ocrmill.commands.export.formats.exported_folder import MADE
from ocrmill.commands.export.formats.json_lines import LINE_BEGINS
from ocrmill.commands.export.paths import INDEX
from ocrmill.pipeline.buckets.bucket import Bucket, BucketError, BucketErrorCode, BucketUrl
from ocrmill.pipeline.buckets.connect import check_bucket, open_bucket
from ocrmill.pipeline.errors import OutputError, UsageError
from ocrmill.pipeline.output.schema import TABLES
from ocrmill.pipeline.output.stores.store import Store

UNFINISHED = "_unfinished.json"
MOST_BYTES = 5 << 30  # of an object that is written in one request: the limit of S3, and below that of the others
_WHOLE = (MADE, INDEX)  # each says of its kind of export that all other files are there
Write = Callable[[Store, Path, ExportOptions], ExportReport]


def export_to_bucket(
    store: Store, where: BucketUrl, write: Write, options: ExportOptions, *, is_file: bool
) -> ExportReport:
    """Export to a prefix of a bucket, or a format that `is_file` to an object.

    Raises:
        BucketError: The bucket does not answer, or refuses.
        OutputError: The output cannot be read, or a file is too large for a bucket.
        UsageError: The place is an output's, holds files that no export wrote, or an export that may not be replaced.
    """
    storage = options.settings.storage
    check_bucket(BucketUrl(where.scheme, where.name), storage)
    bucket = open_bucket(where, storage)
    key = where.key.strip("/")
    _refuse_outputs(bucket, key, store, str(where))
    old: set[str] = set()
    if is_file:
        _refuse_other_file(bucket, key, str(where))
    else:
        old = _refuse_others(bucket, key, str(where), overwrite=options.overwrite)
    with tempfile.TemporaryDirectory(prefix="ocrmill-export-") as folder:
        made = Path(folder) / "export"
        report = write(store, made, options)
        if is_file:
            _upload(bucket, key, made)
        else:
            _upload_folder(bucket, key, made, old)
    return report


def _upload_folder(bucket: Bucket, key: str, folder: Path, old: set[str]) -> None:
    files = {f"{key}/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*") if path.is_file()}
    whole = [f"{key}/{name}" for name in _WHOLE if f"{key}/{name}" in files]
    bucket.write(f"{key}/{UNFINISHED}", b"{}\n")
    for name in _WHOLE:
        bucket.delete(f"{key}/{name}")
    for name in sorted(files.keys() - {*whole}):
        _upload(bucket, name, files[name])
    for name in sorted(old - files.keys()):
        bucket.delete(name)
    for name in whole:
        _upload(bucket, name, files[name])
    bucket.delete(f"{key}/{UNFINISHED}")


def _upload(bucket: Bucket, key: str, path: Path) -> None:
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise OutputError(
            f"{bucket.url}/{key} would have {size:,} bytes, and a bucket takes {MOST_BYTES:,} at once: choose a format "
            "of several files and a smaller --shard-mb, or write a folder and copy it"
        )
    bucket.write(key, path.read_bytes())


def _refuse_outputs(bucket: Bucket, key: str, store: Store, where: str) -> None:
    """Refuse the bucket itself, an output, and the folders of one."""
    if not key:
        raise UsageError(f"{where} is a whole bucket: name a folder in it, as {where.rstrip('/')}/export")
    parts = key.split("/")
    for depth in range(1, len(parts) + 1):
        above = "/".join(parts[:depth])
        if f"{bucket.url}/{above}" == store.url or all(_holds(bucket, f"{above}/{table}/") for table in TABLES):
            raise UsageError(f"{where} is in the output {bucket.url}/{above}: choose another place")


def _holds(bucket: Bucket, prefix: str) -> bool:
    return next(iter(bucket.list(prefix)), None) is not None


def _refuse_others(bucket: Bucket, key: str, where: str, *, overwrite: bool) -> set[str]:
    """Return the keys of an export that is to be replaced; refuse what is somebody's."""
    old = {entry.key for entry in bucket.list(f"{key}/")}
    if old and not old & {f"{key}/{name}" for name in (*_WHOLE, UNFINISHED)}:
        raise UsageError(f"{where} holds files that no export wrote: choose another folder")
    if f"{key}/{MADE}" in old and not overwrite:
        raise UsageError(f"{where} holds an export already: choose another folder, or give --overwrite")
    return old


def _refuse_other_file(bucket: Bucket, key: str, where: str) -> None:
    """Refuse an object that is not of JSON lines."""
    try:
        begins = bucket.read(key, end=len(LINE_BEGINS))
    except BucketError as error:
        if error.code is BucketErrorCode.NO_OBJECT:
            return
        if not bucket.head(key).bytes:
            return
        raise
    if begins and begins != LINE_BEGINS:
        raise UsageError(f"{where} is a file that this command has not written: name a new one, or delete it")
