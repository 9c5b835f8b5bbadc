"""The settings that the options --config and --set choose."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ocrmill.configs.settings import RunSettings


def chosen_settings(configs: list[str] | None, overrides: list[str] | None) -> "RunSettings":
    """Load the files of --config, the last one wins, and lay the NAME=VALUE of --set over them.

    Raises:
        SettingsError: a file or a value that is no setting.
    """
    from ocrmill.configs.load import load_settings

    return load_settings([Path(name) for name in configs or []], overrides or [])
