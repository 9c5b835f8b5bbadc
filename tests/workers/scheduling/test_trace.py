"""The trace of a run: each page's waits and works, in order, in a file that can be read also if its end is missing."""

import json
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from made_rows import made_page, rendered_page
from model_server import KNOWN_TEXT, Say, model_card, serving_model
from pdfs import scan_pdf, text_pdf

from ocrmill.commands.run import Job, run
from ocrmill.configs.engine_settings import EndpointSettings, EngineSettings
from ocrmill.configs.profiles.find import load_profile
from ocrmill.configs.settings import RoutingSettings, RunSettings
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.records import Attempt, Document, PageRange, Source, Work
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.scheduling.tracing.perfetto import TRACE_BEGINS, PerfettoFile
from ocrmill.workers.scheduling.tracing.trace import Trace

OF_A_PAGE = ["queue", "wait for a rasterizer", "render", "cut and encode"]
OF_AN_ATTEMPT = ["wait for an engine", "transfer", "decode"]


def read(path: Path) -> list[dict[str, Any]]:
    """Read a trace as a program does that knows the form: line by line, whether or not there is an end."""
    first, *lines = path.read_text().splitlines()
    assert first == "["
    return [json.loads(line.rstrip(",")) for line in lines if line != "]"]


def spans_of_pages(events: list[dict[str, Any]]) -> dict[str, list[tuple[str, int, int]]]:
    """Collect name, begin and end of each page's spans, in the order of the file."""
    ends = {(event["cat"], event["id"]): event["ts"] for event in events if event["ph"] == "e"}
    pages = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            pages[event["args"]["page"]].append((event["name"], event["ts"], event["ts"] + event["dur"]))
        elif event["ph"] == "b":
            end = ends[event["cat"], event["id"]]
            pages[event["args"]["page"]].append((event["name"], event["ts"], end))
    return pages


def read_page(number: int, began: float, *, attempts: int = 1, pid: int = 7) -> PageRow:
    """Make the row of a page that was rendered for 10 ms, and read for a second by each attempt."""
    work = Work("node-1", 5, began, began + 0.02)
    tries = tuple(
        Attempt("cpu", 1.0, work=Work("gpu-1", pid, at + 0.2, at + 1.2), sent=at + 0.1)
        for at in (began + 1.2 * number for number in range(attempts))
    )
    return replace(made_page("a", number, 9), page=rendered_page(number, render_ms=10, work=work), attempts=tries)


def taken(trace: Trace, row: PageRow, queued: float) -> None:
    document = Document(row.document_id, Source(row.source, "1", 1, row.source), 9)
    trace.take(PageRange(document, (row.page_number,), queued=queued))


