"""Durations as people write them."""

import re

from configs.load import SettingsError


def parse_seconds(duration: str | None) -> float | None:
    """6h, 90m, 30s, 1h30m as seconds; none for none.

    Raises:
        SettingsError: it is written otherwise.
    """
    if duration is None:
        return None
    found = re.fullmatch(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", duration.strip())
    if not duration.strip() or found is None:
        raise SettingsError(f"--time-budget {duration}: write it as 6h, 90m, 1h30m or 45s")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)
