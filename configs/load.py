"""Settings from TOML files and `--set`, and back.

    # night.toml: differences from another file
    extends = "nightly.toml"    # beside this file, else one of those that ocrmill brings

    [raster]
    dpi = 200

Later wins: the defaults (settings.py), then each file in the order given, after the one that it extends, then `--set`.
Tables are merged, lists replaced.
"""

import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import tomli_w
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from ocrmill.configs.errors import SettingsError, words_of
from ocrmill.configs.profiles.profile import Profile
from ocrmill.configs.section import Settings
from ocrmill.configs.settings import RunSettings
from ocrmill.configs.tries.rung import Rung

SHIPPED = Path(__file__).parent
_EXTENDS = "extends"
_WIDTH = 100  # of a printed comment


@dataclass(slots=True)
class _Values:
    """Values by section and key, and where each was set."""

    tables: dict[str, Any] = field(default_factory=dict)
    origins: dict[tuple[str, ...], str] = field(default_factory=dict)

    def set(self, path: tuple[str, ...], value: Any, origin: str) -> None:
        """Put a value at a path such as ("raster", "dpi"), in place of what was there."""
        table = self.tables
        for name in path[:-1]:
            if not isinstance(table.get(name), dict):
                table[name] = {}
            table = table[name]
        table[path[-1]] = value
        self.origins[path] = origin

    def origin(self, path: tuple[str, ...]) -> str:
        """Return the place where a value was set, or a section that holds it, or one of its own values."""
        near = [where for known, where in self.origins.items() if all(map(str.__eq__, known, path))]
        return ", ".join(dict.fromkeys(near))


def load_settings(configs: Sequence[Path], overrides: Sequence[str]) -> RunSettings:
    """Merge settings files in their order, the last one wins, with `section.key=value` overrides on top.

    Raises:
        SettingsError: a file cannot be read, or a key or value is wrong.
    """
    values = _merged(configs, overrides)
    try:
        return RunSettings.model_validate(values.tables)
    except ValidationError as error:
        raise SettingsError("\n".join(_complaint(problem, values) for problem in error.errors())) from error


def engine_named(configs: Sequence[Path], overrides: Sequence[str]) -> str | None:
    """Return the engine that settings files or `--set` name, if one does; nothing else of them is checked.

    Raises:
        SettingsError: a file cannot be read.
    """
    engine = _merged(configs, overrides).tables.get("engine")
    name = engine.get("name") if isinstance(engine, dict) else None
    return name if isinstance(name, str) else None


def _merged(configs: Sequence[Path], overrides: Sequence[str]) -> _Values:
    values = _Values()
    for config in configs:
        own = SHIPPED / f"{config}.toml"  # a bare name is ours: documents may lie here, with a nightly.toml among them
        _add_file(values, own if len(config.parts) == 1 and _can_be_read(own) else _find(config, Path.cwd()), ())
    for override in overrides:
        _add_override(values, override)
    return values


def _find(config: Path, beside: Path) -> Path:
    """The file meant: as it is named, else by its name among the shipped ones; `.toml` may be left out."""
    shipped = config.parent in {Path(), Path(SHIPPED.name)}
    for path in (beside / config, SHIPPED / config.name) if shipped else (beside / config,):
        for candidate in (path, Path(f"{path}.toml")):
            if _can_be_read(candidate):
                return candidate
    known = sorted(path.stem for path in SHIPPED.glob("*.toml"))
    raise SettingsError(f"{config}: there is no such settings file in {beside}; ocrmill brings {', '.join(known)}")


def _can_be_read(path: Path) -> bool:
    """Tell if there is something to read: a pipe, too, as `<(pass show ocrmill)` is one."""
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # too long a name, or a folder that is closed to us
        return False


def _add_file(values: _Values, path: Path, above: tuple[Path, ...]) -> None:
    if path.resolve() in above:
        raise SettingsError(f"{path}: extends itself, by way of {above[-1]}")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:  # not readable, not UTF-8, not TOML, or a thousand brackets
        raise SettingsError(f"{path}: {words_of(error)}") from error
    base = tables.pop(_EXTENDS, None)
    if isinstance(base, str):
        _add_file(values, _find(Path(base), path.parent), (*above, path.resolve()))
    elif base is not None:
        raise SettingsError(f"{path}: {_EXTENDS}: name one file, as in {_EXTENDS} = 'cpu.toml'")
    _add_tables(values, tables, (), str(path))


def _add_tables(values: _Values, tables: Mapping[str, Any], above: tuple[str, ...], origin: str) -> None:
    for name, value in tables.items():
        if isinstance(value, dict) and value:
            _add_tables(values, value, (*above, name), origin)
        elif value != {}:
            values.set((*above, name), value, origin)


