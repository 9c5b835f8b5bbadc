"""A part of the work, as people write it: pages 1-3,7,10- of each document, machine 2/4 of several."""

import re
from dataclasses import dataclass

from ocrmill.configs.errors import SettingsError


@dataclass(frozen=True, slots=True)
class PageChoice:
    """Pages of each document that are read: ranges with both ends in them; no end means up to the last page."""

    ranges: tuple[tuple[int, int | None], ...]

    @classmethod
    def parse(cls, text: str) -> "PageChoice":
        """Read 1-10, or several ranges and pages: 1-3,7,10-.

        Raises:
            SettingsError: it is not written so.
        """
        found = [re.fullmatch(r"(\d{1,9})(-(\d{1,9})?)?", part.strip()) for part in text.split(",")]
        ranges = tuple((int(one[1]), int(one[3] or 0) or None if one[2] else int(one[1])) for one in found if one)
        if not all(found) or any(first < 1 or (last is not None and last < first) for first, last in ranges):
            raise SettingsError(f"--pages {text}: write pages and ranges as 1-10 or 1-3,7,10-; the first page is 1")
        return cls(ranges)

    def of(self, page_count: int) -> set[int]:
        """The chosen pages of a document of so many."""
        return {
            number for first, last in self.ranges for number in range(first, min(page_count, last or page_count) + 1)
        }

    def __str__(self) -> str:
        return ",".join(str(first) if last == first else f"{first}-{last or ''}" for first, last in self.ranges)


@dataclass(frozen=True, slots=True)
class MachineShare:
    """The share of one of several machines, which do not know of each other: number 1 to `of`."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "MachineShare":
        """Read 2/4: the second of four.

        Raises:
            SettingsError: it is written differently, or there is no such share.
        """
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise SettingsError(f"--shard {text}: write it as 1/4, 2/4, 3/4 and 4/4 on four machines")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"
