"""A bucket that speaks S3: AWS, and whatever `storage.endpoint` names."""

import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from functools import lru_cache, partial
from typing import IO, Any, TypeVar

import boto3
import botocore.exceptions
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from urllib3.exceptions import HTTPError

from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.buckets.bucket import ABSENT, Action, BucketError, BucketErrorCode, ObjectInfo, explain, http_time
from ocrmill.pipeline.buckets.retries import count_retry

CHUNK = 1 << 20
_ATTEMPT = re.compile(r"attempt=(\d+)")
AWS = ".amazonaws.com"  # in the names of its servers, also in China
LONGEST_RETRY_S = 20.0  # as botocore's between its own retries
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and what HEAD has instead: the status alone
_CODES: Mapping[str, BucketErrorCode] = {
    **dict.fromkeys(("NoSuchKey", "404", "NotFound"), BucketErrorCode.NO_OBJECT),
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName"), BucketErrorCode.NO_BUCKET),
    **dict.fromkeys(("PreconditionFailed", "412", "ConditionalRequestConflict"), BucketErrorCode.CHANGED),
    **dict.fromkeys(
        (
            *("403", "AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
            *("ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", "AccountProblem"),
            *("InvalidClientTokenId", "UnrecognizedClientException", "401", "Unauthorized", "InvalidSecurity"),
        ),
        BucketErrorCode.DENIED,
    ),
    **dict.fromkeys(
        ("PermanentRedirect", "AuthorizationHeaderMalformed", "301", "TemporaryRedirect", "IllegalLocationConstraint"),
        BucketErrorCode.WRONG_REGION,
    ),
    "InvalidObjectState": BucketErrorCode.OTHER,  # in cold storage: a 403, but not because of the credentials
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired"), BucketErrorCode.CLOCK),
    **dict.fromkeys(
        (
            *("SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded"),
            *("InternalError", "ServiceUnavailable", "RequestTimeout", "IncompleteBody", "BadDigest"),
            *("429", "500", "502", "503", "504"),
        ),
        BucketErrorCode.UNREACHABLE,
    ),
}
_NO_CREDENTIALS = (
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.PartialCredentialsError,
    botocore.exceptions.CredentialRetrievalError,
    botocore.exceptions.ProfileNotFound,
    botocore.exceptions.TokenRetrievalError,
    botocore.exceptions.SSOError,
)
# A connection that ends in the middle of a body: botocore retries requests, not bodies.
_BROKEN_OFF = (
    botocore.exceptions.IncompleteReadError,
    botocore.exceptions.ReadTimeoutError,
    botocore.exceptions.ResponseStreamingError,
    botocore.exceptions.ConnectionClosedError,
    HTTPError,  # of urllib3, which botocore lets through where TLS breaks
)
_NO_ANSWER = (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError, *_BROKEN_OFF)
_Result = TypeVar("_Result")


def _client(storage: StorageSettings) -> Any:
    """Return boto3's client for all buckets, made again when a variable of AWS in the environment has changed."""
    return _kept_client(storage, frozenset(each for each in os.environ.items() if each[0].startswith("AWS_")))


@lru_cache(maxsize=8)
def _kept_client(storage: StorageSettings, _variables: frozenset[tuple[str, str]]) -> Any:
    """Make a client, which takes a tenth of a second; one without credentials is an error, so it is not kept."""
    config = Config(
        signature_version=UNSIGNED if storage.anonymous else None,
        retries={"mode": "standard", "total_max_attempts": storage.attempts},  # exponential, with jitter
        connect_timeout=storage.connect_s,
        read_timeout=storage.timeout_s,
        max_pool_connections=32,
        # What S3-compatible servers know; a body that arrives cut is refused for its length.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        user_agent_extra="ocrmill",
    )
    session = botocore.session.get_session()
    # Times in answers stay text: to parse those of a listing took three times as long as all the rest.
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    if not storage.anonymous and session.get_credentials() is None:
        raise botocore.exceptions.NoCredentialsError
    connect = partial(
        boto3.session.Session(botocore_session=session).client,
        *("s3", storage.region),
        endpoint_url=storage.endpoint,
    )
    client = connect(config=config)
    if AWS not in client.meta.endpoint_url:
        # Named here or in the environment: few others have a host name for each bucket.
        client = connect(config=config.merge(Config(s3={"addressing_style": "path"})))
    client.meta.events.register("before-send.s3", _count_if_again)
    return client


def _count_if_again(request: Any, **_: Any) -> None:
    """Count a request that botocore sends again; it numbers them in a header, `attempt=2; max=6`."""
    named = request.headers.get("amz-sdk-request", "")
    attempt = _ATTEMPT.search(named.decode() if isinstance(named, bytes) else named)
    if attempt and int(attempt[1]) > 1:
        count_retry("request")


class S3Bucket:
    """One bucket and its connections; any thread may use it."""

    def __init__(self, name: str, storage: StorageSettings) -> None:
        self.url = f"s3://{name}"
        self._name = name
        self._attempts = storage.attempts
        with self._explained("", "read"):
            self._client = _client(storage)

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """Implement the method of `Bucket`."""
        start = {"StartAfter": after} if after else {}
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix, **start))
        while True:
            with self._explained(prefix, "list"):
                page = next(pages, None)
            if page is None:
                return
            for entry in page.get("Contents", ()):
                yield ObjectInfo(entry["Key"], entry["Size"], _tag(entry))

    def head(self, key: str) -> ObjectInfo:
        """Implement the method of `Bucket`."""
        with self._explained(key, "read"):
            answer = self._client.head_object(Bucket=self._name, Key=key)
        return ObjectInfo(key, answer["ContentLength"], _tag(answer), http_time(answer.get("LastModified")))

    def read(self, key: str, *, version: str | None = None, start: int = 0, end: int | None = None) -> bytes:
        """Implement the method of `Bucket`."""
        if end is not None and end <= start:
            return b""
        wanted = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        return self._body(key, wanted, version)[0]

    def tail(self, key: str, size: int) -> tuple[bytes, ObjectInfo]:
        """Implement the method of `Bucket`."""
        try:
            body, answer = self._body(key, {"Range": f"bytes=-{size}"}, None)
        except BucketError as error:
            cause = error.__cause__
            if isinstance(cause, botocore.exceptions.ClientError) and cause.response["Error"]["Code"] == "InvalidRange":
                return b"", self.head(key)  # an empty object has no last byte
            raise
        total = answer.get("ContentRange", "").rpartition("/")[2] or str(len(body))
        return body, ObjectInfo(key, int(total), _tag(answer), http_time(answer.get("LastModified")))

    def download(self, key: str, file: IO[bytes], *, version: str) -> None:
        """Implement the method of `Bucket`."""

        def copy_rest() -> None:
            wanted = {"Range": f"bytes={file.tell()}-"} if file.tell() else {}
            answer = self._client.get_object(Bucket=self._name, Key=key, IfMatch=f'"{version}"', **wanted)
            with closing(answer["Body"]) as body:  # a body that breaks off would keep its socket open
                for chunk in body.iter_chunks(CHUNK):
                    file.write(chunk)

        self._unbroken(key, copy_rest)

    def write(self, key: str, data: bytes | memoryview, *, replacing: str | None = None) -> str:
        """Implement the method of `Bucket`."""
        condition = {}
        if replacing is not None:
            condition = {"IfNoneMatch": "*"} if replacing == ABSENT else {"IfMatch": f'"{replacing}"'}
        with self._explained(key, "write"):
            return _tag(self._client.put_object(Bucket=self._name, Key=key, Body=bytes(data), **condition))

    def delete(self, key: str) -> None:
        """Implement the method of `Bucket`."""
        with self._explained(key, "delete"):
            self._client.delete_object(Bucket=self._name, Key=key)

    def now(self) -> datetime | None:
        """Implement the method of `Bucket`."""
        with self._explained("", "read"):
            try:
                answer = self._client.head_bucket(Bucket=self._name)
            except botocore.exceptions.ClientError as error:  # a refusal is dated, too
                answer = error.response
        return http_time(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))

    def _body(self, key: str, wanted: Mapping[str, str], version: str | None) -> tuple[bytes, Mapping[str, Any]]:
        match = {"IfMatch": f'"{version}"'} if version else {}

        def read() -> tuple[bytes, Mapping[str, Any]]:
            answer = self._client.get_object(Bucket=self._name, Key=key, **wanted, **match)
            with closing(answer["Body"]) as body:
                return body.read(), answer

        return self._unbroken(key, read)

    def _unbroken(self, key: str, read: Callable[[], _Result]) -> _Result:
        """Call a reader of bodies, and call it again if the connection breaks off."""
        for attempt in range(self._attempts - 1):
            with self._explained(key, "read"), suppress(*_BROKEN_OFF):
                return read()
            count_retry("request")
            _wait(attempt)
        with self._explained(key, "read"):
            return read()

    @contextmanager
    def _explained(self, key: str, action: Action) -> Iterator[None]:
        url = f"{self.url}/{key}" if key else self.url
        try:
            yield
        except botocore.exceptions.ClientError as error:
            said = error.response.get("Error", {})
            code = str(said.get("Code", ""))
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            kind = _CODES.get(code) or _CODES.get(str(status)) or BucketErrorCode.OTHER
            region = f" region {said['Region']}" if said.get("Region") else ""
            raise explain(url, action, kind, f"{code} {said.get('Message', '')}{region}") from error
        except _NO_CREDENTIALS as error:
            raise explain(self.url, action, BucketErrorCode.DENIED, str(error)) from error
        except (botocore.exceptions.NoRegionError, botocore.exceptions.InvalidRegionError) as error:
            raise explain(self.url, action, BucketErrorCode.WRONG_REGION, str(error)) from error
        except (RecursionError, botocore.exceptions.BotoCoreError, HTTPError, ValueError) as error:
            # botocore follows a redirect that names no region for ever, or wraps the end of that into another error
            if isinstance(error, RecursionError) or isinstance(error.__context__, RecursionError):
                raise explain(url, action, BucketErrorCode.WRONG_REGION, "redirected without a region") from error
            kind = BucketErrorCode.UNREACHABLE if isinstance(error, _NO_ANSWER) else BucketErrorCode.OTHER
            raise explain(url, action, kind, str(error)) from error


def _tag(answer: Mapping[str, Any]) -> str:
    return str(answer["ETag"]).strip('"')


def _wait(attempt: int) -> None:
    time.sleep(random.uniform(0, min(LONGEST_RETRY_S, 0.1 * 2**attempt)))  # noqa: S311 - jitter, not a secret
