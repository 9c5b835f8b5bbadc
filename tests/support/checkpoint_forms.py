"""Types of the fixtures that give a checkpoint another `config.json`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

ChangeConfig = Callable[[dict[str, Any]], dict[str, Any]]
"""Another config, made from the one of a checkpoint."""

WithConfig = Callable[[Path, ChangeConfig], Path]
"""Put the tiny checkpoint into another directory, with a changed config; returns the directory."""
