"""A real S3 server on localhost: moto's, in a process of its own that ends with the tests.

with running() as endpoint:
    S3Server(endpoint).put(bucket, "a.pdf")
"""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config

from ocrmill.configs.settings import StorageSettings

# Ends when its standard input does, so it cannot outlive the tests, whatever ends them.
_PROGRAM = """
import logging, os, sys
os.environ["MOTO_S3_DEFAULT_MAX_KEYS"] = "50"  # keys on a page of a listing, so that few objects make several
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "tester",
    "AWS_SECRET_ACCESS_KEY": "S3CRET",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


@contextmanager
def running() -> Iterator[str]:
    """The endpoint of a server that runs as long as this lasts."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


@dataclass(frozen=True)
class S3Server:
    """The server, with what a test does there behind the back of the code that it tests."""

    endpoint: str

    @property
    def settings(self) -> StorageSettings:
        """Settings by which the project reaches the server."""
        return StorageSettings(endpoint=self.endpoint, region="us-east-1", connect_s=2, timeout_s=10, attempts=3)

    @cached_property
    def client(self) -> Any:
        """boto3, without retries."""
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        session = boto3.session.Session(
            CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
        )
        return session.client("s3", endpoint_url=self.endpoint, config=config)

    def bucket(self, name: str | None = None) -> str:
        """Make a bucket, and give its name."""
        name = name or f"test-{secrets.token_hex(6)}"
        self.client.create_bucket(Bucket=name)
        return name

    def put(self, bucket: str, key: str, data: bytes = b"%PDF-") -> None:
        """Write an object."""
        self.client.put_object(Bucket=bucket, Key=key, Body=data)

    def get(self, bucket: str, key: str) -> bytes:
        """Read an object."""
        with self.client.get_object(Bucket=bucket, Key=key)["Body"] as body:
            return bytes(body.read())

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object."""
        self.client.delete_object(Bucket=bucket, Key=key)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """All keys that begin so."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]
