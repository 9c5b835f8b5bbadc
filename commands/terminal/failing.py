"""Exit codes, and the message of a command that fails."""

from typing import NoReturn

import typer

# Exit codes.
WRONG_USAGE = 2
SOME_FAILED = 3
WORK_LEFT = 75  # EX_TEMPFAIL: stopped early, run again

EXIT_CODES = (  # for the help
    "Exit codes: 0 all pages accounted for and none failed; 3 finished, some pages or documents failed; 4 finished, "
    "but outside a band of [alarms]; 75 stopped early, run again; 130 ended at once by Ctrl-C, of a run by the second "
    "one; 2 wrong usage; 1 could not run, or could not go on."
)


def fail(message: str, code: int) -> NoReturn:
    """Print an error, and end the command with an exit code."""
    print_error(message, code)
    raise typer.Exit(code)


def need_packages(what: str, *names: str, extra: str = "view") -> None:
    """End the command if packages of an extra are not installed."""
    if missing := [name for name in names if not _is_installed(name)]:
        fail(
            f"{what} needs packages that are not installed ({', '.join(missing)}): pip install "
            f"--editable '.[{extra}]' in the clone",
            WRONG_USAGE,
        )


def _is_installed(name: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # what it would be in is not installed
        return False


def print_error(message: str, code: int) -> None:
    """Print an error on stderr, as JSON if log lines are JSON."""
    from ocrmill.workers.logging import as_json_line, logs_json

    fields = {"event": "error", "exit_code": code}
    typer.echo(as_json_line("error", message, fields) if logs_json() else f"ocrmill: {message}", err=True)
