"""The settings: frozen, described, and honest about which of them change rows."""

from collections.abc import Iterator
from operator import attrgetter
from typing import cast

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from ocrmill.configs.alarm_settings import AlarmSettings
from ocrmill.configs.section import Settings, performance
from ocrmill.configs.settings import InputSettings, OutputSettings, RasterSettings, RunSettings

Path = tuple[str, ...]


def is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def fields(kind: type[BaseModel] = RunSettings, above: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Every setting in a section, with the path to it."""
    for name, field in kind.model_fields.items():
        if is_section(field):
            yield from fields(cast("type[BaseModel]", field.annotation), (*above, name))
        else:
            yield (*above, name), field


def test_every_setting_is_described() -> None:
    """Each section says what it is, and each setting has a description that is a sentence."""
    for path, field in fields():
        description = field.description or ""

        assert description.endswith("."), path
        assert description[0].isupper() or description[0] == "`", path


def test_settings_cannot_be_changed() -> None:
    """A settings object stays as it was made."""
    with pytest.raises(ValidationError, match="frozen"):
        RunSettings().raster.dpi = 200  # type: ignore[misc]


def test_unknown_settings_are_refused() -> None:
    """A key that is not a setting is an error, in a section and beside them."""
    unknown: list[dict[str, object]] = [{"raster": {"dpii": 200}}, {"rasterizing": {}}, {"dpi": 3}]
    for values in unknown:
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            RunSettings.model_validate(values)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 0.0, -1.0])
def test_limits_are_finite_and_positive(value: float) -> None:
    """A limit that would never or always strike is refused."""
    with pytest.raises(ValidationError):
        RasterSettings(page_cpu_s=value)


def test_a_page_has_at_least_as_much_wall_time_as_cpu_time() -> None:
    """A wall-clock limit below the CPU limit is refused, since it would always strike first."""
    with pytest.raises(ValidationError, match="page_wall_s must not be smaller than"):
        RunSettings(raster=RasterSettings(page_cpu_s=10, page_wall_s=9))


BESIDE = {  # without these settings others contradict the defaults
    "parse_figures": RunSettings(output=OutputSettings(figures=True)),
    "webhook": RunSettings(alarms=AlarmSettings(failure_rate=(0.0, 0.5))),
    "command": RunSettings(alarms=AlarmSettings(failure_rate=(0.0, 0.5))),
}
Values = dict[str, object]


def other(value: object) -> list[object]:
    """Values of that one's kind, and other than it."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value - 1, value / 2, value * 2]
    return [
        None,
        600,
        "pdfium",
        "none",
        "auto",
        "ocr",
        "cpu",
        "free_ocr",
        "float32",
        "require",
        "aws",
        "fp8",
        "v2",
        "torch",
        "off",
        "https://other",
        "lightonocr-2-1b",
        "vllm",
        "jpeg",
        "base",
        ("x",),
        ({"turn": 180},),
        (0.0, 0.5),
    ]


def variants() -> Iterator[tuple[Path, bool, RunSettings]]:
    """The defaults with one setting changed, and whether that one is said to affect rows."""
    for path, field in fields():
        for value in other(attrgetter(".".join(path))(RunSettings())):
            values: object = value
            for name in reversed(path):
                values = {name: values}
            beside = BESIDE.get(path[-1], RunSettings())
            try:
                changed = RunSettings.model_validate(
                    _merged(beside.model_dump(exclude_defaults=True), cast("Values", values))
                )
            except ValidationError:
                continue
            if changed != beside:
                yield path, field.json_schema_extra != performance(), changed


def _merged(values: Values, others: Values) -> Values:
    """Lay the sections of others over those of values."""
    both = {name: {**cast("Values", values[name]), **cast("Values", others[name])} for name in values.keys() & others}
    return {**values, **others, **both}


def test_the_fingerprint_tells_apart_what_can_change_rows() -> None:
    """Each setting that can change a row changes the fingerprint, and no other does; input decides only which rows."""
    tried = set()
    for path, affects_rows, changed in variants():
        expected = affects_rows and path[0] not in {"input", "output", "workers", "alarms", "serve"}
        tried.add(path)

        assert expected == (changed.fingerprint() != RunSettings().fingerprint()), path
    assert {path for path, _ in fields()} == tried


def test_fingerprints_are_reproducible() -> None:
    """Equal settings give equal fingerprints of 16 hex digits, however they were made."""
    made = RunSettings(raster=RasterSettings(dpi=200), output=OutputSettings(shard_rows=5))
    read = RunSettings.model_validate_json('{"output": {"shard_rows": 7}, "raster": {"dpi": 200}}')

    assert made.fingerprint() == read.fingerprint()
    assert 16 == len(f"{int(made.fingerprint(), 16):016x}")


def test_passwords_are_not_shown() -> None:
    """A settings object can be printed and logged without giving its passwords away."""
    settings = RunSettings(input=InputSettings.model_validate({"passwords": ["hunter2"]}))

    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert "hunter2" == settings.input.passwords[0].get_secret_value()


def test_every_section_is_a_settings_class() -> None:
    """So that all are frozen and refuse unknown keys."""
    for path, _ in fields():
        assert isinstance(attrgetter(".".join(path[:-1]))(RunSettings()), Settings), path
