"""Buckets: what a cloud answers on good days and bad ones. A real S3 server, and a proxy that fails on demand."""

import io

import pytest
from s3_proxy import FaultyS3
from s3_server import S3Server

from pipeline.buckets import BucketError, BucketUrl, Trouble, open_bucket


def test_what_is_written_is_read(s3: S3Server):
    """An object goes in in one step, is listed, read whole, in ranges and from its end, and deleted."""
    bucket = open_bucket(BucketUrl("s3", s3.bucket()), s3.settings)
    version = bucket.write("a/b.pdf", b"0123456789")

    assert [("a/b.pdf", 10, version)] == [(found.key, found.bytes, found.version) for found in bucket.list("a")]
    assert b"0123456789" == bucket.read("a/b.pdf")
    assert b"234" == bucket.read("a/b.pdf", start=2, end=5)
    assert (b"89", bucket.head("a/b.pdf")) == bucket.tail("a/b.pdf", 2)
    bucket.delete("a/b.pdf")
    bucket.delete("a/b.pdf")
    with pytest.raises(BucketError) as caught:
        bucket.read("a/b.pdf")
    assert Trouble.NO_OBJECT is caught.value.trouble


def test_a_cut_download_is_taken_up_again(s3: S3Server, faulty_s3: FaultyS3):
    """A connection that breaks off in a body goes on from there: no byte twice, none missing."""
    name, data = s3.bucket(), bytes(range(256)) * 20_000
    s3.put(name, "a.pdf", data)
    bucket = open_bucket(BucketUrl("s3", name), faulty_s3.settings)
    faulty_s3.cuts_answers(after=2_000_000, method="GET", times=2)
    file = io.BytesIO()
    bucket.download("a.pdf", file, version=bucket.head("a.pdf").version)

    assert data == file.getvalue()
    assert 3 == faulty_s3.requests["GET"]
