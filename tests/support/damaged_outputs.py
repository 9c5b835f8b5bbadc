"""An output of three documents, which tests damage as somebody might who should not."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
from made_rows import (
    made_document,
    made_id,
    made_page,
    made_source,
    made_source_row,
    made_stamp,
)
from output_rows import select_rows

from ocrmill.commands.verify_report import Severity, VerifyReport
from ocrmill.configs.settings import OutputSettings
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.shard import encode_shard
from ocrmill.pipeline.output.sink import Sink
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import Status
from ocrmill.pipeline.rows import PageRow

NAMES = ("a", "b", "c")


def pages_of(name: str) -> list[PageRow]:
    """Three pages, one of each kind; page 3 is flagged."""
    return [
        made_page(name, 1, 3),
        made_page(name, 2, 3, Status.FAILED),
        made_page(name, 3, 3, Status.TEXT_LAYER, flags=("long_run",)),
    ]


def run_once(store: LocalStore, day: int, names: tuple[str, ...] = NAMES) -> int:
    """Read the pages of these documents that are not there yet, as a run does; return how many those were."""
    ledger = read_ledger(store)
    sink = Sink(store, made_stamp(day), OutputSettings(), ledger)
    count = 0
    for name in names:
        if ledger.knows_source(made_source(name).uri, "v1"):
            continue
        if ledger.is_complete(made_id(name)):
            sink.add_source(made_source_row(name))
            continue
        durable = ledger.unfinished_pages(made_id(name))
        missing = [page for page in pages_of(name) if page.page_number not in durable]
        for page in missing:
            sink.add_page(page)
        count += len(missing)
        sink.finish_document(made_document(name, pages_of(name)), [made_source_row(name)])
        sink.flush()
    sink.close()
    return count


def change(store: LocalStore, name: str, edit: Callable[[pa.Table], pa.Table]) -> None:
    """Rewrite a shard as somebody might who should not."""
    table = pq.read_table(store.file(name), partitioning=None)
    store.write(name, encode_shard(edit(table)))


def with_value(table: pa.Table, column: str, row: int, value: object) -> pa.Table:
    values = table[column].to_pylist()
    values[row] = value
    at = table.schema.get_field_index(column)
    return table.set_column(at, table.schema.field(column), pa.array(values, table.schema.field(column).type))


def texts(report: VerifyReport, severity: Severity = Severity.DAMAGE) -> list[str]:
    return [finding.text for finding in report.findings if finding.severity is severity]


def page_keys(store: LocalStore) -> list[tuple[str, int]]:
    """The pages that a user finds with a plain glob."""
    return [(source, number) for source, number in select_rows(store.root, "source, page_number")]


ALL_PAGES = [(f"/data/{name}.pdf", number) for name in NAMES for number in (1, 2, 3)]
