"""An output in a bucket: what is visible, and what a bad day does to it."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from s3_proxy import FaultyS3
from s3_server import S3Server

from ocrmill.pipeline.buckets.bucket import BucketError, BucketErrorCode
from ocrmill.pipeline.buckets.object_file import TAIL_BYTES
from ocrmill.pipeline.errors import FileGoneError, OutputError
from ocrmill.pipeline.output.stores.open import open_output, open_store
from ocrmill.pipeline.output.stores.store import Store


def shard(rows: int) -> bytes:
    buffer = pa.BufferOutputStream()
    values = pa.array([f"{number:020d}{number * 7919:030d}" for number in range(rows)])
    pq.write_table(pa.table({"long": values, "short": pa.array(range(rows))}), buffer, compression="none")
    return bytes(buffer.getvalue())


def test_what_is_written_is_there(any_store: Store) -> None:
    """A write is visible whole, replaces what was there, and a deletion may come twice; folders do not mix."""
    any_store.write("pages/b.parquet", b"1")
    any_store.write("pages/a.parquet", b"1")
    any_store.write("pages/a.parquet", b"22")
    any_store.write("documents/a.parquet", b"3")
    any_store.write("runs/a.json", b"{}")

    assert ["pages/a.parquet", "pages/b.parquet"] == any_store.list("pages")
    assert ["runs/a.json"] == any_store.list("runs", ".json")
    assert (b"22", 2) == (any_store.read("pages/a.parquet"), any_store.sizes("pages")["pages/a.parquet"])
    any_store.delete("pages/a.parquet")
    any_store.delete("pages/a.parquet")
    assert ["pages/b.parquet"] == any_store.list("pages")


def test_only_what_belongs_to_the_result_is_listed(store: Store, s3: S3Server) -> None:
    """Hidden names, deeper folders, other endings and neighbours with a longer name are no part of a folder."""
    bucket = store.url.split("/")[2]
    for key in (
        "out/pages/.a.parquet",
        "out/pages/_a.parquet",
        "out/pages/x/a.parquet",
        "out/pages/a.txt",
        "out/pages/",
    ):
        s3.put(bucket, key)
    s3.put(bucket, "out/pages2/a.parquet")

    assert [] == store.list("pages")


@pytest.mark.parametrize("rows", [10, TAIL_BYTES // 10])
def test_pyarrow_reads_a_shard_by_ranges(store: Store, faulty_s3: FaultyS3, rows: int) -> None:
    """A small shard costs one request; of a large one only the footer and the wanted column are read."""
    store.write("pages/a.parquet", shard(rows))
    through_proxy = open_store(store.url, faulty_s3.settings)
    faulty_s3.requests.clear()

    table = pq.ParquetFile(through_proxy.file("pages/a.parquet")).read(columns=["short"])

    assert list(range(rows)) == table["short"].to_pylist()
    assert faulty_s3.requests["GET"] == 1 if rows == 10 else faulty_s3.requests["GET"] <= 4


def test_a_shard_that_is_gone_or_replaced_says_so(any_store: Store) -> None:
    """A file that is deleted before it is opened is gone; one that is replaced while it is read is no mixture."""
    with pytest.raises(FileGoneError, match=r"pages/a.parquet is gone"):
        any_store.file("pages/a.parquet")
    any_store.write("pages/a.parquet", shard(TAIL_BYTES))
    file = any_store.file("pages/a.parquet")
    any_store.write("pages/a.parquet", shard(10))
    with pytest.raises(BucketError) as caught:
        file.read(100)
    assert caught.value.code is BucketErrorCode.CHANGED


def test_what_is_set_aside_is_never_overwritten(store: Store, s3: S3Server) -> None:
    """Two damaged files of one name both stay, out of the result."""
    for content in (b"one", b"two"):
        store.write("pages/a.parquet", content)
        store.set_aside("pages/a.parquet")

    bucket = store.url.split("/")[2]
    assert [] == store.list("pages")
    assert {b"one", b"two"} == {s3.get(bucket, key) for key in s3.keys(bucket, "out/_damaged/")}


def test_an_output_that_is_not_there_is_refused(s3: S3Server) -> None:
    """Reading needs an output, writing a bucket; both are said at once, by name."""
    bucket = s3.bucket()
    with pytest.raises(OutputError, match=f"s3://{bucket}/nowhere is not an output of ocrmill"):
        open_output(f"s3://{bucket}/nowhere", s3.settings)
    with pytest.raises(BucketError, match="s3://no-such-bucket-here/out/: there is no such bucket"):
        open_store("s3://no-such-bucket-here/out", s3.settings)
    open_store(f"s3://{bucket}/out", s3.settings).write("runs/a.json", b"{}")
    assert open_output(f"s3://{bucket}/out", s3.settings).list("runs", ".json") == ["runs/a.json"]


def test_an_upload_that_is_cut_leaves_what_was_there(store: Store, faulty_s3: FaultyS3) -> None:
    """An upload that breaks off is tried again; one that always does is an error that may pass, and changes nothing."""
    through_proxy = open_store(store.url, faulty_s3.settings)
    store.write("pages/a.parquet", b"old")
    faulty_s3.cuts_requests(after=100_000, times=1, method="PUT")
    through_proxy.write("pages/b.parquet", bytes(1 << 20))
    assert bytes(1 << 20) == store.read("pages/b.parquet")

    faulty_s3.cuts_requests(after=100_000, times=None, method="PUT")
    with pytest.raises(OutputError, match="no good answer") as caught:
        through_proxy.write("pages/a.parquet", bytes(1 << 20))
    assert caught.value.transient
    assert store.read("pages/a.parquet") == b"old"
