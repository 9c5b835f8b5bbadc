"""The objects of a bucket as sources, in the order of their keys, as they are listed.

    list_objects(BucketUrl("s3", "papers", "2024/"), settings.storage)

One page of the listing, 1,000 keys, is in memory at a time. A listing that breaks off continues after its last key, for
as long as a bucket may be down (storage.outage_s). Keys that end in a slash are skipped: consoles and file system
gateways write them to show empty folders.
"""

import time
from collections.abc import Iterator

from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.buckets.bucket import BucketError, BucketErrorCode, BucketUrl
from ocrmill.pipeline.buckets.connect import open_bucket
from ocrmill.pipeline.records import Source
from ocrmill.pipeline.sources.remote import object_source, remote_errors, wait_a_little


def list_objects(where: BucketUrl, storage: StorageSettings) -> Iterator[Source]:
    """Yield every object whose key begins with that of `where`.

    Raises:
        PageError: the listing breaks off and cannot continue; the objects before are good.
    """
    last, down_since = "", None
    with remote_errors():
        bucket = open_bucket(where, storage)
        while True:
            try:
                for found in bucket.list(where.key, after=last):
                    last, down_since = found.key, None
                    if not found.key.endswith("/"):
                        yield object_source(where, found)
            except BucketError as error:
                down_since = down_since or time.monotonic()
                if error.code is not BucketErrorCode.UNREACHABLE or time.monotonic() - down_since > storage.outage_s:
                    raise
                wait_a_little()
            else:
                return
