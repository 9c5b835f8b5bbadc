"""The settings that the options of a command choose."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from ocrmill.configs.settings import RunSettings


def chosen_settings(configs: list[str] | None, overrides: list[str] | None) -> "RunSettings":
    """Load the files of --config, the last one wins, and lay the NAME=VALUE of --set over them.

    Raises:
        SettingsError: a file or a value that is no setting.
    """
    from ocrmill.configs.load import load_settings

    return load_settings([Path(name) for name in configs or []], overrides or [])


def settings_of_options(configs: list[str] | None, sets: list[str] | None, **options: Any) -> "RunSettings":
    """Load the files of --config, and lay over them the options that stand for settings, then --set.

    Raises:
        SettingsError: a file or a value that is no setting, or options that contradict each other.
    """
    from ocrmill.configs.load import engine_named
    from ocrmill.configs.shortcuts import shortcuts

    files, overrides = [Path(name) for name in configs or []], sets or []
    given = shortcuts(engine_below=engine_named(files, overrides), **options)
    return chosen_settings(configs, [*given, *overrides])


def print_chosen(settings: "RunSettings") -> None:
    """Print settings as TOML: `--print-config`."""
    from ocrmill.configs.load import print_settings

    typer.echo(print_settings(settings), nl=False)
