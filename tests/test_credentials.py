"""Passwords, tokens and signatures are used, and stand nowhere afterwards: not in rows, logs, records or messages."""

import base64
import re
import sys
import threading
import zipfile
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from forks import ocrmill
from made_warcs import answer, warc_of
from pdfs import encrypted_pdf, text_pdf

from ocrmill import cli

SECRET = "S3CRET-7f"
SIGNED = f"X-Amz-Credential={SECRET}&X-Amz-Signature={SECRET}&sig={SECRET}&token={SECRET}"


class Door(BaseHTTPRequestHandler):
    """A server that gives files to who has the password and the signature."""

    files: Path

    def do_GET(self) -> None:
        login = base64.b64encode(f"ann:{SECRET}".encode()).decode()
        file = self.files / self.path.partition("?")[0].strip("/")
        if f"Basic {login}" != self.headers["Authorization"]:
            self.answer(HTTPStatus.UNAUTHORIZED, f"no {self.path}".encode())
        elif not file.is_file():
            self.answer(HTTPStatus.NOT_FOUND, f"no {self.path}".encode())
        else:
            self.answer(HTTPStatus.OK, file.read_bytes())

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status, f"at {self.path}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{len(body)}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that has a PDF, archives and a page that is none."""
    files = tmp_path_factory.mktemp("files")
    pdf = text_pdf(files / "a.pdf", pages=1)
    text_pdf(files / "b.pdf", pages=2)
    (files / "broken.pdf").write_bytes(b"%PDF-1.7\nbroken")
    with zipfile.ZipFile(files / "c.zip", "w") as archive:
        archive.write(pdf, "inner.pdf")
    (files / "broken.zip").write_bytes(b"PK nothing")
    warc_of(files / "d.warc.gz", [answer(f"https://ann:{SECRET}@host/d.pdf?{SIGNED}", pdf.read_bytes() + b"\n% d")])
    door = ThreadingHTTPServer(("127.0.0.1", 0), type("OurDoor", (Door,), {"files": files}))
    threading.Thread(target=door.serve_forever, daemon=True).start()
    yield f"http://ann:{SECRET}@127.0.0.1:{door.server_port}"
    door.shutdown()
    door.server_close()


def everything_in(out: Path) -> str:
    """All that an output holds, shards unpacked."""
    texts = [path.read_text(errors="replace") for path in out.rglob("*") if path.is_file()]
    tables = [pq.read_table(path, partitioning=None).to_pylist() for path in out.rglob("*.parquet")]
    return "\n".join([*texts, *map(repr, tables)])


def test_no_credential_stands_anywhere_after_a_run(tmp_path: Path, server: str) -> None:
    """A run over URLs with passwords and signatures reads them, and keeps, logs and tells none of the secrets."""
    encrypted_pdf(tmp_path / "opens.pdf", SECRET, pages=1)
    encrypted_pdf(tmp_path / "shut.pdf", "another", pages=1)
    names = [
        *(f"{server}/{name}?{SIGNED}" for name in ("b.pdf", "broken.pdf", "missing.pdf")),
        *(
            f"{server}/{name}"
            for name in ("c.zip", "broken.zip", "d.warc.gz", "missing.zip!x.pdf", "c.zip!missing.pdf")
        ),
        f"{server.replace('ann', 'bob')}/a.pdf?{SIGNED}",
        f"http://ann:{SECRET}@nowhere.invalid/a.pdf?{SIGNED}",
        f"http://ann:{SECRET}@127.0.0.1:1/a.pdf?{SIGNED}",
        f"http://ann:{SECRET}/x@nowhere.invalid:port/a.pdf?{SIGNED}",
        f"ftp://ann:{SECRET}@host/a.pdf?{SIGNED}",
        f"s3://ann:{SECRET}@bucket/a.pdf?{SIGNED}",
        f"gs://ann:{SECRET}@bucket/a.pdf",
        "opens.pdf",
        "shut.pdf",
    ]
    (tmp_path / "list.txt").write_text("\n".join(names))
    out = tmp_path / "out"
    options = ["input.allow_private_addresses=true", "storage.attempts=1", "storage.outage_s=0", "engine.name=cpu"]
    options.append(f"storage.endpoint=http://ann:{SECRET}@127.0.0.1:1")
    options.append(f'input.passwords=["wrong-{SECRET}", "{SECRET}"]')
    sets = [part for option in options for part in ("--set", option)]
    said = ocrmill("run", f"{server}/a.pdf?{SIGNED}", tmp_path / "list.txt", "--out", out, "--no-ray", *sets)

    assert 3 == said.returncode, said.stderr
    pages = f"'{out}/pages/*.parquet'"
    assert 5 == duckdb.sql(f"select count(*) from {pages} where status = 'text_layer'").fetchall()[0][0], said
    address = server.partition("@")[2]
    ((a,),) = duckdb.sql(f"select source from {pages} where source like '%/a.pdf%'").fetchall()
    assert f"http://{address}/a.pdf?X-Amz-Credential=***&X-Amz-Signature=***&sig=***&token=***" == a
    assert SECRET not in said.stdout + said.stderr
    assert SECRET not in everything_in(out)
    for command in ("status", "verify", "inspect"):
        told = ocrmill(command, out)
        assert SECRET not in told.stdout + told.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "{server}/missing.pdf?{SIGNED}"),
        ("run", "{server}/x.pdf?{SIGNED}", "--set", "input.passwords={SECRET}"),
        ("run", "ftp://ann:{SECRET}@host/a?{SIGNED}"),
        ("run", "s3://ann:{SECRET}@bucket/a"),
        ("plan", "{server}/missing.pdf?{SIGNED}"),
        ("run", "{server}/a.pdf?{SIGNED}", "--set", "input.passwords=[{SECRET}"),
        ("run", "{server}/a.pdf?{SIGNED}", "--set", 'input.passwords=["{SECRET}"]', "--print-config"),
    ],
)
def test_no_message_tells_a_credential(
    tmp_path: Path,
    server: str,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A command that fails because of a URL or a setting names it without its secrets."""
    meant = {"{server}": server, "{SIGNED}": SIGNED, "{SECRET}": SECRET}
    named = [re.sub(r"{\w+}", lambda name: meant[name[0]], part) for part in arguments]
    options = ["--set", "storage.attempts=1", "--set", "input.allow_private_addresses=true"]
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "argv", ["ocrmill", *named, "--out", str(tmp_path / "out"), *options])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = "".join(capfd.readouterr())

    assert (0 if "--print-config" in arguments else 2) == ended.value.code, told
    assert told
    assert SECRET not in told


def test_environment_credentials_are_in_no_record(tmp_path: Path) -> None:
    """Credentials that a cloud's own chain finds in the environment are not copied into an output."""
    text_pdf(tmp_path / "a.pdf", pages=1)
    names = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_STORAGE_ACCOUNT_KEY", "HF_TOKEN")
    secrets = dict.fromkeys(names, SECRET)
    said = ocrmill("run", tmp_path / "a.pdf", "--out", tmp_path / "out", "--no-ray", **secrets)

    assert 0 == said.returncode, said.stderr
    assert SECRET not in said.stdout + said.stderr + everything_in(tmp_path / "out")
