"""A selection of pages, as it travels in the query string: filters, and the order.

    ?status=failed&status=blank&engine=rapidocr&min_loop_score=1&sort=-loop_score

A name of a column with a value is a filter; values of one column are alternatives, filters of several columns hold at
once. `min_` and `max_` before a column of numbers bound it. A minus before the column of `sort` turns the order round.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from ocrmill.commands.view.columns import CHOICES, NUMBERS, PAGE_COLUMNS, TEXTS
from ocrmill.pipeline.errors import UsageError

SORT = "sort"
NO_VALUE = "(none)"  # the value of a filter for rows without a value
_KNOWN = {*CHOICES, *TEXTS, *NUMBERS}
_LONGEST_VALUE = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters and order of pages; no filter selects all pages."""

    filters: tuple[tuple[str, str], ...] = ()  # (parameter, value), in the order of the query string
    sort: str = ""  # a column; empty: the order in which the rows are stored
    descending: bool = False

    @classmethod
    def parse(cls, parameters: Iterable[tuple[str, str]]) -> "Selection":
        """Read a selection from the parameters of a query string; parameters of others are left alone.

        Raises:
            UsageError: A value cannot be compared with the column's, or the order is of no column.
        """
        filters, order = [], ""
        for name, value in parameters:
            if name == SORT:
                order = value
            elif value and _column_of(name) is not None:
                _check(name, value)
                filters.append((name, value[:_LONGEST_VALUE]))
        column = order.removeprefix("-")
        if column and column not in PAGE_COLUMNS:
            raise UsageError(f"sort={column[:60]}: pages have no such column to sort by")
        return cls(tuple(dict.fromkeys(filters)), column, order.startswith("-"))

    def to_query(self) -> str:
        """Return the query string, without a question mark; empty for all pages in stored order."""
        order = [(SORT, f"{'-' if self.descending else ''}{self.sort}")] if self.sort else []
        return urlencode([*self.filters, *order])

    def values(self, name: str) -> list[str]:
        """Return the values of a parameter."""
        return [value for each, value in self.filters if each == name]

    def without(self, name: str, value: str) -> "Selection":
        """Return the selection without one filter."""
        return Selection(tuple(each for each in self.filters if each != (name, value)), self.sort, self.descending)

    def to_sql(self) -> tuple[str, list[object]]:
        """Return the condition as SQL over `pages`, and the values of its parameters."""
        conditions, values = [], []
        for name in dict.fromkeys(name for name, _ in self.filters):
            condition, parameters = _condition(name, self.values(name))
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


def _column_of(name: str) -> str | None:
    if name in _KNOWN:
        return name
    bounded = name.removeprefix("min_") if name.startswith("min_") else name.removeprefix("max_")
    return bounded if bounded != name and bounded in NUMBERS else None


def _check(name: str, value: str) -> None:
    if _column_of(name) in NUMBERS and value != NO_VALUE:
        try:
            float(value)
        except ValueError as error:
            raise UsageError(f"{name}={value[:60]}: this filter takes a number") from error


def _condition(name: str, values: list[str]) -> tuple[str, list[object]]:
    column = _column_of(name)
    given: list[object] = [value for value in values if value != NO_VALUE]
    if name in TEXTS:
        return " OR ".join([f"contains(lower({column}), lower(?))"] * len(values)).join("()"), list(values)
    if name == "flags":
        parts = ["list_has_any(flags, ?::VARCHAR[])"] if given else []
        parts += ["coalesce(len(flags), 0) = 0"] if NO_VALUE in values else []
        return " OR ".join(parts).join("()"), [given] if given else []
    if column in NUMBERS:
        sign = ">=" if name.startswith("min_") else "<=" if name.startswith("max_") else "="
        numbers: list[object] = [float(str(value)) for value in given]
        parts = [f"{column} {sign} ?"] * len(numbers) + ([f"{column} IS NULL"] if NO_VALUE in values else [])
        return " OR ".join(parts).join("()"), numbers
    parts = [f"{column} IN ({', '.join('?' * len(given))})"] if given else []
    parts += [f"{column} IS NULL"] if NO_VALUE in values else []
    return " OR ".join(parts).join("()"), given
