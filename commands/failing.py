"""How a command says why it ends."""

from typing import NoReturn

import typer

WRONG_USAGE = 2  # an exit code


def fail(message: str, code: int) -> NoReturn:
    """Say why a command ends, and end it with an exit code."""
    say_why(message, code)
    raise typer.Exit(code)


def say_why(message: str, code: int) -> None:
    """Write why a command ends on stderr, as JSON if its log lines are."""
    from workers.log import as_json_line, logs_json

    fields = {"event": "error", "exit_code": code}
    typer.echo(as_json_line("error", message, fields) if logs_json() else f"ocrmill: {message}", err=True)
