"""Start the workers and serve documents until a signal comes."""

import asyncio
import logging
import math
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import uvicorn
from starlette.applications import Starlette

from ocrmill.commands.build import build_pool
from ocrmill.commands.run import new_run_id
from ocrmill.commands.serve.app import make_app
from ocrmill.commands.serve.service import Service
from ocrmill.commands.serve.slow_clients import BoundedProtocol
from ocrmill.commands.web.access import Access
from ocrmill.commands.web.listening import address_of, listen
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import StoppedEarlyError
from ocrmill.workers.engines.registry import check_engine, with_engine_chosen
from ocrmill.workers.logging import log_errors_of
from ocrmill.workers.pools.early_stop import ended_early
from ocrmill.workers.pools.pool import Pool
from ocrmill.workers.rendering.sandbox import sandbox
from ocrmill.workers.scheduling.preemption import stop_on_preemption
from ocrmill.workers.scratch import Scratch
from ocrmill.workers.signals import stop_on_signals

LAST_ANSWERS_S = 5  # for answers that are ready when the service ends
log = logging.getLogger(__name__)


def serve(
    settings: RunSettings,
    access: Access,
    *,
    port: int,
    tls: ssl.SSLContext | None = None,
    use_ray: bool,
    say: Callable[[str], None] = print,
    make_pool: Callable[[RunSettings], Pool] | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then let the documents in work end; `make_pool` is for other workers.

    With `tls` it speaks TLS, and nothing else.
    The service answers from the start on: `/ready` says when the workers are up.

    Raises:
        OcrmillError: it cannot listen there, or the workers cannot be started.
    """
    settings = with_engine_chosen(settings)
    check_engine(settings, use_ray=use_ray)
    sandbox.check(settings.raster)
    access = replace(access, names=frozenset(name.lower() for name in settings.serve.hosts))
    service, run_id = Service(settings), new_run_id()
    scratch = Scratch()
    listening = listen(access.host, port)
    try:
        with _answering(make_app(service, access, scratch.path, run_id), listening, tls):
            say(address_of(listening, access.host, "http" if tls is None else "https").rstrip("/"))
            with ended_early(math.inf):
                pool = make_pool(settings) if make_pool else build_pool(settings, use_ray=use_ray, until=math.inf)
            try:
                with asyncio.Runner() as runner:
                    _install_stops(service, settings, runner.get_loop())
                    runner.run(service.run(pool))
            finally:
                pool.close()
    except StoppedEarlyError as error:
        log.warning("%s", error)
    finally:
        listening.close()
        scratch.close()


@contextmanager
def _answering(app: Starlette, listening: socket.socket, tls: ssl.SSLContext | None) -> Iterator[None]:
    """Answer requests in a thread of its own during the block."""
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=LAST_ANSWERS_S,
    )
    config.load()
    config.ssl = tls  # uvicorn makes one of files only, and asks the terminal for the password of a key
    log_errors_of("uvicorn", "python_multipart")  # they warn of each request that is no HTTP, or no form
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="ocrmill-http", daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        server.force_exit = True
        raise
    finally:
        server.should_exit = True
        thread.join()


def _install_stops(service: Service, settings: RunSettings, loop: asyncio.AbstractEventLoop) -> None:
    """End the service on signals, and when the machine is taken away."""
    drain_s = settings.workers.drain_s
    doing = f"no more documents are taken, those in work have {drain_s:g} s; send it again to end at once"
    stop_on_signals(loop, service.end, doing)
    loop.create_task(stop_on_preemption(settings.workers.preemption, service.end))