def test_a_page_has_its_spans_one_after_the_other(tmp_path: Path) -> None:
    """From the queue to the disk, with both of its attempts; overlapping pages have different lanes of an engine."""
    file = PerfettoFile(tmp_path / "t.json")
    trace = Trace([file])
    rows = [read_page(1, file.began + 1, attempts=2), read_page(2, file.began + 1)]
    for row in rows:
        taken(trace, row, file.began)
        trace.finish(row)
    pages = trace.begin_write()
    trace.end_write(pages, file.began, durable=False)
    trace.end_write(trace.begin_write(), file.began, durable=True)
    trace.close()
    events = json.loads((tmp_path / "t.json").read_text())
    spans = spans_of_pages(events)

    assert (tmp_path / "t.json").read_bytes().startswith(TRACE_BEGINS)
    names = [name for name, _, _ in spans[f"{rows[0].source} 1"]]
    assert names == [*OF_A_PAGE, *OF_AN_ATTEMPT, *OF_AN_ATTEMPT, "post-process", "until durable"]
    times = spans[f"{rows[0].source} 1"][2:-2]  # the others are of this moment, which made times do not know
    assert times[0][1:] == (1_000_000, 1_010_000)
    assert all(before[2] <= after[1] for before, after in pairwise(times))
    decodes = [(event["pid"], event["tid"]) for event in events if event["name"] == "decode"]
    assert len(set(decodes)) == 2  # of three: the second attempt goes on in the lane of the first
    assert [event["args"]["page"] for event in events if event["name"] == "write"] == ["2 pages"]
    names_of_tracks = {event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert names_of_tracks == {"waiting", "writer", "rasterizers on node-1", "cpu on gpu-1, process 7"}


def spans_by_endpoint(folder: Path, answer: Say) -> list[tuple[str, int, int]]:
    """Trace the run of a scan that a server reads, and return the page's spans."""
    source, trace = scan_pdf(folder / "scan.pdf"), folder / "t.json"
    with serving_model(lambda _: answer, models=[model_card("any")]) as server:
        endpoint = EndpointSettings(urls=(server.url,), profile=load_profile("qwen3-vl"))
        engine = EngineSettings(name="endpoint", endpoint=endpoint)
        settings = RunSettings(engine=engine, routing=RoutingSettings(mode="ocr"))
        run(Job((str(source),), str(folder / "out"), settings, use_ray=False, trace=trace))
    return spans_of_pages(json.loads(trace.read_text()))[f"{source} 1"]


@pytest.mark.parametrize("streams", [True, False])
def test_an_answer_that_is_streamed_shows_its_first_token(streams: bool, tmp_path: Path) -> None:
    """The work of an engine before it writes is `encode`; of an answer in one piece that is not known."""
    spans = spans_by_endpoint(tmp_path, Say(KNOWN_TEXT, wait_s=0.5, pause_s=0.1, stream=streams))

    of_the_attempt = ["wait for an engine", "transfer", *(["encode"] if streams else []), "decode"]
    assert [name for name, _, _ in spans] == [*OF_A_PAGE, *of_the_attempt, "post-process", "until durable"]
    assert all(before[2] <= after[1] for before, after in pairwise(spans[:-2]))
    took = {name: end - begin for name, begin, end in spans}
    assert took["encode" if streams else "decode"] >= 500_000
    assert took["decode"] >= 100_000


def test_a_trace_without_its_end_can_be_read(tmp_path: Path) -> None:
    """Whole lines are in the file at any moment: a killed run leaves all events of the pages that it finished."""
    file = PerfettoFile(tmp_path / "t.json")
    trace = Trace([file])
    for number in range(1, 4):
        trace.finish(read_page(number, file.began))
        assert sum(event["name"] == "decode" for event in read(tmp_path / "t.json")) == number
    trace.close()


def test_a_run_writes_its_trace(tmp_path: Path) -> None:
    """Every page and document of a real run is in it; without a path nothing is written."""
    settings = RunSettings(engine=EngineSettings(name="cpu"), routing=RoutingSettings(mode="fast"))
    source, path = text_pdf(tmp_path / "a.pdf", pages=2), tmp_path / "t.json"
    run(Job((str(source),), str(tmp_path / "out"), settings, use_ray=False, trace=path))
    spans = spans_of_pages(json.loads(path.read_text()))

    for page in (f"{source} 1", f"{source} 2"):
        assert [name for name, _, _ in spans[page]] == [*OF_A_PAGE, "post-process", "until durable"]
        assert all(0 <= begin <= end for _, begin, end in spans[page])
        assert spans[page][2][2] > spans[page][2][1]
    assert [name for name, _, _ in spans[str(source)]] == ["open"]


def test_a_run_without_news_leaves_no_older_trace(tmp_path: Path) -> None:
    """A night that finds nothing to read leaves a trace without spans, not the one of the night before."""
    settings = RunSettings(engine=EngineSettings(name="cpu"), routing=RoutingSettings(mode="fast"))
    source, path = text_pdf(tmp_path / "a.pdf"), tmp_path / "t.json"
    job = Job((str(source),), str(tmp_path / "out"), settings, use_ray=False, trace=path)
    run(job)
    before = spans_of_pages(json.loads(path.read_text()))
    run(job)

    assert before
    assert not spans_of_pages(json.loads(path.read_text()))


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A trace that cannot begin ends the run before it does; one that cannot go on ends alone, with a warning."""
    with pytest.raises(OutputError, match="cannot be written"):
        PerfettoFile(tmp_path / "none/t.json")
    file = PerfettoFile(tmp_path / "t.json")
    trace = Trace([file])
    assert file._file is not None
    file._file.close()
    file._file = Path("/dev/full").open("w", buffering=1)  # noqa: SIM115 - the trace closes it
    trace.finish(read_page(1, file.began))
    trace.finish(read_page(2, file.began))
    trace.close()

    assert caplog.text.count("the trace ends here, the run goes on") == 1
