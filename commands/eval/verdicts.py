"""Verdicts of people on pages, given in `ocrmill view`: a file of JSON lines, and the precision of each flag by it.

    {"document_id": "9f2c...", "page_number": 3, "run_id": "...", "source": "a.pdf", "status": "ok",
     "flags": ["repetition"], "verdict": "flag_wrong", "time": "2026-01-31T07:12:09+00:00"}

Lines are only ever added. The last verdict on a page of a run counts; `undone` takes it back. `flags` are those that
the page had, its reason among them, so that the file is of use after `reflag`, and without the output.
"""

import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from ocrmill.configs.errors import words_of
from ocrmill.pipeline.degenerate_rates import interval
from ocrmill.pipeline.errors import InputError, OutputError
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.store import Store

VERDICTS_ENDING = ".verdicts.jsonl"


class VerdictKind(StrEnum):
    """A thing that a person can say of a page."""

    FLAG_RIGHT = "flag_right"  # each flag and the reason of the page
    FLAG_WRONG = "flag_wrong"
    TEXT_WRONG = "text_wrong"  # whatever the flags say
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A line of the file."""

    document_id: str
    page_number: int
    run_id: str
    source: str
    status: str
    flags: tuple[str, ...]  # and the reason, if there is one
    verdict: VerdictKind
    time: str  # ISO 8601, with a time zone

    @classmethod
    def of(cls, row: Mapping[str, Any], kind: VerdictKind) -> "Verdict":
        """Make the verdict on a row of the output, given now."""
        return cls(
            row["document_id"],
            row["page_number"],
            row["run_id"],
            row["source"],
            row["status"],
            judged(row),
            kind,
            datetime.now(UTC).isoformat(timespec="seconds"),
        )

    @property
    def page(self) -> tuple[str, int, str]:
        """The page, as one run read it."""
        return self.document_id, self.page_number, self.run_id


@dataclass(frozen=True, slots=True)
class FlagPrecision:
    """Counts of a flag, by the verdicts: pages on which it was right, and wrong."""

    flag: str
    right: int
    wrong: int

    @property
    def precision(self) -> float:
        """The share of right ones."""
        return self.right / (self.right + self.wrong)

    def to_text(self) -> str:
        """Return a line for people, with Wilson's interval."""
        low, high = interval(self.right, self.right + self.wrong)
        share = f"right on {self.right} of {self.right + self.wrong} pages"
        return f"{self.flag}: {share}, {self.precision:.1%} ({low:.1%} to {high:.1%} with 95 % confidence)"


def judged(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the subjects of a verdict on the flags of a row: its flags and its reason."""
    return tuple(dict.fromkeys([*(row["flags"] or []), *([row["reason"]] if row["reason"] else [])]))


def verdicts_beside(store: Store) -> Path | None:
    """Return the file beside an output in a folder; null for one in a bucket."""
    if not isinstance(store, LocalStore):
        return None
    folder = Path(store.url).resolve()
    return folder.with_name(folder.name + VERDICTS_ENDING)


class VerdictFile:
    """A file of verdicts, with the one that counts on each page in memory; it is safe for threads.

    Each look reads the lines that were added since the last one, by whatever process. A file that was replaced or
    became shorter is read from its beginning. Not covered: a line that an editor changes in place.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._forget()

    def add(self, verdict: Verdict) -> None:
        """Add a line to the file, which is made if there is none.

        Raises:
            OutputError: It cannot be written.
        """
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(verdict), ensure_ascii=True) + "\n")
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {error.strerror or error}") from error

    def find(self, document_id: str, page_number: int, run_id: str) -> Verdict | None:
        """Return the verdict that counts on a page; None if there is none, or it was undone.

        Raises:
            InputError: The file cannot be read, or a line is no verdict.
        """
        with self._lock:
            self._read_on()
            return self._verdicts.get((document_id, page_number, run_id))

    def read(self) -> list[Verdict]:
        """Return the verdict that counts on each page, in the order in which they were given. No file: no verdict.

        Raises:
            InputError: The file cannot be read, or a line is no verdict.
        """
        with self._lock:
            self._read_on()
            return list(self._verdicts.values())

    def _forget(self) -> None:
        self._verdicts: dict[tuple[str, int, str], Verdict] = {}
        self._inode, self._bytes, self._lines = 0, 0, 0

    def _read_on(self) -> None:
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._bytes:
                    self._forget()
                    self._inode = status.st_ino
                file.seek(self._bytes)
                added = file.read()
        except FileNotFoundError:
            self._forget()
            return
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {words_of(error)}") from error
        for line in added.splitlines(keepends=True):
            if line.strip():
                self._count(_parse(self.path, self._lines + 1, line))
            if line.endswith(b"\n"):  # else it is read again, with what may be added to it
                self._bytes += len(line)
                self._lines += 1

    def _count(self, verdict: Verdict) -> None:
        self._verdicts.pop(verdict.page, None)
        if verdict.verdict is not VerdictKind.UNDONE:
            self._verdicts[verdict.page] = verdict


def flag_precision(verdicts: Iterable[Verdict]) -> list[FlagPrecision]:
    """Count by flag how often people said that it is right or wrong. A verdict is on all flags of its page."""
    counts: dict[str, list[int]] = {}
    for verdict in verdicts:
        if verdict.verdict in (VerdictKind.FLAG_RIGHT, VerdictKind.FLAG_WRONG):
            for flag in verdict.flags:
                counts.setdefault(flag, [0, 0])[verdict.verdict is VerdictKind.FLAG_WRONG] += 1
    return [FlagPrecision(flag, right, wrong) for flag, (right, wrong) in sorted(counts.items())]


def verdicts_text(path: Path) -> str:
    """Return the precision of each flag for people, and the pages whose text is wrong though nothing flags it.

    Raises:
        InputError: There is no such file, or it cannot be read.
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such file")
    verdicts = VerdictFile(path).read()
    wrong = [verdict for verdict in verdicts if verdict.verdict is VerdictKind.TEXT_WRONG]
    unflagged = sum(not verdict.flags for verdict in wrong)
    lines = [f"{len(verdicts)} pages have a verdict", *(each.to_text() for each in flag_precision(verdicts))]
    return "\n".join([*lines, f"text wrong: {len(wrong)} pages, {unflagged} of them without a flag"]) + "\n"


def _parse(path: Path, number: int, line: bytes) -> Verdict:
    try:
        values = json.loads(line)
        texts = {name: str(values[name]) for name in ("document_id", "run_id", "source", "status", "time")}
        kind = VerdictKind(values["verdict"])
        return Verdict(**texts, page_number=int(values["page_number"]), flags=tuple(values["flags"]), verdict=kind)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}, line {number}: no verdict: {error!r}") from error
