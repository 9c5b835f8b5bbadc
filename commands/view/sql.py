"""The SQL box: one query over the output, that reads and does nothing else.

A query runs in a process of its own (commands/sql/limited_query.py), which opens the file of the index to read it, has
limits of memory and time, and is locked: no other file, no extension, no setting. It has to be one SELECT. What does
not fit into the memory goes to the folder of the index.

`pages`, `documents`, `sources` and `rates` are the index. `page_rows` has all columns of the page rows, texts too: it
is read from the output at each query that names it, and only the columns whose names occur in the query.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ocrmill.commands.sql.limited_query import run_limited
from ocrmill.commands.sql.page_rows import TEXTS_TABLE, FullRows, named_columns
from ocrmill.commands.view.frame import data_of, render
from ocrmill.commands.view.output_data import OutputData
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.schema import PAGES

TIME_LIMIT_S = 20.0
LONGEST_QUERY = 20_000
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
        UsageError: It is not one SELECT, it fails, takes too long or needs too much memory, or others run too long.
    """
    if len(query) > LONGEST_QUERY:
        raise UsageError(f"a query has at most {LONGEST_QUERY:,} characters")
    tables = {}
    if re.search(rf"\b{TEXTS_TABLE}\b", query):
        tables[TEXTS_TABLE] = FullRows(data.store, named_columns(query))
    with data.index.read_by_others(time_limit_s) as database:
        if database is None:
            raise UsageError(f"the query was not begun: for {time_limit_s:g} s others ran. Ask again")
        answer = run_limited(
            "select", query, tables, database=database, spill_in=database.parent, time_limit_s=time_limit_s
        )
    columns, rows, has_more = json.loads(answer)
    return Answer(tuple(columns), [tuple(row) for row in rows], has_more)
