"""A page that comes out badly is asked for again, as far as the engine's retry policy goes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from fake_engine import FakeEngine
from narrowed import instance, present
from output_rows import select_rows
from pdfs import scan_pdf

from ocrmill.commands.inspect.query import PageQuery, page_keys
from ocrmill.commands.run import Job, run
from ocrmill.commands.status import read_status
from ocrmill.commands.verify import verify
from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import InputSettings, RunSettings, StorageSettings
from ocrmill.pipeline.degenerate_rates import Counts
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import (
    Document,
    EngineDescription,
    Failure,
    PageGeometry,
    PageRange,
    PageText,
    Reason,
    RetryParams,
    Status,
)
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.run_report import RunReport
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.engines.deepseek_ocr2.retry_policy import RETRY_POLICY
from ocrmill.workers.engines.recognizer import Recognizer
from ocrmill.workers.pools.pool import SerialPool
from ocrmill.workers.rendering.protocol import PageImage
from ocrmill.workers.scheduling.tries.second_tries import SecondTries

GOOD = "What stands on this page is read in full, from its first word to its last."
LOOP = "What stands on this page " * 60
SETTINGS = RunSettings(engine=EngineSettings(name="cpu"))

Script = dict[RetryParams | None, str | Failure]
"""The output for the first attempt (null) and for each entry of the retry policy; a loop if nothing is said."""


class ScriptedEngine(FakeEngine):
    """Reads every page by a script, and notes what it was asked for."""

    def __init__(self, script: Script, retry_policy: tuple[RetryParams, ...] = RETRY_POLICY) -> None:
        self._script = script
        self._retry_policy = retry_policy
        self.asked: list[RetryParams | None] = []
        self.finish_reason = "stop"

    def describe(self) -> EngineDescription:
        return EngineDescription("scripted", 1, prompt="markdown", temperature=0.0, retry_policy=self._retry_policy)

    async def read(
        self, _image: PageImage, _geometry: PageGeometry, params: RetryParams | None, /
    ) -> PageText | Failure:
        self.asked.append(params)
        said = self._script.get(params, LOOP)
        if isinstance(said, Failure):
            return said
        return PageText(said, finish_reason="length" if said.endswith("...") else self.finish_reason)


class ScriptedPool(SerialPool):
    """A real pool but for its engine."""

    def __init__(self, engine: ScriptedEngine) -> None:
        super().__init__(SETTINGS)
        self._recognizer = Recognizer(engine, SETTINGS)
        self._description = engine.describe()


def run_over(engine: ScriptedEngine, tmp_path: Path) -> tuple[RunReport, tuple[Any, ...]]:
    """A whole run over one scanned page: its report, and the page's row as it is in the output."""
    tmp_path.mkdir(exist_ok=True)
    scan = scan_pdf(tmp_path / "scan.pdf")
    out = tmp_path / "out"
    report = run(Job((str(scan),), str(out), SETTINGS, use_ray=False), lambda _: ScriptedPool(engine))
    assert verify(LocalStore(out), repair=False).findings == ()
    columns = "status, reason, markdown, len(attempts), repetition_flag, prompt"
    return report, select_rows(out, columns)[0]


def test_a_page_is_repaired(tmp_path: Path) -> None:
    """The first repair that gives a good page ends the retries; row, document and report say `repaired`."""
    engine = ScriptedEngine({RETRY_POLICY[1]: GOOD})
    report, row = run_over(engine, tmp_path)

    assert engine.asked == [None, *RETRY_POLICY[:2]]
    assert row == ("repaired", "repetition", GOOD, 3, False, "free_ocr")
    assert "1 repaired (repetition 1)" in report.to_text("out")
    assert select_rows(tmp_path / "out", "pages_repaired, repetition_rate", "documents") == [(1, 0.0)]


def test_a_page_that_loops_and_then_runs_to_its_limit_is_not_repaired(tmp_path: Path) -> None:
    """Not one attempt is good: row, report, record, status and document say that it degenerates, now and at first."""
    report, row = run_over(ScriptedEngine({RETRY_POLICY[2]: GOOD + "..."}), tmp_path)
    out = tmp_path / "out"
    ((flags,),) = select_rows(out, "flags")
    ((rate,),) = select_rows(out, "repetition_rate", "documents")
    (record,) = (json.loads(path.read_text())["totals"] for path in (out / "runs").iterdir())

    assert row == ("ok", "repetition", GOOD + "...", 4, True, "markdown")
    assert flags == ["repetition", "looped_before", "truncated"]
    assert rate == 1.0
    for told in (
        "1 of 1 pages (100.00%, 20.65 to 100.00) from an engine repeat themselves or have no end",
        "1 of 1 pages (100.00%, 20.65 to 100.00) did at the first attempt",
    ):
        assert told in report.to_text("out")
        assert told in read_status(LocalStore(out)).to_text()
    assert "1 ok (repetition 1)" in report.to_text("out")
    assert (record["engine_pages"], record["degenerate"], record["degenerate_at_first"]) == (1, 1, 1)
    assert record["degenerate_rates"]["by_engine"]["scripted"]["kept"] == {
        "pages": 1,
        "share": 1.0,
        "from": pytest.approx(0.2065, abs=1e-4),
        "to": 1.0,
    }
    assert page_keys(LocalStore(out), PageQuery(reason="repetition")).num_rows == 1  # `retry --reason` reads it again


