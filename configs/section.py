"""The base of every section of the settings, and the marks on its fields that decide the settings fingerprint.

How to change a setting that can change a row, so that outputs made before can still be added to:

- Add one: mark it `added(as_before=VALUE)`, where VALUE makes rows as they were without the setting. At that value it
  does not count for the fingerprint. Make it the default if you can: another default refuses every older output.
- Add a section whose settings are those of an older one: say so in it, `is_added`. Its defaults then never count, and
  must stay as they are.
- Move the default of a threshold: mark it `moved(VALUE)`, where VALUE is the default of the first release. The new
  default then counts for the fingerprint as the old one did. The rows' `quality_version` tells them apart, and
  `ocrmill reflag` judges older rows by the new one.
- Remove one: enter it in `removed` of its section, with the value by which rows are still made. The fingerprint then
  counts it as if it were set so. Records of older runs keep its name; `read_settings` passes over it.
- Rename one: remove it and add it.

tests/test_older_outputs.py fails where one of these was forgotten.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

AS_BEFORE = "as_before"  # the key of the mark that `added` makes
_DEFAULT_BEFORE = "default_before"


class Settings(BaseModel):
    """Base of all sections: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    removed: ClassVar[Mapping[str, Any]] = {}  # settings of earlier releases that counted for the fingerprint
    is_added: ClassVar[bool] = False  # a section that the first release did not have: its defaults do not count

    def affecting_rows(self) -> dict[str, Any]:
        """Return the settings that can change a row as plain values, without those that leave rows as before."""
        values = _affecting_rows(self)
        before = _affecting_rows(type(self)()) if self.is_added else {}
        return {name: value for name, value in values.items() if name not in before or before[name] != value}


def performance() -> dict[str, Any]:
    """Mark a field that changes how fast rows come, never what is in them."""
    return {"affects_rows": False}


def added(as_before: Any) -> dict[str, Any]:
    """Mark a field that can change rows and that the first release did not have.

    Args:
        as_before: The value, as JSON has it, with which rows are as they were before the field came.
    """
    return {AS_BEFORE: as_before}


def moved(default_before: Any) -> dict[str, Any]:
    """Mark a threshold whose default moved.

    Args:
        default_before: The default of the first release, as JSON has it.
    """
    return {_DEFAULT_BEFORE: default_before}


def _affecting_rows(section: Settings) -> dict[str, Any]:
    values = dict(section.removed)
    plain = section.model_dump(mode="json")
    for name, field in type(section).model_fields.items():
        inner = getattr(section, name)
        mark = field.json_schema_extra
        if isinstance(inner, Settings):
            if inner_values := inner.affecting_rows():
                values[name] = inner_values
        elif mark != performance() and not (isinstance(mark, dict) and mark == added(plain[name])):
            moved_from = mark.get(_DEFAULT_BEFORE) if isinstance(mark, dict) else None
            values[name] = moved_from if moved_from is not None and plain[name] == field.default else plain[name]
    return values
