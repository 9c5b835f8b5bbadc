"""An output of some nights, opened and served once for the tests of the viewer."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from viewer import CHROMIUM, opened, serving

from bench.made_nights import write_nights
from ocrmill.commands.view.output_data import OutputData
from ocrmill.pipeline.output.stores.local import LocalStore

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """An output of 2,100 pages of seven nights."""
    return write_nights(tmp_path_factory.mktemp("nights") / "out", 2_100, nights=7, different=20)


@pytest.fixture(scope="session")
def data(nights: LocalStore) -> Iterator[OutputData]:
    with opened(nights) as opened_data:
        yield opened_data


@pytest.fixture(scope="session")
def viewer(data: OutputData) -> Iterator[str]:
    with serving(data) as address:
        yield address


@pytest.fixture
def root(nights: LocalStore) -> Path:
    return Path(nights.url)


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """A browser for the tests of a file; its event loop runs until then, so that others cannot start one."""
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()
