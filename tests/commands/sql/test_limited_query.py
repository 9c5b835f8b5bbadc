"""A query of a person has limits of memory and time that hold, whatever takes the memory."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from processes import descendants
from waiting import wait_for

from ocrmill.commands.sql.limited_query import run_limited
from ocrmill.commands.sql.question import PROCESS_BYTES
from ocrmill.pipeline.errors import UsageError

TIME_LIMIT_S = 3.0
ENDLESS = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"
LARGE = {  # each asks for more memory than a query has, or for more time; most of it is none that DuckDB counts
    "a long string": "SELECT length(repeat('x', 2000000000))",
    "many long strings": "SELECT sum(length(repeat('x', 2000000000))) FROM range(100000)",
    "a long string as the answer": "SELECT repeat('x', 1500000000)",
    "padding": "SELECT length(lpad('x', 2000000000, 'ab'))",
    "a format": "SELECT printf('%2000000000d', 1)",
    "doubling": "WITH RECURSIVE t AS (SELECT 'x' AS x UNION ALL SELECT x || x FROM t) SELECT max(length(x)) FROM t",
    "strings joined": "SELECT length(string_agg(repeat('x', 1000000), ',')) FROM range(100000)",
    "a list of strings": "SELECT list(repeat('x', 1000000)) FROM range(100000)",
    "a long list": "SELECT len(range(2000000000))",
    "a list made from another": "SELECT len(list_transform(range(300000000), lambda x: x::VARCHAR))",
    "a replacement": "SELECT length(replace(repeat('x', 100000000), 'x', repeat('y', 100)))",
    "a regular expression": "SELECT length(regexp_replace(repeat('x', 100000000), 'x', repeat('y', 40), 'g'))",
    "JSON": "SELECT length(json_group_array(repeat('x', 1000000))) FROM range(10000)",
    "a histogram": "SELECT histogram(repeat(range::VARCHAR, 100000)) FROM range(100000)",
    "sorting": "SELECT count(*) FROM (SELECT repeat(range::VARCHAR, 10000) AS x FROM range(10000000) ORDER BY x)",
    "a recursion without end": "WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM t) SELECT max(x) FROM t",
    "a join without end": ENDLESS,
}
_MEASURED = """
import resource, sys, time
from pathlib import Path
from ocrmill.commands.sql.limited_query import run_limited
from ocrmill.pipeline.errors import UsageError
before = time.monotonic()
try:
    run_limited("select", sys.argv[1], {{}}, time_limit_s={limit})
except UsageError as error:
    print(error, end="|")
print(time.monotonic() - before, end="|")
own = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]  # ru_maxrss begins with that of this test
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, own, sep="|")
"""
_AT_CTRL_C = f"""
from ocrmill.commands.sql.limited_query import run_limited
try:
    run_limited("select", "{ENDLESS}", {{}})
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


@pytest.mark.parametrize("what", LARGE)
def test_memory_and_time_have_limits(what: str, tmp_path: Path) -> None:
    """A query that would take more is stopped with a message, and nothing is left of it."""
    program = [sys.executable, "-c", _MEASURED.format(limit=TIME_LIMIT_S), LARGE[what]]
    ended = subprocess.run(program, capture_output=True, text=True, env={"TMPDIR": str(tmp_path)}, check=True)
    said, seconds, child_kb, own_kb = ended.stdout.rsplit("|", 3)

    assert re.match(r"the query was stopped: it (needs more than 2 GB of memory|took longer than 3 s)", said)
    assert float(seconds) < TIME_LIMIT_S + 5
    assert int(child_kb) << 10 <= PROCESS_BYTES + (200 << 20)  # what is mapped from files is not counted
    assert int(own_kb) << 10 < 500 << 20
    assert list(tmp_path.iterdir()) == []


def test_a_large_query_that_fits_is_answered() -> None:
    """Rows that DuckDB can write to files may be larger than the memory."""
    query = "SELECT count(*) FROM (SELECT repeat(range::VARCHAR, 100) AS x FROM range(2000000) ORDER BY x)"

    assert json.loads(run_limited("select", query, {}))[1] == [["2000000"]]


def test_tables_are_read_as_often_as_a_query_scans_them() -> None:
    """Each scan gets all rows, larger than the buffer of a pipe, and one that needs only the first ends early."""
    table = pa.table({"name": [f"row {n}" for n in range(100_000)]})
    twice = "SELECT count(*) FROM rows a JOIN rows b USING (name)"

    assert json.loads(run_limited("select", twice, {"rows": table}))[1] == [["100000"]]
    assert json.loads(run_limited("select", "FROM rows LIMIT 1", {"rows": table})) == [["name"], [["row 0"]], False]


def test_a_refusal_has_the_message_of_the_database() -> None:
    """A wrong query says what is wrong with it."""
    with pytest.raises(UsageError, match="nothing does not exist"):
        run_limited("select", "SELECT * FROM nothing", {})


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_the_process_of_a_query_ends_with_who_asked(stop: signal.Signals) -> None:
    """Ctrl-C stops a query without a time limit, and a kill of the asking process ends that of the query, too."""
    with subprocess.Popen([sys.executable, "-c", _AT_CTRL_C], stdout=subprocess.PIPE, text=True) as asking:
        try:
            query = wait_for(lambda: descendants("sql.query_program"))[0]
            wait_for(lambda: query.cpu_times().user > 1.0)
            asking.send_signal(stop)
            said, _ = asking.communicate(timeout=60)
        finally:
            asking.kill()
    query.wait(10)

    assert said == ("stopped\n" if stop == signal.SIGINT else "")
