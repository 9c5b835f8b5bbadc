"""The start of `ocrmill serve`: its packages, its token, and what it prints."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ocrmill.commands.terminal.failing import WRONG_USAGE, fail, need_packages
from ocrmill.configs.errors import words_of

if TYPE_CHECKING:
    from ocrmill.configs.settings import RunSettings

TOKEN_VARIABLE = "OCRMILL_SERVE_TOKEN"  # noqa: S105 - a name
TOKEN_CHARACTERS = 16  # fewer could be guessed


def serve_documents(
    settings: "RunSettings",
    *,
    host: str,
    port: int,
    token_file: Path | None,
    tls: tuple[Path | None, Path | None],
    use_ray: bool,
) -> None:
    """Serve until a signal comes; the address is printed once it is open."""
    need_packages("serve", "python_multipart", "starlette", "uvicorn", extra="serve")
    from ocrmill.commands.serve.server import serve
    from ocrmill.commands.web.access import Access, is_loopback
    from ocrmill.commands.web.tls import load_tls

    token = _read_token(token_file)
    if token is None and not is_loopback(host):
        fail(
            f"{host} can be reached by others, so that clients need a token: write one into a file for --token-file, "
            f"or into the environment's {TOKEN_VARIABLE}, e.g. by `openssl rand -hex 32`",
            WRONG_USAGE,
        )
    serve(settings, Access(host, token), port=port, tls=load_tls(*tls), use_ray=use_ray, say=typer.echo)


def _read_token(file: Path | None) -> str | None:
    """Return the token in the file, or in the environment; None if there is none."""
    if file is None:
        token, where = os.environ.get(TOKEN_VARIABLE, "").strip(), TOKEN_VARIABLE
        if not token:
            return None
    else:
        try:
            token, where = file.read_text(encoding="utf-8").strip(), str(file)
        except (OSError, ValueError) as error:
            fail(f"--token-file {file} cannot be read: {words_of(error)}", WRONG_USAGE)
    if len(token) < TOKEN_CHARACTERS or not token.isascii() or any(map(str.isspace, token)):
        fail(f"the token in {where} needs at least {TOKEN_CHARACTERS} ASCII characters without blanks", WRONG_USAGE)
    return token
