"""`ocrmill serve` as its users have it: a process that answers on loopback."""

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from processes import next_line
from waiting import wait_for

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
OCRMILL = ("-m", "ocrmill.cli")


@dataclass
class Serving:
    """A service, with a client that knows its address."""

    process: subprocess.Popen[str]
    client: httpx.Client
    log: Path
    scratch: Path  # its temporary files are below

    def post(self, document: bytes, query: str = "", **more: object) -> httpx.Response:
        return self.client.post(f"/v1/pages?{query}", content=document, **more)  # type: ignore[arg-type]

    def documents(self) -> int:
        """The number of documents with a place."""
        return int(self.client.get("/ready").json()["documents"])

    def uploads(self) -> list[Path]:
        """The documents that lie there."""
        return [path for path in self.scratch.glob("ocrmill-scratch-*/*") if path.is_file() and len(path.name) == 32]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def serving(
    folder: Path,
    *arguments: str,
    program: Sequence[str] = OCRMILL,
    environment: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    authority: ssl.SSLContext | None = None,
) -> Iterator[Serving]:
    """Start a service whose workers are up in the block; `authority` is what its client trusts, if it speaks TLS."""
    log, scratch = folder / "log", folder / "scratch"
    scratch.mkdir()
    command = [sys.executable, *program, "serve", "--no-ray", "--engine", "cpu", "--port", "0", *arguments]
    variables = {"PATH": os.defpath, "PYTHONPATH": str(ROOT / "tests/support"), "TMPDIR": str(scratch)}
    variables |= environment or {}
    with log.open("w") as said:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=said, text=True)
    try:
        address = next_line(process).strip()
        assert address.startswith("http://" if authority is None else "https://"), log.read_text()
        with httpx.Client(base_url=address, timeout=60, headers=headers, verify=authority or True) as client:
            wait_for(lambda: client.get("/ready").status_code == 200, 120, "the service is ready")
            yield Serving(process, client, log, scratch)
    except httpx.TransportError as error:
        error.add_note(log.read_text())
        raise
    finally:
        process.kill()
        process.communicate()
