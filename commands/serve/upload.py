"""The document in a request: it comes whole or as a form, and goes into a scratch file while its bytes are counted."""

import asyncio
import errno
import secrets
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive

from ocrmill.commands.serve.refusal import Refusal, unavailable, wrong
from ocrmill.configs.serve.serve_settings import ServeSettings
from ocrmill.pipeline.document_types import HEAD_BYTES, PDF_MARK, READABLE, begins_like_archive, begins_like_document
from ocrmill.pipeline.records import Source
from ocrmill.pipeline.sources.archives.members import file_version
from ocrmill.pipeline.sources.uri import one_line

PASSWORD_HEADER = "x-document-password"  # noqa: S105 - a name
FIELD_BYTES = 4096  # of a password in a form
SOURCE_CHARACTERS = 200
COPIED_AT_ONCE = 1 << 20
MARK_WITHIN = 1024  # bytes: as other readers do, MuPDF passes over what stands before a PDF's mark
DISCARD_S = 2.0  # the rest of a refused body is read for so long, or its sender would not see the answer
FORM_CHARSETS = {"utf-8", "iso-8859-1", "us-ascii"}  # RFC 7578 knows no other than the first; old clients name these
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class Upload:
    """A document that has arrived."""

    path: Path
    name: str  # as the client calls it, without folders
    password: str | None = field(default=None, repr=False)

    def source(self) -> Source:
        """Return the source that a run would find: its name tells nothing of this machine."""
        status = self.path.stat()
        passwords = () if self.password is None else (self.password,)
        return Source(self.name, file_version(status), status.st_size, str(self.path), passwords=passwords)


async def receive_document(request: Request, folder: Path, limits: ServeSettings) -> Upload:
    """Receive the document of a request into a new file of the folder; the caller removes it.

    Raises:
        Refusal: it is too large or too slow, no document, or the form is not as it should be; no file is left.
        ClientDisconnect: the client went away.
    """
    path = folder / secrets.token_hex(16)
    try:
        async with asyncio.timeout(limits.upload_s):
            upload = await _receive_into(path, request, limits.max_body_mb << 20)
        await asyncio.to_thread(_check_kind, path)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, TimeoutError):
            raise Refusal(408, "too_slow", f"the document did not arrive within {limits.upload_s:g} s") from None
        if isinstance(error, OSError) and error.errno in _FULL:
            raise unavailable("there is no room for the document here: send it again later") from None
        raise
    return upload


class Body:
    """The messages of a request, and whether its body has come to its end."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False

    async def __call__(self) -> Message:
        """Receive the next message."""
        message = await self._receive()
        self._ended |= not message.get("more_body", False)
        return message

    async def discard(self, headers: Headers) -> None:
        """Read the rest of a refused body for a moment; a client that waits for `100 Continue` sends none."""
        if "expect" in headers:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_S):
                while not self._ended:
                    await self()


async def _receive_into(path: Path, request: Request, most: int) -> Upload:
    kind, parameters = parse_options_header(request.headers.get("content-type"))
    password = _password_of(request)
    name = request.query_params.get("name")
    body = _bounded(request, most)
    with path.open("xb") as file:
        if kind != b"multipart/form-data":
            async for chunk in body:
                file.write(chunk)
            return Upload(path, _shown(name), password)
        charset = parameters.get(b"charset", b"utf-8").decode("latin-1").lower()
        if charset not in FORM_CHARSETS:
            raise wrong(f"the form is in {one_line(charset)}: send it in UTF-8")
        try:
            form = await MultiPartParser(
                request.headers, body, max_files=1, max_fields=1, max_part_size=FIELD_BYTES
            ).parse()
        except MultiPartException as error:
            raise wrong(f"the form cannot be read: {error.message}") from None
        try:
            sent, in_form = form.get("file"), form.get("password")
            if not isinstance(sent, UploadFile):
                raise wrong("the form has no file called `file`: send the document there, or as the body itself")
            if not {*form} <= {"file", "password"} or isinstance(in_form, UploadFile):
                raise wrong("a form has the file `file` and maybe the field `password`; all else goes into the query")
            await asyncio.to_thread(_copy, sent.file, file)
            return Upload(path, _shown(name or sent.filename), in_form or password)
        finally:
            await form.close()


async def _bounded(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """Yield the body; refuse it as soon as it is known to be too large."""
    told = request.headers.get("content-length", "")
    size = int(told) if told.isdecimal() else 0
    if size > most:
        raise _too_large(most)
    came = 0
    async for chunk in request.stream():
        came += len(chunk)
        if came > most:
            raise _too_large(most)
        if chunk:
            yield chunk


def _too_large(most: int) -> Refusal:
    return Refusal(413, "too_large", f"the body is larger than {most >> 20} MiB, the most that this service accepts")


def _password_of(request: Request) -> str | None:
    """Return the password in the header: UTF-8, or Latin-1 as HTTP has it."""
    value = request.headers.get(PASSWORD_HEADER)
    if value is None:
        return None
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def _shown(name: str | None) -> str:
    last = PurePosixPath((name or "").replace("\\", "/")).name
    return one_line(last[-SOURCE_CHARACTERS:]) or "document"


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    while chunk := source.read(COPIED_AT_ONCE):
        target.write(chunk)


def _check_kind(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(MARK_WITHIN)
    if not head:
        raise wrong("the document is empty: send its bytes as the body, or as the file `file` of a form")
    has_pdf_mark = PDF_MARK in head and not begins_like_archive(head)
    if not begins_like_document(head[:HEAD_BYTES]) and not has_pdf_mark:
        raise Refusal(415, "unsupported_type", f"these bytes are no {READABLE}: send one of these, unpacked")