def test_a_repaired_page_degenerated_only_at_first(tmp_path: Path) -> None:
    """The two rates differ by what the retries repair."""
    report, _ = run_over(ScriptedEngine({RETRY_POLICY[0]: GOOD}), tmp_path)
    status = read_status(LocalStore(tmp_path / "out"))

    assert report.rates.total == status.rates.total == Counts(pages=1, kept=0, at_first=1, no_end=0)


@pytest.mark.parametrize("finish_reason", ["repetition", "length"])
def test_a_page_stopped_in_its_loop_has_no_end(finish_reason: str, tmp_path: Path) -> None:
    """Our loop stop counts as the limit does: the text came to no end by itself, however short it is."""
    engine = ScriptedEngine({None: GOOD}, retry_policy=())
    engine.finish_reason = finish_reason
    report, _ = run_over(engine, tmp_path)

    assert report.rates.total == Counts(pages=1, kept=1, at_first=1, no_end=1)


EMPTY = [
    "<table><tr><td></td><td> </td></tr></table>",
    "| | |\n|---|---|\n| | |",
    "<pre> <pre></pre></pre>" * 10,
    "&nbsp;\n\n---",
]


@pytest.mark.parametrize("markup", EMPTY)
def test_markup_without_text_is_no_text(markup: str, tmp_path: Path) -> None:
    """Markup alone is retried as an empty page is; if nothing better comes the page fails: never ok, nor blank."""
    engine = ScriptedEngine(dict.fromkeys([None, *RETRY_POLICY], markup))
    report, row = run_over(engine, tmp_path)

    assert engine.asked == [None, *RETRY_POLICY[1:]]
    assert row == ("failed", "empty_output", None, 3, False, "markdown")
    assert report.failures == 1


def test_a_page_that_drifts_off_into_markup_is_asked_again(tmp_path: Path) -> None:
    """Text, and then box after box with nothing in it: flagged, and repaired by the first attempt that does not."""
    drift = GOOD + "\n\n" + "<pre> <pre> <pre></pre></pre></pre>\n" * 60
    _, row = run_over(ScriptedEngine(dict.fromkeys([None, *RETRY_POLICY], drift)), tmp_path / "kept")
    assert row[:2] == ("ok", "empty_output")

    _, row = run_over(ScriptedEngine({None: drift, RETRY_POLICY[1]: GOOD}), tmp_path / "repaired")
    assert row[:3] == ("repaired", "empty_output", GOOD)


@pytest.mark.parametrize(
    ("script", "asked"),
    [
        ({None: GOOD}, []),
        ({None: GOOD + "..."}, [1]),  # cut off: only the prompt that gives less text can help
        ({None: Failure(Reason.EMPTY_OUTPUT, "nothing")}, [1, 2]),
        ({None: Failure(Reason.ENGINE_ERROR, "refused")}, []),  # the page is not to blame
        ({RETRY_POLICY[0]: Failure(Reason.ENGINE_ERROR, "refused")}, [0]),
        ({RETRY_POLICY[0]: Failure(Reason.EMPTY_OUTPUT, "nothing")}, [0, 1, 2]),
        ({}, [0, 1, 2]),
    ],
)
def test_each_defect_has_its_retries(script: Script, asked: list[int], tmp_path: Path) -> None:
    """Only what may help is tried, each entry of the policy once, and the page has its row whatever comes out."""
    engine = ScriptedEngine(script)
    _, row = run_over(engine, tmp_path)

    assert engine.asked == [None, *(RETRY_POLICY[at] for at in asked)]
    assert row[3] == 1 + len(asked)


def test_an_engine_without_repairs_is_asked_once(tmp_path: Path) -> None:
    """The page keeps its flags."""
    engine = ScriptedEngine({}, retry_policy=())
    _, row = run_over(engine, tmp_path)

    assert engine.asked == [None]
    assert row == ("ok", "repetition", LOOP, 1, True, "markdown")


def test_a_run_that_stops_repairs_nothing_more(tmp_path: Path) -> None:
    """Pages in flight are finished as they are, so that the run ends in time."""
    engine = ScriptedEngine({})

    async def scenario() -> PageRow:
        pool = ScriptedPool(engine)
        try:
            source = next(Discovery([str(scan)], InputSettings(), StorageSettings()))
            document = instance(Document, await pool.open(source))
            page = await anext(pool.read(PageRange(document, (1,))))
            assert not isinstance(page, PageRow)
            tries = SecondTries(pool, SETTINGS)
            return present(await tries.recognize(document, *page, lambda: len(engine.asked) == 2))
        finally:
            pool.close()

    scan = scan_pdf(tmp_path / "scan.pdf")
    row = asyncio.run(scenario())
    assert engine.asked == [None, RETRY_POLICY[0]]
    assert (row.status, row.repetition_flag, len(row.attempts)) == (Status.OK, True, 2)
