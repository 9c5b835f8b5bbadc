"""The emulated clouds by their schemes: `s3`, `az` and `gs`."""

import pytest
from azure_server import AzureServer
from gcs_server import GoogleServer
from s3_server import S3Server

from ocrmill.configs.settings import StorageSettings

CLOUDS = ("s3", "az", "gs")


def empty_bucket(request: pytest.FixtureRequest, scheme: str) -> tuple[str, StorageSettings]:
    """The name of a new bucket of a cloud, and the settings with which it is reached."""
    if scheme == "az":
        azure: AzureServer = request.getfixturevalue("azure")
        return azure.container(), azure.settings
    server: S3Server | GoogleServer = request.getfixturevalue({"s3": "s3", "gs": "google"}[scheme])
    return server.bucket(), server.settings
