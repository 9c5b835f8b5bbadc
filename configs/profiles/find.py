"""Profiles by name, from this folder, or by the path of a file.

extends = "lightonocr-2-1b"    # another profile; tables are merged, the nearer file wins
"""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ocrmill.configs.errors import words_of
from ocrmill.configs.profiles.profile import Profile

FOLDER = Path(__file__).parent
_EXTENDS = "extends"


def shipped_profiles() -> list[str]:
    """Return the names of the profiles that ocrmill brings."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_profile(name: str) -> Profile:
    """Read a profile by its name, or by the path of its file.

    Raises:
        ValueError: there is none, or something in it is wrong.
    """
    values = _read(name, Path.cwd(), ())
    source = name if name in shipped_profiles() else str(_file_of(name, Path.cwd()).absolute())
    try:
        return Profile.model_validate({**values, "source": source})
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}".strip(": ") for one in error.errors())
        raise ValueError(f"{name}: {found}") from error


def _read(name: str, beside: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    path = _file_of(name, beside)
    if path in above:
        raise ValueError(f"{path}: extends itself, by way of {above[-1]}")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {words_of(error)}") from error
    base = values.pop(_EXTENDS, None)
    return values if base is None else _merged(_read(str(base), path.parent, (*above, path)), values)


def _file_of(name: str, beside: Path) -> Path:
    if name in shipped_profiles():
        return FOLDER / f"{name}.toml"
    path = beside / name
    if path.is_file():
        return path
    near = get_close_matches(name, shipped_profiles(), n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise ValueError(
        f"there is no profile {name}, and no such file{hint}; ocrmill brings {', '.join(shipped_profiles())}"
    )


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Put tables together; of two values the one above stands."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
