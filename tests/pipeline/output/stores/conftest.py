"""Outputs in a folder and in buckets of every cloud."""

from pathlib import Path

import pytest
from clouds import CLOUDS, empty_bucket
from leases import shorten_times
from s3_server import S3Server

from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.output.stores.open import open_store
from ocrmill.pipeline.output.stores.store import Store


@pytest.fixture
def store(s3: S3Server) -> Store:
    return open_store(f"s3://{s3.bucket()}/out/", s3.settings)


@pytest.fixture(params=CLOUDS)
def output(request: pytest.FixtureRequest) -> tuple[str, StorageSettings]:
    """An output in an empty bucket of each cloud, for the tests that concern them all, and how it is reached."""
    bucket, settings = empty_bucket(request, request.param)
    return f"{request.param}://{bucket}/out/", settings


@pytest.fixture
def settings(output: tuple[str, StorageSettings]) -> StorageSettings:
    return output[1]


@pytest.fixture
def any_store(output: tuple[str, StorageSettings]) -> Store:
    return open_store(*output)


@pytest.fixture(params=["folder", *CLOUDS])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Store, StorageSettings]:
    """An output in a folder, or in an empty bucket of each cloud."""
    if request.param == "folder":
        return open_store(str(tmp_path / "out"), StorageSettings()), StorageSettings()
    bucket, settings = empty_bucket(request, request.param)
    return open_store(f"{request.param}://{bucket}/out/", settings), settings


@pytest.fixture
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_times(monkeypatch)
