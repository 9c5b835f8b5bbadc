"""Everything that others left in an output, or wrote into it: leases, records of runs, damaged shards."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path

from fuzzing import NESTED, altered, damaged, ending_quickly, fuzz, json_values
from hypothesis import example, given
from hypothesis import strategies as st
from made_rows import made_document, made_page, made_source_row, made_stamp

from ocrmill.commands.inspect.query import PageQuery, select_details, select_documents, select_pages
from ocrmill.commands.status import read_status
from ocrmill.commands.verify import verify
from ocrmill.pipeline.errors import OcrmillError
from ocrmill.pipeline.output.schema import documents_table, pages_table, sources_table
from ocrmill.pipeline.output.shard import encode_shard
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.store import LeaseOwner
from ocrmill.pipeline.records import Status

LEASE = {
    "host": "machine",
    "pid": 17,
    "run_id": "20260101T000000Z-0a1b2c",
    "started": "2026-01-01T00:00:00+00:00",
    "heartbeat": "2026-01-01T00:00:01+00:00",
}
RUN = {
    "run_id": "r",
    "finished_at": "2026-01-01T00:00:00+00:00",
    "host": "machine",
    "totals": {"wall_s": 1.5, "stopped": False, "documents": {"complete": 1}, "pages": {"ok": 2, "failed": 1}},
}
PAGES = [made_page("a", 1, 3), made_page("a", 2, 3, Status.FAILED), made_page("a", 3, 3, flags=("long_run",))]
SHARDS = {
    "pages": bytes(encode_shard(pages_table(PAGES, made_stamp(1)))),
    "documents": bytes(encode_shard(documents_table([made_document("a", PAGES)], made_stamp(1)))),
    "sources": bytes(encode_shard(sources_table([made_source_row("a")], made_stamp(1)))),
}


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


anything = json_values.map(dumped) | damaged([dumped(LEASE), dumped(RUN)])


@fuzz(150)
@given(altered(LEASE).map(dumped) | anything, altered(RUN).map(dumped) | anything)
@example(NESTED, NESTED)
@example(dumped(LEASE | {"heartbeat": "2026-01-01T00:00:01"}), dumped({"totals": {"wall_s": 10**400}}))
def test_no_lease_and_no_record_of_a_run_stop_the_status(lease: bytes, record: bytes) -> None:
    """Whatever stands in `_lease` and `runs/*.json`, the status comes out in lines of text that a terminal can show."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("_lease", lease), ("runs/20260101T000000Z-0a1b2c.json", record)):
            Path(folder, name).parent.mkdir(exist_ok=True)
            Path(folder, name).write_bytes(data)
        with ending_quickly():
            text = read_status(LocalStore(Path(folder))).to_text()

        assert "state" in text
        assert "\x1b" not in text
        text.encode()


@fuzz(150)
@given(altered(LEASE).map(dumped) | anything)
def test_whoever_holds_a_lease_can_be_named(lease: bytes) -> None:
    """An owner that can be read from a lease has a name of text, and a heartbeat whose age can be told."""
    owner = LeaseOwner.from_json(lease)
    if owner is not None:
        owner.to_text().encode()
        assert owner == LeaseOwner.from_json(owner.to_json(owner.heartbeat))


@fuzz(60)
@given(st.sampled_from(sorted(SHARDS)), st.data())
def test_no_damage_in_a_shard_ends_in_anything_but_our_errors(folder: str, data: st.DataObject) -> None:
    """A shard with changed bytes is read, or named by `verify`, `status` and `inspect`; none of them breaks."""
    changed = data.draw(damaged([SHARDS[folder]]))
    with tempfile.TemporaryDirectory() as root, ending_quickly():
        store = LocalStore(Path(root))
        for name, shard in SHARDS.items():
            store.write(f"{name}/20260101-000000-000001.parquet", changed if name == folder else shard)
        report = verify(store, repair=False)
        report.to_text().encode()
        read_status(store).to_text().encode()
        for select in (select_pages, select_documents, select_details):
            with suppress(OcrmillError):
                for row in select(store, PageQuery(), 5):
                    row.to_text().encode()
