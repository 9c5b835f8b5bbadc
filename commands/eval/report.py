"""The report of `ocrmill eval`: tables for people, and the same as JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ocrmill.commands.export.places.new_file import new_file, regular_file, reporting_os_errors

Cell = str | int | float | None
_LISTED = 10


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """A table: its first column says what a row is about."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]

    def to_text(self) -> str:
        """The table in columns, numbers to the third digit."""
        lines = [self.columns, *(tuple(_written(cell) for cell in row) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        body = []
        for line in lines:
            cells = [line[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
            body.append("  ".join(cells).rstrip())
        return "\n".join([self.title, *body, ""])

    def records(self) -> list[dict[str, Cell]]:
        """The rows by the names of the columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(slots=True)
class EvalReport:
    """The scores of an output, and all that was not scored."""

    output: str
    truth: str
    form: str
    pages: int = 0  # pages, or documents, that the truth has
    missing: list[str] = field(default_factory=list)  # of the truth, without a row: scored as empty
    failed: list[str] = field(default_factory=list)  # with a row but no text: scored as empty
    without_truth: list[str] = field(default_factory=list)  # rows that are not scored
    notes: list[str] = field(default_factory=list)
    tables: list[ScoreTable] = field(default_factory=list)

    def to_text(self) -> str:
        """The report in words and tables, for people."""
        lines = [f"{self.output} against {self.truth} ({self.form}): {self.pages} of the truth", ""]
        lines += [table.to_text() for table in self.tables]
        lists = {
            "of the truth have no row, and count as empty": self.missing,
            "have a row that failed, and count as empty": self.failed,
            "rows have no truth, and are not scored": self.without_truth,
        }
        for what, names in lists.items():
            if names:
                more = ", ..." if len(names) > _LISTED else ""
                lines.append(f"{len(names)} {what}: {', '.join(names[:_LISTED])}{more}")
        return "\n".join([*lines, *self.notes, ""])

    def to_json(self) -> str:
        """The report as JSON; `tables` has the rows of each table by its title."""
        values = asdict(self) | {"tables": {table.title: table.records() for table in self.tables}}
        return json.dumps(values, ensure_ascii=False, indent=2) + "\n"


def write_json(report: EvalReport, path: Path) -> None:
    """Write the report as JSON into a file.

    Raises:
        OutputError: The file cannot be written.
        UsageError: The path is no file.
    """
    with reporting_os_errors(path), new_file(regular_file(path)) as file:
        file.write(report.to_json().encode())


def _written(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