def _add_override(values: _Values, override: str) -> None:
    key, equals, text = override.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        raise SettingsError(f"--set {override}: write section.key=value, as in raster.dpi=200")
    values.set(path, _value(text.strip()), "--set")


def _value(text: str) -> Any:
    """The text as a TOML value, else as it stands: a bare word needs no quotes."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text


def _complaint(problem: Mapping[str, Any], values: _Values) -> str:
    """One line for one of pydantic's errors."""
    path = tuple(str(part) for part in problem["loc"])
    key = ".".join(path)
    message = str(problem["msg"]).removeprefix("Value error, ").replace("valid tuple", 'list, as in ["a", "b"]')
    if problem["type"] == "extra_forbidden":
        return f"{values.origin(path)}: {key}: there is no such setting{_suggestion(path)}"
    if not path:  # a rule between settings names its keys itself
        return f"{values.origin(())}: {message}"
    given = f", got {problem['input']!r:.80}" if _may_be_shown(path) else ""
    return f"{values.origin(path)}: {key}: {message}{given}"


def _may_be_shown(path: tuple[str, ...]) -> bool:
    """Tell if the path leads to or into a setting without secrets; a whole section may hold some."""
    keys = [".".join(path[:length]) for length in range(1, len(path) + 1)]
    return any(not _holds_secrets(info) for key, info in _settings_by_key().items() if key in keys)


def _holds_secrets(info: FieldInfo) -> bool:
    return SecretStr in {info.annotation, *get_args(info.annotation)}


def _suggestion(path: tuple[str, ...]) -> str:
    known = {key: key.rpartition(".")[2] for key in _settings_by_key()}
    near = get_close_matches(".".join(path), known, n=1) or [
        key for key, name in known.items() if name in get_close_matches(path[-1], known.values(), n=1)
    ]
    return f"; did you mean {' or '.join(near)}?" if near else f"; the sections are {', '.join(_sections(RunSettings))}"


def _settings_by_key() -> dict[str, FieldInfo]:
    sections = _sections(RunSettings).items()
    return {f"{section}.{name}": info for section, kind in sections for name, info in _plain_fields(kind).items()}


def _sections(kind: type[Settings], above: str = "") -> dict[str, type[Settings]]:
    """The sections in a section by their dotted names, each before those that lie in it."""
    found: dict[str, type[Settings]] = {}
    for name, info in kind.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Settings):
            found |= {above + name: info.annotation, **_sections(info.annotation, f"{above}{name}.")}
    return found


def _plain_fields(kind: type[Settings]) -> dict[str, FieldInfo]:
    """The fields of a section that are no sections themselves."""
    inner = _sections(kind)
    return {name: info for name, info in kind.model_fields.items() if name not in inner}


def print_settings(settings: RunSettings) -> str:
    """The settings as TOML that `load_settings` reads back to the same, each with its description; without secrets."""
    parts = ["# Every setting of ocrmill. A file for --config needs to hold only what differs.\n"]
    for section, kind in _sections(RunSettings).items():
        values = attrgetter(section)(settings)
        entries = [_entry(name, info, getattr(values, name)) for name, info in _plain_fields(kind).items()]
        parts.append("\n".join([f"# {(kind.__doc__ or '').splitlines()[0]}\n[{section}]\n", *entries]))
    return "\n".join(parts)


def _entry(name: str, info: FieldInfo, value: Any) -> str:
    """One setting: its description and choices as a comment, then the setting."""
    choices = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
    text = f"{info.description} One of: {', '.join(map(str, choices))}." if choices else str(info.description)
    comment = textwrap.fill(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    if value is None:
        return f"{comment}\n# {name} is not set\n"
    if _holds_secrets(info):
        given = f"[...]: {len(value)} given" if isinstance(value, tuple) else "...: given"
        return f"{comment}\n# {name} = {given}, not printed here\n"
    plain = value.source if isinstance(value, Profile) else list(value) if isinstance(value, tuple) else value
    if name == "rungs":
        return f"{comment}\n{name} = [{_inline_tables(value)}]\n"
    return f"{comment}\n{tomli_w.dumps({name: plain})}"


def _inline_tables(values: tuple[Rung, ...]) -> str:
    """Write records as tables on one line each: a header of their own would end the section that they are in."""
    tables = (value.model_dump(mode="json") for value in values)
    return ", ".join(
        f"{{ {', '.join(tomli_w.dumps({key: each}).strip() for key, each in table.items())} }}" for table in tables
    )
