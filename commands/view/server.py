"""Serve an output to a browser on this machine."""

import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn

from ocrmill.commands.sql.database_folder import DatabaseFolder, default_caches
from ocrmill.commands.view.app import make_app
from ocrmill.commands.view.guard import TOKEN
from ocrmill.commands.view.output_data import OutputData
from ocrmill.commands.web.access import Access
from ocrmill.commands.web.listening import address_of, listen
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.stores.store import Store

FIRST_PAINT_S = 1.0  # the index, which takes both cores of a small machine, waits so long for the first page


def view(
    store: Store,
    settings: RunSettings,
    access: Access,
    *,
    port: int = 0,
    verdicts: Path | None = None,
    against: Store | None = None,
    browser: bool = True,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the views until Ctrl-C. Port 0 takes a free one; `against` is an output to compare with.

    Raises:
        UsageError: The host is not of this machine, the port is taken, or the folder of the verdicts is not there.
    """
    if verdicts is not None and not verdicts.parent.is_dir():
        raise UsageError(f"{verdicts.parent} is not a folder: make it first")
    listening = listen(access.host, port)
    folder = DatabaseFolder.kept(store.url, default_caches())
    data = OutputData(
        store, settings, verdicts=verdicts, against=against, index_folder=folder, index_after_s=FIRST_PAINT_S
    )
    try:
        config = uvicorn.Config(
            make_app(data, access), log_level="warning", ws="none", lifespan="off", server_header=False
        )
        address = address_of(listening, access.host)
        if access.token is not None:
            address += f"?{TOKEN}={access.token}"
        say(address)
        if browser:
            webbrowser.open(address)
        uvicorn.Server(config).run([listening])
    finally:
        data.close()
        listening.close()
