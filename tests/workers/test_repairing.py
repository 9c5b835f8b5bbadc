"""A page that comes out badly is asked for again, as far as the engine's ladder goes."""

import asyncio
from pathlib import Path

import duckdb
import pytest
from fake_engine import FakeEngine
from pdfs import scan_pdf

from configs.engine_settings import EngineSettings
from configs.settings import InputSettings, RunSettings, StorageSettings
from pipeline.discovery import Discovery
from pipeline.errors import PageError
from pipeline.local_store import LocalStore
from pipeline.records import (
    RGB,
    EngineDescription,
    PageGeometry,
    PageRange,
    PageRow,
    PageText,
    Reason,
    Repair,
    Status,
)
from pipeline.repair import DEEPSEEK_OCR2
from pipeline.report import RunReport
from pipeline.verify import verify
from workers.pool import SerialPool
from workers.recognizer import Recognizer
from workers.repairing import recognize
from workers.run import Job, run

GOOD = "What stands on this page is read in full, from its first word to its last."
LOOP = "What stands on this page " * 60
SETTINGS = RunSettings(engine=EngineSettings(name="cpu"))

Script = dict[Repair | None, str | Exception]
"""What the engine writes for the first attempt (null) and for each repair; a loop where nothing is said."""


class ScriptedEngine(FakeEngine):
    """Reads every page by a script, and notes what it was asked for."""

    def __init__(self, script: Script, repairs: tuple[Repair, ...] = DEEPSEEK_OCR2) -> None:
        self._script = script
        self._repairs = repairs
        self.asked: list[Repair | None] = []

    def describe(self) -> EngineDescription:
        return EngineDescription("scripted", 1, prompt="markdown", temperature=0.0, repairs=self._repairs)

    async def read(self, image: RGB, geometry: PageGeometry, repair: Repair | None) -> PageText:
        self.asked.append(repair)
        said = self._script.get(repair, LOOP)
        if isinstance(said, Exception):
            raise said
        return PageText(said, finish_reason="length" if said.endswith("...") else "stop")


class ScriptedPool(SerialPool):
    """A real pool but for its engine."""

    def __init__(self, engine: ScriptedEngine) -> None:
        super().__init__(SETTINGS)
        self._recognizer = Recognizer(engine, SETTINGS)
        self._description = engine.describe()


def run_over(engine: ScriptedEngine, tmp_path: Path) -> tuple[RunReport, tuple]:
    """A whole run over one scanned page: its report, and the page's row as it is in the output."""
    scan = scan_pdf(tmp_path / "scan.pdf")
    out = tmp_path / "out"
    report = run(Job((str(scan),), str(out), SETTINGS, use_ray=False), lambda _: ScriptedPool(engine))
    assert verify(LocalStore(out), repair=False).findings == ()
    columns = "status, reason, markdown, len(attempts), repetition_flag, prompt"
    return report, duckdb.sql(f"select {columns} from '{out}/pages/*.parquet'").fetchall()[0]


def test_a_page_is_repaired(tmp_path: Path):
    """The first repair that gives a good page ends the ladder; row, document and report say `repaired`."""
    engine = ScriptedEngine({DEEPSEEK_OCR2[1]: GOOD})
    report, row = run_over(engine, tmp_path)

    assert engine.asked == [None, *DEEPSEEK_OCR2[:2]]
    assert row == ("repaired", "repetition", GOOD, 3, False, "free_ocr")
    assert "1 repaired (repetition 1)" in report.to_text("out")
    documents = duckdb.sql(f"select pages_repaired, repetition_rate from '{tmp_path}/out/documents/*.parquet'")
    assert documents.fetchall() == [(1, 0.0)]


@pytest.mark.parametrize(
    ("script", "asked"),
    [
        ({None: GOOD}, []),
        ({None: GOOD + "..."}, [1]),  # cut off: only the prompt that gives less text can help
        ({None: PageError(Reason.EMPTY_OUTPUT, "nothing")}, [1, 2]),
        ({None: PageError(Reason.ENGINE_ERROR, "refused")}, []),  # the page is not to blame
        ({DEEPSEEK_OCR2[0]: PageError(Reason.ENGINE_ERROR, "refused")}, [0]),
        ({DEEPSEEK_OCR2[0]: PageError(Reason.EMPTY_OUTPUT, "nothing")}, [0, 1, 2]),
        ({}, [0, 1, 2]),
    ],
)
def test_each_trouble_has_its_rungs(script: Script, asked: list[int], tmp_path: Path):
    """Only what may help is tried, each rung once, and the page has its row whatever comes out."""
    engine = ScriptedEngine(script)
    _, row = run_over(engine, tmp_path)

    assert engine.asked == [None, *(DEEPSEEK_OCR2[at] for at in asked)]
    assert row[3] == 1 + len(asked)


def test_an_engine_without_repairs_is_asked_once(tmp_path: Path):
    """The page keeps its flags."""
    engine = ScriptedEngine({}, repairs=())
    _, row = run_over(engine, tmp_path)

    assert engine.asked == [None]
    assert row == ("ok", None, LOOP, 1, True, "markdown")


def test_a_run_that_stops_repairs_nothing_more(tmp_path: Path):
    """What is in flight is finished as it is, so that the run ends in time."""
    engine = ScriptedEngine({})

    async def scenario() -> PageRow:
        pool = ScriptedPool(engine)
        try:
            document = await pool.open(next(Discovery([str(scan)], InputSettings(), StorageSettings())))
            async for page, image in pool.read(PageRange(document, (1,))):
                return await recognize(pool, document, page, image, lambda: len(engine.asked) == 2)
        finally:
            pool.close()

    scan = scan_pdf(tmp_path / "scan.pdf")
    row = asyncio.run(scenario())
    assert engine.asked == [None, DEEPSEEK_OCR2[0]]
    assert (row.status, row.repetition_flag, len(row.attempts)) == (Status.OK, True, 2)
