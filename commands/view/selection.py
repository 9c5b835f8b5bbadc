"""A selection of pages, or of another table, as it travels in the query string: filters, and the order.

    ?status=failed&status=blank&engine=rapidocr&min_loop_score=1&sort=-loop_score

A name of a column with a value is a filter; values of one column are alternatives, filters of several columns hold at
once. `min_` and `max_` before a column of numbers bound it. A minus before the column of `sort` turns the order round.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from ocrmill.commands.presentation.columns import NO_VALUE, PAGE_COLUMNS, TableColumns
from ocrmill.pipeline.errors import UsageError

SORT = "sort"
_LONGEST_VALUE = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters and order of rows; no filter selects all of them."""

    filters: tuple[tuple[str, str], ...] = ()  # (parameter, value), in the order of the query string
    sort: str = ""  # a column; empty: the order in which the rows are stored
    descending: bool = False
    columns: TableColumns = PAGE_COLUMNS

    @classmethod
    def parse(cls, parameters: Iterable[tuple[str, str]], columns: TableColumns = PAGE_COLUMNS) -> "Selection":
        """Read a selection from the parameters of a query string; parameters of others are left alone.

        Raises:
            UsageError: A value cannot be compared with the column's, or the order is of no column.
        """
        filters, order = [], ""
        for name, value in parameters:
            if name == SORT:
                order = value
            elif value and _column_of(columns, name) is not None:
                _check(columns, name, value)
                filters.append((name, value[:_LONGEST_VALUE]))
        column = order.removeprefix("-")
        if column and column not in columns.names:
            raise UsageError(f"sort={column[:60]}: {columns.table} have no such column to sort by")
        return cls(tuple(dict.fromkeys(filters)), column, order.startswith("-"), columns)

    def to_query(self) -> str:
        """Return the query string, without a question mark; empty for all pages in stored order."""
        order = [(SORT, f"{'-' if self.descending else ''}{self.sort}")] if self.sort else []
        return urlencode([*self.filters, *order])

    def values(self, name: str) -> list[str]:
        """Return the values of a parameter."""
        return [value for each, value in self.filters if each == name]

    def without(self, name: str, value: str) -> "Selection":
        """Return the selection without one filter."""
        return replace(self, filters=tuple(each for each in self.filters if each != (name, value)))

    def sorted_by(self, column: str) -> "Selection":
        """Return the selection in the order of a column; numbers begin with the largest, a second time turns it."""
        first = column in self.columns.numbers
        return replace(self, sort=column, descending=not self.descending if self.sort == column else first)

    def to_sql(self) -> tuple[str, list[object]]:
        """Return the condition as SQL over the table, and the values of its parameters."""
        conditions, values = [], []
        for name in dict.fromkeys(name for name, _ in self.filters):
            condition, parameters = _condition(self.columns, name, self.values(name))
            conditions.append(condition)
            values += parameters
        return " AND ".join(conditions) or "TRUE", values

    def order(self, *, forwards: bool = True) -> str:
        """Return the order as SQL: rows without a value come last, and equal ones in stored order."""
        way = "ASC" if forwards else "DESC"
        if not self.sort:
            return f"id {way}"
        column = "DESC" if self.descending == forwards else "ASC"
        return f"({self.sort} IS NULL) {way}, {self.sort} {column}, id {way}"

    def beyond(self, value: object, row_id: int, *, forwards: bool) -> tuple[str, str, list[object]]:
        """Return the condition for the rows after one, or before it, their order, and the condition's values."""
        order = self.order(forwards=forwards)
        later = f"id {'>' if forwards else '<'} ?"
        if not self.sort:
            return later, order, [row_id]
        if value is None:
            same = f"{self.sort} IS NULL AND {later}"
            return (f"({same})" if forwards else f"({self.sort} IS NOT NULL OR {same})"), order, [row_id]
        sign = "<" if self.descending == forwards else ">"
        nulls = f" OR {self.sort} IS NULL" if forwards else ""
        condition = f"({self.sort} {sign} ? OR ({self.sort} = ? AND {later}){nulls})"
        return condition, order, [value, value, row_id]


def _column_of(columns: TableColumns, name: str) -> str | None:
    if name in columns.names:
        return name
    bounded = name.removeprefix("min_") if name.startswith("min_") else name.removeprefix("max_")
    return bounded if bounded != name and bounded in columns.numbers else None


def _check(columns: TableColumns, name: str, value: str) -> None:
    if _column_of(columns, name) in columns.numbers and value != NO_VALUE:
        try:
            float(value)
        except ValueError as error:
            raise UsageError(f"{name}={value[:60]}: this filter takes a number") from error


def _condition(columns: TableColumns, name: str, values: list[str]) -> tuple[str, list[object]]:
    column = _column_of(columns, name)
    given: list[object] = [value for value in values if value != NO_VALUE]
    parts = []
    if name in columns.texts:
        parts = [f"contains(lower({column}), lower(?))"] * len(given)
    elif name == "flags":
        parts, given = (["list_has_any(flags, ?::VARCHAR[])"], [given]) if given else ([], [])
        parts += ["len(flags) = 0"] if NO_VALUE in values else []
    elif column in columns.numbers:
        sign = ">=" if name.startswith("min_") else "<=" if name.startswith("max_") else "="
        given = [float(str(value)) for value in given]
        parts = [f"{column} {sign} ?"] * len(given)
    elif given:
        parts = [f"{column} IN ({', '.join('?' * len(given))})"]
    if NO_VALUE in values:
        parts.append(f"{column} IS NULL")
    return f"({' OR '.join(parts)})", given
