"""Durations as people write them."""

import re

from ocrmill.configs.errors import SettingsError

_LONGEST = 10  # digits


def parse_seconds(duration: str | None) -> float | None:
    """Read 6h, 90m, 30s or 1h30m as seconds; None stays None.

    Raises:
        SettingsError: it has another form, or a number without its unit.
    """
    if duration is None:
        return None
    found = re.fullmatch(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", duration.strip())
    if not duration.strip() or found is None:
        last = re.search(r"\d+\Z", duration.strip())
        unit = f"{last[0]} what? A number needs its unit: " if last and len(last[0]) < _LONGEST else ""
        raise SettingsError(f"--time-budget {duration:.40}: {unit}write it as 6h, 90m, 1h30m or 45s")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)
