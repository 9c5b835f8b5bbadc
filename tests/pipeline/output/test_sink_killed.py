"""A run that writes shards is killed at any moment: what is visible stays right, and the next run goes on."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from glob_query import query
from processes import next_line, say

from ocrmill.commands.verify import verify
from ocrmill.pipeline.output.stores.local import LocalStore

ROOT = Path(__file__).parents[3]

# For each line "DAY DOCUMENTS" on its stdin forks a run, which reads what is missing of so many documents of 1 to 5
# pages and flushes after every few. The run says its process id once it writes, then this process its wait status.
RUNS = """
import os, sys
sys.path[:0] = [".", "tests/support"]
from pathlib import Path
from made_rows import made_document, made_id, made_page, made_source_row, made_stamp
from ocrmill.configs.settings import OutputSettings
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.sink import Sink
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.store import LeaseOwner

def run(day, documents):
    store = LocalStore(Path(sys.argv[1]))
    with store.lease(LeaseOwner.current("child")):
        ledger = read_ledger(store)
        sink = Sink(store, made_stamp(day), OutputSettings(), ledger)
        print(os.getpid(), flush=True)
        for number in range(documents):
            name, count = f"document {number}", 1 + number % 5
            if ledger.is_complete(made_id(name)):
                continue
            durable = ledger.unfinished_pages(made_id(name))
            pages = [made_page(name, at, count) for at in range(1, count + 1)]
            for page in pages:
                if page.page_number not in durable:
                    sink.add_page(page)
                    if (number + page.page_number) % 3 == 0:
                        sink.flush()
            sink.finish_document(made_document(name, pages), [made_source_row(name)])
        sink.close()

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            run(*map(int, line.split()))
            os._exit(0)
        finally:
            os._exit(1)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def test_a_run_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    """Ten SIGKILLs: after each, all that is visible is readable and in order; in the end every page is there once."""
    store, rng = LocalStore(tmp_path), random.Random(7)
    command = [sys.executable, "-c", RUNS, str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as runs:

        def start(day: int, documents: int) -> int:
            say(runs, f"{day} {documents}\n")
            return int(next_line(runs))

        for day in range(1, 11):
            before = len(store.list("pages"))
            process_id = start(day, 100_000)
            while len(store.list("pages")) < before + rng.randint(1, 6):
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.03))
            os.kill(process_id, signal.SIGKILL)
            assert int(next_line(runs)) == signal.SIGKILL
            report = verify(store, repair=False)
            assert report.sound, report.findings
            assert query(store, "count(distinct (document_id, page_number))", "pages") == [(report.pages,)]
        done = report.documents + 20
        start(99, done)
        assert int(next_line(runs)) == 0

    assert report.pages > 10
    assert query(store, "source, page_number", "pages") == sorted(
        (f"/data/document {number}.pdf", at) for number in range(done) for at in range(1, 2 + number % 5)
    )
    assert verify(store, repair=False).findings == ()
