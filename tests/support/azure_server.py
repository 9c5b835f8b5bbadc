"""Azure's blob storage on localhost: Azurite, Microsoft's own emulator, which `make venv` fetches where there is npm.

with running() as url:
    AzureServer(url).put(container, "a.pdf", data)
"""

import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient

from ocrmill.configs.settings import StorageSettings

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # in its documentation
_INSTALLED = Path(__file__).parents[2] / ".venv/azurite/node_modules/.bin/azurite-blob"
# Ends when its standard input does, so it cannot outlive the tests, whatever ends them.
_PROGRAM = """
import subprocess, sys
options = ["--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--blobPort", "0"]
with subprocess.Popen([sys.argv[1], *options], stdin=subprocess.DEVNULL) as server:
    sys.stdin.read()
    server.kill()
"""


def program() -> str | None:
    """Azurite, if there is one."""
    return str(_INSTALLED) if _INSTALLED.exists() else shutil.which("azurite-blob")


@contextmanager
def running() -> Iterator[str]:
    """The URL of a server that runs as long as this lasts."""
    command = [sys.executable, "-c", _PROGRAM, program() or ""]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield next(url[0] for line in process.stdout if (url := re.search(r"http://[\d.:]+\d$", line.strip())))
        finally:
            process.stdin.close()


@dataclass(frozen=True)
class AzureServer:
    """The server, with what a test does there behind the back of the code that it tests."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which the project finds the server."""
        return {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": self.url}

    @property
    def settings(self) -> StorageSettings:
        """Settings with the project's patience towards the server."""
        return StorageSettings(connect_s=2, timeout_s=10, attempts=3)

    @cached_property
    def client(self) -> BlobServiceClient:
        """Microsoft's own client."""
        return BlobServiceClient(f"{self.url}/{ACCOUNT}", AzureNamedKeyCredential(ACCOUNT, KEY))

    def container(self) -> str:
        """Make a container, and give its name."""
        name = f"test-{secrets.token_hex(6)}"
        self.client.create_container(name)
        return name

    def put(self, container: str, key: str, data: bytes) -> None:
        """Write an object."""
        self.client.get_container_client(container).upload_blob(key, data, overwrite=True)
