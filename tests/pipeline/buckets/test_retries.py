"""Requests that botocore sends again are counted, and no first one."""

import pytest
from botocore.awsrequest import AWSPreparedRequest, HeadersDict

from ocrmill.pipeline.buckets.retries import retries
from ocrmill.pipeline.buckets.s3 import _count_if_again


@pytest.mark.parametrize(
    ("header", "counted"),
    [(b"attempt=1", 0), ("ttl=20260101T000000Z; attempt=2; max=6", 1), (b"attempt=11; max=12", 1), (None, 0)],
)
def test_a_request_that_is_sent_again_is_counted(header: str | bytes | None, counted: int) -> None:
    """Botocore numbers attempts in a header from 1, after other values; a request without it says nothing."""
    headers = HeadersDict({} if header is None else {"amz-sdk-request": header})
    request = AWSPreparedRequest("GET", "https://example.org/key", headers, b"", stream_output=False)
    before = retries()

    _count_if_again(request)

    assert retries() == {**before, "request": before["request"] + counted}
