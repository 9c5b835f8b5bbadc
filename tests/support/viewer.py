"""The viewer as its users have it: a server in a thread of the tests, and a Chromium that looks at it."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import pytest
import uvicorn
from PIL import Image

from ocrmill.commands.sql.database_folder import DatabaseFolder
from ocrmill.commands.view.app import make_app
from ocrmill.commands.view.output_data import OutputData
from ocrmill.commands.web.access import Access
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.stores.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = which("chromium")
AXE = Path(__file__).parents[2] / ".venv/axe/node_modules/axe-core/axe.min.js"
NO_CHROMIUM = "there is no Chromium: `make venv` installs it where it may (apt-get install chromium)"
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)


def until(page: "Page", condition: str) -> None:
    """Wait until JavaScript is true; Playwright's own wait needs eval, which the policy forbids."""
    give_up = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < give_up, condition
        page.wait_for_timeout(30)


def save_picture(png: bytes, name: str) -> None:
    """Put a picture for the docs into the folder that OCRMILL_SCREENSHOTS names, in few colours."""
    file = Path(os.environ["OCRMILL_SCREENSHOTS"], f"{name}.png")
    Image.open(BytesIO(png)).convert("RGB").quantize(64).save(file, optimize=True)
    assert file.stat().st_size < 150_000, name


@contextmanager
def opened(
    store: Store, settings: RunSettings | None = None, index_folder: DatabaseFolder | None = None
) -> Iterator[OutputData]:
    """The data of an output, with a whole index."""
    data = OutputData(store, settings or RunSettings(), index_folder=index_folder)
    try:
        wait_for_index(data)
        yield data
    finally:
        data.close()


def wait_for_index(data: OutputData) -> None:
    give_up = time.monotonic() + 60
    while not data.index.state.is_complete:
        assert data.index.state.error is None
        assert time.monotonic() < give_up
        time.sleep(0.02)


@contextmanager
def serving(data: OutputData, access: Access | None = None) -> Iterator[str]:
    """The address of a server on a free port, without a slash at its end."""
    app = make_app(data, access or Access.of("127.0.0.1"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
