"""Connect to the bucket that a URL names."""

from functools import lru_cache

from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.buckets.bucket import Bucket, BucketUrl


@lru_cache(maxsize=32)
def _connect(scheme: str, name: str, storage: StorageSettings) -> Bucket:
    if scheme == "s3":
        from ocrmill.pipeline.buckets.s3 import S3Bucket  # boto3 takes a third of a second

        return S3Bucket(name, storage)
    from ocrmill.pipeline.buckets.obstore import connect

    return connect(scheme, name, storage)


def fail_fast(storage: StorageSettings) -> StorageSettings:
    """Return settings for a waiting person: failures show within seconds."""
    return storage.model_copy(
        update={"attempts": min(2, storage.attempts), "timeout_s": min(10.0, storage.timeout_s), "outage_s": 0.0}
    )


def check_bucket(where: BucketUrl, storage: StorageSettings) -> None:
    """Check within seconds that a bucket answers, by listing one key.

    Raises:
        BucketError: it does not answer, or refuses; the text says why.
    """
    # of a folder: for another prefix obstore would read all keys beside it, which may be millions
    folder = where.key if where.key.endswith("/") or not where.key else f"{where.key}/"
    next(open_bucket(where, fail_fast(storage)).list(folder), None)


def open_bucket(where: BucketUrl, storage: StorageSettings) -> Bucket:
    """Open the bucket of a URL; its connections are shared within this process.

    Raises:
        BucketError: no credentials or region can be found.
    """
    return _connect(where.scheme, where.name, storage)
