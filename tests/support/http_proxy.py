"""An HTTP proxy on localhost: it hands requests for http:// on, and tunnels those for https://."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class HttpProxy:
    """Passes on what it is asked; keeps the target and the headers of each connection."""

    def __init__(self) -> None:
        self.targets: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b" ", 2)
            name = target.decode()
            self.targets.append(name)
            lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
            self.heads.append({field.lower(): value for field, _, value in lines})
            tunnels = method == b"CONNECT"
            parts = urlsplit(f"//{name}" if tunnels else name)
            there, back = await asyncio.open_connection(parts.hostname, parts.port)
            if tunnels:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                back.write(head.replace(target, parts.path.encode(), 1))
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextmanager
def proxying() -> Iterator[HttpProxy]:
    """A proxy that runs as long as this lasts, in a thread of its own."""
    proxy, ready, loop, stop = HttpProxy(), threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
