"""`ocrmill retry`: read pages again, and put their new rows in the place of the old ones.

Until a document's new rows are durable its old ones stay, so a retry that is stopped or killed loses nothing. Only
pages whose document is still at its source are read: if the source has changed, it holds a new document, as for `run`.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.commands.inspect.query import PageQuery, document_rows, page_keys
from ocrmill.commands.run import Job, drop_resolved_failures, lease_output, read_sources, start_pool
from ocrmill.pipeline.output.journal import shards
from ocrmill.pipeline.output.ledger import PageOutcome, Reopened
from ocrmill.pipeline.output.places import manifest_of, places_of
from ocrmill.pipeline.output.shard import read_shard
from ocrmill.pipeline.output.stores.open import open_output
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.records import Status
from ocrmill.pipeline.run_report import RunReport
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.engines.registry import check_engine, with_engine_chosen
from ocrmill.workers.pools.pool import Pool
from ocrmill.workers.rendering.sandbox import sandbox

_OUTCOME = ("document_id", "page_number", "status", "flags", "repetition_flag")
log = logging.getLogger(__name__)


def retry(job: Job, query: PageQuery, make_pool: Callable[[Job], Pool] | None = None) -> RunReport:
    """Read again the pages that match, and the documents without pages that do; `job.inputs` does not matter.

    Raises:
        OcrmillError: if it cannot start or go on. What was finished is durable, the rest as it was.
    """
    job = replace(job, settings=with_engine_chosen(job.settings))
    if make_pool is None:
        check_engine(job.settings, use_ray=job.use_ray)
    sandbox.check(job.settings.raster)
    report = RunReport()
    with lease_output(job, open_output(job.output, job.settings.storage), report) as output:
        pageless = list(document_rows(output.store, query))
        again = find_reopened(output.store, query, [row["document_id"] for row in pageless if row["document_id"]])
        sources = [place for places in places_of(output.store, again.keys()).values() for place in places]
        sources += [row["source"] for row in pageless if not row["document_id"]]  # their bytes could not be read
        output.ledger.reopen(again)
        if not again and not sources:
            log.info("%s: no page and no document matches; nothing is read again", job.output)
        if sources:
            with manifest_of(sources) as manifest:
                found = Discovery([str(manifest)], job.settings.input, job.settings.storage)
                read_sources(job, found, make_pool or start_pool, output, report)
                drop_resolved_failures(output, found)
        left = output.ledger.reopened
        if left and not report.stopped:
            log.warning(
                "%d of %d documents stay as they are: their sources are gone, cannot be opened, or hold other bytes or "
                "another number of pages by now. The first is %s",
                *(len(left), len(again), next(iter(left))),
            )
    return report


def find_reopened(store: Store, query: PageQuery, pageless: Iterable[str]) -> Mapping[str, Reopened]:
    """Return the rows to keep of each document that is to be read again, and the shards of its rows."""
    keys = page_keys(store, query)
    wanted: defaultdict[str, set[int]] = defaultdict(set)
    for document_id, number in zip(keys["document_id"].to_pylist(), keys["page_number"].to_pylist(), strict=True):
        wanted[document_id].add(number)
    wanted.update({document_id: set() for document_id in pageless})
    ids = pa.array(wanted, pa.string())
    kept: defaultdict[str, dict[int, PageOutcome]] = defaultdict(dict)
    again: defaultdict[str, dict[int, PageOutcome]] = defaultdict(dict)
    holding: defaultdict[str, list[str]] = defaultdict(list)
    for name in shards(store, "pages"):
        table = read_shard(store.file(name), name, _OUTCOME)
        for row in table.filter(pc.is_in(table["document_id"], ids)).to_pylist():
            document_id = row["document_id"]
            if holding[document_id][-1:] != [name]:
                holding[document_id].append(name)
            outcomes = again if row["page_number"] in wanted[document_id] else kept
            outcome = PageOutcome(Status(row["status"]), bool(row["flags"]), row["repetition_flag"])
            outcomes[document_id][row["page_number"]] = outcome
    for name in shards(store, "documents"):
        for document_id in _documents_in_shard(store, name, ids):
            holding[document_id].append(name)
    return {name: Reopened(kept[name], again[name], tuple(holding[name])) for name in wanted}


def _documents_in_shard(store: Store, name: str, ids: pa.Array) -> list[str]:
    """Return those of the documents that have rows in a shard."""
    column = read_shard(store.file(name), name, ["document_id"])["document_id"].cast(pa.string())
    return list(pc.unique(column.filter(pc.is_in(column, ids))).to_pylist())
