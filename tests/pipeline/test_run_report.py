"""Every figure of a report and of a status is the sum of its parts, whatever came out."""

import re
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from written_outputs import PageContent, add_failed_document, page_row, source, writing

from ocrmill.commands.status import read_status
from ocrmill.pipeline.output.ledger import PageOutcome
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import Reason, Status
from ocrmill.pipeline.rows import DocumentRow, PageRow, SourceRow
from ocrmill.pipeline.run_report import RunReport, outcomes_text

FLAGS = [(), ("truncated",), ("repetition", "repeated_tail"), ("repetition", "looped_before", "truncated"), ("other",)]
BAD = {Reason.REPETITION, Reason.TRUNCATED, Reason.EMPTY_OUTPUT}

failed = st.builds(PageContent, st.none(), st.just(Status.FAILED), st.sampled_from(Reason))
ok = st.builds(
    PageContent,
    st.just("text"),
    st.just(Status.OK),
    st.none() | st.sampled_from(sorted(BAD)),
    flags=st.sampled_from(FLAGS),
)
repaired = st.builds(PageContent, st.just("text"), st.just(Status.REPAIRED), st.sampled_from(sorted(BAD)))
blank = st.builds(PageContent, st.just(""), st.just(Status.BLANK))
documents = st.lists(
    st.tuples(
        st.lists(failed | ok | repaired | blank, max_size=5), st.sampled_from([None, Reason.DAMAGED, Reason.ZERO_PAGES])
    ),
    max_size=8,
)


def parts(line: str) -> tuple[int, dict[str, int], dict[str, tuple[bool, int]]]:
    """Read a line of counts: total, parts, and for parts with reasons if they are only some of it, and their sum."""
    total, _, rest = line.partition(": ")
    found, reasons = {}, {}
    for count, name, inside in re.findall(r"([\d,]+) ([a-z_ ]+?)(?: \(([^)]*)\))?(?:, |$)", rest):
        found[name] = int(count.replace(",", ""))
        if inside:
            reasons[name] = (inside.startswith("of these "), sum(map(int, re.findall(r" (\d+)", inside))))
    return int(total.replace(",", "")), found, reasons


def check_sums(text: str, pages: int) -> None:
    """Every line of counts adds up, and so do the reasons of each status."""
    lines = {line[:12].strip(): line[12:].strip() for line in text.splitlines()}
    for name in {"documents", "pages", "routes", "renderers"} & lines.keys():
        total, found, reasons = parts(lines[name])
        assert sum(found.values()) == total, lines[name]
        assert name == "documents" or total == pages
        for status, (only_some, count) in reasons.items():
            assert count < found[status] if only_some else count == found[status], lines[name]
    if "degenerate" in lines:
        for name in ("degenerate", "at first", "no end"):
            counts = re.match(r"(\d+) of (\d+) pages ", lines[name])
            assert counts is not None
            count, of = map(int, counts.groups())
            assert count <= of <= pages


@settings(max_examples=25)
@given(documents)
def test_every_figure_adds_up(drawn: list[tuple[list[PageContent], Reason | None]]) -> None:
    """Reasons never exceed the status they stand behind, and report and status of one run say the same."""
    report = RunReport()
    with tempfile.TemporaryDirectory() as folder:
        with writing(Path(folder)) as sink:
            for number, (contents, reason) in enumerate(drawn):
                uri = f"/in/{number}.pdf"
                rows = [page_row(uri, at, len(contents), each) for at, each in enumerate(contents, 1)]
                if not rows:
                    add_failed_document(sink, uri, Reason.DAMAGED)
                    report.add_document(DocumentRow(None, source(uri), 0, "failed", Reason.DAMAGED))
                    continue
                document = finished(uri, rows, reason)
                for row in rows:
                    sink.add_page(row)
                    report.add_page(row)
                sink.finish_document(document, [SourceRow(document.source, document.document_id)])
                report.add_document(document)
        status = read_status(LocalStore(Path(folder)))

    check_sums(report.to_text("out"), report.pages_done)
    check_sums(status.to_text(), report.pages_done)
    assert (report.documents, report.pages) == (status.documents, status.pages)
    assert report.pages_by_reason == status.pages_by_reason
    assert report.documents_by_reason == status.documents_by_reason
    assert report.rates.total == status.rates.total
    assert report.failures == status.pages["failed"] + status.documents["failed"]


def finished(uri: str, rows: list[PageRow], reason: Reason | None) -> DocumentRow:
    """Make the row of a whole document; with a reason, one that only the second renderer could open."""
    outcomes = [PageOutcome(row.status, bool(row.flags), row.repetition_flag) for row in rows]
    tally = Counter(outcome.status for outcome in outcomes)
    flagged = sum(outcome.flagged for outcome in outcomes)
    assert sum(tally.values()) == len(rows)
    return DocumentRow(
        rows[0].document_id,
        source(uri),
        len(rows),
        "complete",
        reason,
        pages_ok=tally[Status.OK],
        pages_repaired=tally[Status.REPAIRED],
        pages_text_layer=tally[Status.TEXT_LAYER],
        pages_blank=tally[Status.BLANK],
        pages_failed=tally[Status.FAILED],
        pages_flagged=flagged,
    )


def test_reasons_stand_behind_the_status_they_belong_to() -> None:
    """Ten documents that the second renderer rescued are no part of the 41 that failed."""
    counts = {"complete": 60, "failed": 41}
    reasons = {"complete": {"damaged": 10}, "failed": {"password_required": 31, "damaged": 10}}

    assert outcomes_text(counts, reasons) == (
        "101: 60 complete (of these damaged 10), 41 failed (password_required 31, damaged 10)"
    )
