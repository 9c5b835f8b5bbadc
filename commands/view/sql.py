"""The SQL box: one query over the output, that reads and does nothing else.

The database is locked (locked_database.py): no file, no extension, no setting. Here a query also has to be one SELECT;
it runs in a read-only transaction, because a WITH may write, and is interrupted when its time is over. DuckDB's memory
limit holds for all queries together; what does not fit goes to the temporary folder of the index.

`pages`, `documents`, `sources` and `rates` are the index. `page_rows` has all columns of the page rows, texts too: it
is read from the output at each query that names it, and only the columns whose names occur in the query.
"""

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from ocrmill.commands.sql.page_rows import TEXTS_TABLE, FullRows, named_columns
from ocrmill.commands.view.frame import data_of, render
from ocrmill.commands.view.output_data import OutputData
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.schema import PAGES
from ocrmill.pipeline.printable import printable

if TYPE_CHECKING:
    import duckdb

TIME_LIMIT_S = 20.0
MOST_ANSWERED = 1000
LONGEST_QUERY = 20_000
SHOWN_VALUE = 400
EXAMPLES = {
    "Flagged pages by engine and flag": "SELECT engine, flag, count(*) AS pages\n"
    "FROM (SELECT engine, unnest(flags) AS flag FROM pages)\nGROUP BY ALL ORDER BY pages DESC",
    "Documents with the most loops": "SELECT source, count(*) AS loops, max(loop_score) AS worst\nFROM pages\n"
    "WHERE loop_score >= 1 GROUP BY source ORDER BY loops DESC LIMIT 20",
    "Seconds a page by language": "SELECT text_language, count(*) AS pages,\n"
    "  round(avg(engine_ms) / 1000, 2) AS mean, round(quantile_cont(engine_ms, 0.99) / 1000, 2) AS p99\n"
    "FROM pages WHERE engine IS NOT NULL GROUP BY 1 ORDER BY pages DESC",
    "Repetition by night": "SELECT night, sum(pages) AS pages, round(100 * sum(kept) / sum(pages), 2) AS percent\n"
    "FROM rates WHERE engine <> '' GROUP BY 1 ORDER BY 1",
    "Longest texts": "SELECT source, page_number, length(markdown) AS characters\nFROM page_rows\n"
    "ORDER BY characters DESC NULLS LAST LIMIT 20",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a query, as text."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    has_more: bool


def sql(request: Request) -> Response:
    """Show the box, and the answer to what is in it."""
    query = request.query_params.get("q", "")
    values: dict[str, Any] = {"title": "SQL", "query": query, "answer": None, "error": None, "examples": EXAMPLES}
    if query.strip():
        try:
            values["answer"] = ask(data_of(request), query)
        except UsageError as error:
            values["error"] = str(error)
    tables = "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() WHERE internal = false "
    found = data_of(request).cursor().execute(tables + "GROUP BY 1 ORDER BY 1").fetchall()
    values["tables"] = {**dict(found), TEXTS_TABLE: PAGES.names}
    return render(request, "sql.html", values, 400 if values["error"] else 200)


def ask(data: OutputData, query: str, time_limit_s: float = TIME_LIMIT_S) -> Answer:
    """Run a query.

    Raises:
        UsageError: It is not one SELECT, it fails, or it takes too long.
    """
    import duckdb

    if len(query) > LONGEST_QUERY:
        raise UsageError(f"a query has at most {LONGEST_QUERY:,} characters")
    cursor = data.cursor()
    try:
        statements = cursor.extract_statements(query)
        if len(statements) != 1 or statements[0].type not in {
            duckdb.StatementType.SELECT,
            duckdb.StatementType.EXPLAIN,
        }:
            raise UsageError("the box takes one SELECT: it only reads")
        if re.search(rf"\b{TEXTS_TABLE}\b", query):
            cursor.register(TEXTS_TABLE, FullRows(data.store, named_columns(query)))
        return _run(cursor, query, time_limit_s)
    except duckdb.InterruptException as error:
        raise UsageError(f"the query was stopped: it took longer than {time_limit_s:g} s") from error
    except duckdb.Error as error:
        raise UsageError(printable(str(error))) from error
    finally:
        cursor.close()


def _run(cursor: "duckdb.DuckDBPyConnection", query: str, time_limit_s: float) -> Answer:
    clock = threading.Timer(time_limit_s, cursor.interrupt)
    cursor.execute("BEGIN TRANSACTION READ ONLY")
    clock.start()
    try:
        cursor.execute(query)
        rows = cursor.fetchmany(MOST_ANSWERED + 1)
        columns = tuple(printable(each[0]) for each in cursor.description or ())
    finally:
        cursor.interrupt()  # of an endless query the rows after these are made meanwhile, and ROLLBACK waits for them
        cursor.execute("ROLLBACK")
        clock.cancel()
    shown = [tuple(_shown(value) for value in row) for row in rows[:MOST_ANSWERED]]
    return Answer(columns, shown, len(rows) > MOST_ANSWERED)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    text = (
        f"{value:.6g}"
        if isinstance(value, float)
        else f"{len(value)} bytes"
        if isinstance(value, bytes)
        else str(value)
    )
    text = printable(text[: SHOWN_VALUE + 1])
    return text if len(text) <= SHOWN_VALUE else f"{text[:SHOWN_VALUE]} …"
