"""Exit codes, and saying why a command ends."""

from typing import NoReturn

import typer

# Exit codes.
WRONG_USAGE = 2
SOME_FAILED = 3
WORK_LEFT = 75  # EX_TEMPFAIL: stopped early, run again

EXIT_CODES = (  # for the help
    "Exit codes: 0 all pages accounted for and none failed; 3 finished, some pages or documents failed; 75 stopped "
    "early, run again; 130 ended at once by Ctrl-C, of a run by the second one; 2 wrong usage; 1 could not run, or "
    "could not go on."
)


def fail(message: str, code: int) -> NoReturn:
    """Say why a command ends, and end it with an exit code."""
    say_why(message, code)
    raise typer.Exit(code)


def say_why(message: str, code: int) -> None:
    """Write why a command ends on stderr, as JSON if its log lines are."""
    from ocrmill.workers.logging import as_json_line, logs_json

    fields = {"event": "error", "exit_code": code}
    typer.echo(as_json_line("error", message, fields) if logs_json() else f"ocrmill: {message}", err=True)
