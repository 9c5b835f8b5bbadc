"""The SQL box: it reads the output, and nothing else, whatever is asked of it."""

import threading
import time
from pathlib import Path

import httpx
import pytest

import ocrmill
from ocrmill.commands.sql.query_program import MOST_ANSWERED
from ocrmill.commands.view.output_data import OutputData
from ocrmill.commands.view.sql import EXAMPLES, ask
from ocrmill.pipeline.errors import UsageError

WRITES = {  # each is a single statement, and what it would leave behind or show
    "a file of the machine": "SELECT * FROM read_csv('{secret}')",
    "a file by its name": "SELECT * FROM '{secret}'",
    "a file as text": "SELECT content FROM read_text('{secret}')",
    "a file as a blob": "SELECT content FROM read_blob('{secret}')",
    "a folder": "SELECT * FROM glob('{folder}/*')",
    "a guess at a file": "SELECT * FROM sniff_csv('{secret}')",
    "the head of a file": "SELECT * FROM parquet_metadata('{secret}')",
    "a shard of the output itself": "SELECT * FROM read_parquet('{shard}')",
    "a web server": "SELECT * FROM read_csv('http://127.0.0.1:9/a.csv')",
    "a query in a query": "SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')",
    "writing a file": "COPY pages TO '{mark}'",
    "another database": "ATTACH '{mark}'",
    "a setting": "SET memory_limit = '90GB'",
    "a setting given back": "RESET enable_external_access",
    "a pragma": "PRAGMA enable_profiling = 'json'",
    "an extension": "INSTALL httpfs",
    "loading an extension": "LOAD httpfs",
    "a call": "CALL pragma_version()",
    "rows taken out": "DELETE FROM pages",
    "rows taken out in a WITH": "WITH gone AS (DELETE FROM pages RETURNING *) SELECT * FROM gone",
    "a table": "CREATE TABLE mine AS SELECT 1",
    "a view": "CREATE OR REPLACE VIEW pages AS SELECT 1",
    "the plan of a change, run": "EXPLAIN ANALYZE DELETE FROM pages",
    "a secret": "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "an export": "EXPORT DATABASE '{mark}'",
    "two statements": "SELECT 1; DELETE FROM pages",
    "no statement": "-- nothing",
    "a variable of Python": "SELECT * FROM statements",
    "the environment": "SELECT getenv('HOME')",
}


@pytest.mark.parametrize("what", WRITES)
def test_an_attack_is_refused(what: str, data: OutputData, tmp_path: Path) -> None:
    """An attack shows nothing of the machine, leaves nothing behind, and the index stays as it is."""
    secret = tmp_path / "secret.csv"
    secret.write_text("do-not-show\n1\n")
    shard = next((Path(data.url) / "pages").iterdir())
    asked = WRITES[what].format(secret=secret, folder=tmp_path, mark=tmp_path / "mark", shard=shard)

    with pytest.raises(UsageError) as refused:
        ask(data, asked)
    assert "do-not-show" not in str(refused.value)
    assert not (tmp_path / "mark").exists()
    assert ask(data, "SELECT count(*) FROM pages").rows == [("2100",)]
    assert ask(data, "SELECT current_setting('enable_external_access')").rows == [("False",)]


def test_a_query_that_takes_too_long_is_interrupted(data: OutputData) -> None:
    """The query ends at its limit, and another one is answered meanwhile."""
    endless = "SELECT count(*) FROM range(100000000000) a, range(100000000000) b WHERE a.range % 7 = b.range % 11"
    ended: list[str] = []

    def run() -> None:
        with pytest.raises(UsageError) as error:
            ask(data, endless, time_limit_s=1.0)
        ended.append(str(error.value))

    started = time.monotonic()
    thread = threading.Thread(target=run)
    thread.start()
    assert ask(data, "SELECT 1").rows == [("1",)]
    thread.join()
    assert time.monotonic() < started + 15
    assert "it took longer than 1 s" in ended[0]


@pytest.mark.parametrize(
    "query", ["SELECT 1 AS x", "WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM t) SELECT x FROM t"]
)
def test_an_answer_does_not_wait_for_rows_that_nobody_sees(query: str, data: OutputData) -> None:
    """Of a query without end the first rows are shown, and the rest is made no longer than its time."""
    started = time.monotonic()
    for _ in range(3):
        assert ask(data, query, time_limit_s=10.0).rows[0] == ("1",)

    assert time.monotonic() < started + 30


@pytest.mark.parametrize(
    "query", ["SELECT length(repeat('x', 2000000000))", "SELECT repeat(markdown, 1000000) FROM page_rows"]
)
def test_memory_has_a_limit(query: str, data: OutputData) -> None:
    """A query that would take more memory than it has is stopped, and the viewer goes on."""
    with pytest.raises(UsageError, match="needs more than 2 GB of memory"):
        ask(data, query, time_limit_s=10.0)
    assert ask(data, "SELECT 1").rows == [("1",)]


def test_whole_rows_are_those_of_the_output(data: OutputData) -> None:
    """`page_rows` has the texts, as often as a query names it, and only what counts."""
    texts = ocrmill.open_output(data.url).pages.select("markdown").to_arrow()["markdown"].to_pylist()
    total = sum(len(text or "") for text in texts)

    answer = ask(data, "SELECT sum(length(markdown)), count(*), 2 * count(*) FROM page_rows")
    assert answer.rows == [(str(total), "2100", "4200")]
    twice = "SELECT count(*) FROM page_rows a JOIN page_rows b USING (document_id, page_number) WHERE a.raw IS NULL"
    assert ask(data, twice).rows == [("2100",)]
    assert "markdown" in ask(data, "FROM page_rows LIMIT 1").columns
    assert "settings_fingerprint" in ask(data, "SELECT p.* FROM page_rows AS p LIMIT 1").columns


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_runs(name: str, viewer: str) -> None:
    """The examples of the box are answered, and have rows."""
    answer = httpx.get(viewer + "/sql", params={"q": EXAMPLES[name]})

    assert answer.status_code == 200
    assert "<tbody><tr>" in answer.text


def test_long_answers_are_cut_and_text_is_escaped(viewer: str, data: OutputData) -> None:
    """The first rows are shown, and it is said that there are more; markup in values is text."""
    answer = ask(data, "SELECT id FROM pages")
    assert (len(answer.rows), answer.has_more) == (MOST_ANSWERED, True)

    page = httpx.get(viewer + "/sql", params={"q": "SELECT '<script>alert(1)</script>' AS \"<b>\""}).text
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "<b>&lt;" not in page
    assert "there are more" not in page
    assert httpx.get(viewer + "/sql", params={"q": "SELEC 1"}).status_code == 400
