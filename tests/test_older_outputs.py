"""An output that the first release wrote goes on to be read, added to, mended and exported.

`older_outputs/first_release` was written by commit d8f2983, in two runs with `--set output.figures=true` over
/tmp/ocrmill-fixture: files of samples/, and report.pdf, which changed between the runs from table.pdf to
two_columns.pdf. Whoever changes the contract or the settings reads schema.py and configs/section.py first.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow.parquet as pq
import pytest
from packaging.version import Version
from pydantic import BaseModel, Field
from typer.testing import CliRunner

from ocrmill.cli import app
from ocrmill.commands.export.formats.json_lines import export_jsonl
from ocrmill.commands.export.formats.markdown_tree import export_markdown
from ocrmill.commands.inspect.query import PageQuery, page_keys, select_details
from ocrmill.commands.verify import verify
from ocrmill.commands.verify_report import Severity
from ocrmill.configs.engine_settings import DeepseekOcrSettings, EngineSettings
from ocrmill.configs.section import Settings, _affecting_rows, added, performance
from ocrmill.configs.settings import RasterSettings, RunSettings
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.runs.settings_difference import read_settings
from ocrmill.pipeline.output.schema import ADDED, TABLES
from ocrmill.pipeline.output.shard import read_shard
from ocrmill.pipeline.output.stores.local import LocalStore

FIRST_RELEASE = Path(__file__).parent / "older_outputs" / "first_release"
SAMPLES = Path(__file__).parents[1] / "samples"
INPUTS = Path("/tmp/ocrmill-fixture")  # the rows of the fixture name it
TIME = 1767312000  # 2026-01-02, of the files when they were read
PAGES = 10


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the first release's output."""
    return Path(shutil.copytree(FIRST_RELEASE, tmp_path / "out"))


@pytest.fixture
def inputs() -> Iterator[Path]:
    """Its documents, where they were and as old as they were; tests of another checkout wait until they are gone."""
    folder = os.open(INPUTS.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        shutil.rmtree(INPUTS, ignore_errors=True)  # what killed tests left
        write_inputs()
        yield INPUTS
        shutil.rmtree(INPUTS)
    finally:
        os.close(folder)


def write_inputs() -> None:
    INPUTS.mkdir()
    names = {name: name for name in ("text.pdf", "blank.pdf", "copy_of_text.pdf", "damaged.pdf", "encrypted.pdf")}
    names |= {"photo.png": "photo.png", "reports.zip": "reports.zip", "report.pdf": "two_columns.pdf"}
    for name, sample in names.items():
        shutil.copyfile(SAMPLES / sample, INPUTS / name)
        day = 86_400 if name == "report.pdf" else 0
        os.utime(INPUTS / name, (TIME + day, TIME + day))


def command(*arguments: object, code: int = 0) -> str:
    """Run a command that has to end with this exit code; return what it prints."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def run_record() -> dict[str, Any]:
    """The fixture's record of the run that wrote it."""
    first = min((FIRST_RELEASE / "runs").glob("*.json"))
    record: dict[str, Any] = json.loads(first.read_text())
    return record


def versions(out: Path, table: str = "pages") -> list[tuple[Any, ...]]:
    query = f"select ocrmill_version, count(*) from read_parquet('{out}/{table}/*.parquet', union_by_name=true)"
    found: list[tuple[Any, ...]] = duckdb.sql(f"{query} group by all order by all").fetchall()
    return found


def test_verify_finds_nothing_wrong(old: Path) -> None:
    """A shard that lacks a column of today is no damage."""
    report = verify(LocalStore(old), repair=False)

    assert report.findings == ()
    assert (report.pages, report.documents, report.sources) == (PAGES, 9, 10)
    assert verify(LocalStore(old), repair=True).repairs == ()


def test_columns_of_today_are_null(old: Path) -> None:
    """Each column of today can be read from each shard of then."""
    store = LocalStore(old)
    for folder, contract in TABLES.items():
        for name in store.list(folder):
            table = read_shard(store.file(name), name, contract.names)

            assert table.column_names == contract.names
            assert all(table[column].null_count == len(table) for column in ADDED & set(contract.names))


def test_every_column_that_came_later_is_marked() -> None:
    """`ADDED` has each column that the first release did not write, and none that it did."""
    for folder, contract in TABLES.items():
        shard = next((FIRST_RELEASE / folder).glob("*.parquet"))
        then = set(pq.read_schema(shard).names)

        assert set(contract.names) - then == ADDED & set(contract.names), folder
        assert then <= set(contract.names), "dropping a column raises SCHEMA_VERSION: schema.py says how"


@pytest.mark.parametrize("kind", ["markdown", "jsonl"])
def test_it_is_exported(old: Path, tmp_path: Path, kind: str) -> None:
    """Each document that a source holds comes out with its pages; the report before its change does not."""
    export = export_markdown if kind == "markdown" else export_jsonl
    report = export(LocalStore(old), tmp_path / "exported")

    assert (report.pages, report.superseded, report.unfinished) == (PAGES - 1, 1, 0)


def test_it_is_inspected(old: Path) -> None:
    """Its rows are shown, each column of one page too."""
    assert "report.pdf 1/1" in command("inspect", old)
    assert "run_id" in command("inspect", old, "--document", "text.pdf", "--page", 1)
    assert len(list(select_details(LocalStore(old), PageQuery()))) == PAGES - 1, "one is superseded"


def test_it_is_scored(old: Path) -> None:
    """Its text layer agrees with the truth of the samples, for the documents of these names that it has."""
    text = command("eval", old, SAMPLES / "truth/markdown")

    assert re.search(r"^text +0\.000 +1\.000 +1\.000 ", text, re.MULTILINE)
    assert "2 of the truth have no row, and count as empty: scan, table" in text


def test_its_status_is_told(old: Path) -> None:
    """Its pages and its runs are counted, and the document that is superseded."""
    text = command("status", old)

    assert "superseded  1 documents" in text
    assert "pages       10: 8 text_layer, 1 blank, 1 ok" in text
    assert 2 == text.count("\nrun  ")


def test_it_is_compacted(old: Path, tmp_path: Path) -> None:
    """Merged shards have every row and the columns of today; they are sound and exported as before."""
    export_jsonl(LocalStore(old), tmp_path / "before")
    command("compact", old)
    export_jsonl(LocalStore(old), tmp_path / "after")

    assert verify(LocalStore(old), repair=False).findings == ()
    assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()
    assert versions(old) == [(None, PAGES - 1)]


def test_it_is_judged_again(old: Path) -> None:
    """Its measures are not those of today, so its texts are measured; its settings stay those of the defaults."""
    before = read_settings(LocalStore(old), run_record()["settings_fingerprint"])
    assert before is not None
    assert "9 pages stay as they are" in command("reflag", old)
    assert "judged      9 pages by version 1; `ocrmill reflag OUT --remeasure`" in command("status", old)

    assert "judged 9 pages by version 7; 9 rows changed" in command("reflag", old, "--remeasure")
    assert "judged" not in command("status", old)
    assert verify(LocalStore(old), repair=False).findings == ()
    kept = {"quality_version": 9, "settings_fingerprint": 10}
    for column, rows in kept.items():
        counted = duckdb.sql(f"select {column}, count({column}) from '{old}/pages/*.parquet' group by 1").fetchall()
        assert max(count for _, count in counted) == rows
    assert read_ledger(LocalStore(old)).fingerprints().keys() == {run_record()["settings_fingerprint"]}


def assert_judged_by_two_versions(old: Path) -> None:
    """Nothing is wrong with an output that two releases wrote; a note says how their judgements become one."""
    (note,) = verify(LocalStore(old), repair=False).findings
    assert note.severity is Severity.NOTE
    assert "`ocrmill reflag OUT` judges all by" in note.text


@pytest.mark.timeout(300)
def test_a_run_adds_to_it_without_reading_what_it_has(old: Path, inputs: Path) -> None:
    """With the defaults of today nothing is refused; only what is new is read, and its rows name this ocrmill."""
    shutil.copyfile(SAMPLES / "rotated.pdf", inputs / "new.pdf")
    text = command("run", inputs, "--out", old, "--engine", "cpu", "--no-ray")

    assert "pages        1: 1 text_layer" in text
    assert dict(versions(old)) == {None: PAGES, version("ocrmill"): 1}
    assert_judged_by_two_versions(old)
    command("compact", old)
    assert_judged_by_two_versions(old)


@pytest.mark.timeout(300)
def test_what_an_older_release_read_is_read_again(old: Path, inputs: Path) -> None:
    """Rows that name no version count as older, those that were read again do not: a second retry reads nothing."""
    query = PageQuery(older_than=Version("0.1.0"))
    assert len(page_keys(LocalStore(old), query)) == PAGES - 1
    command("retry", old, "--older-than", "0.1.0", "--engine", "cpu", "--no-ray", code=3)

    assert len(page_keys(LocalStore(old), query)) == 0
    assert_judged_by_two_versions(old)


def test_a_word_that_is_no_version_is_refused(old: Path) -> None:
    """`--older-than yesterday` says so instead of reading anything."""
    assert "is not a version" in command("retry", old, "--older-than", "yesterday", code=2)


def fields(kind: type[BaseModel], values: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    """Every setting that counts for the fingerprint at its default: name, mark, and if `values` has it."""
    for name, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            if not getattr(field.annotation, "is_added", False):
                yield from fields(field.annotation, values.get(name, {}))
        elif field.json_schema_extra != performance():
            yield f"{kind.__name__}.{name}", field.json_schema_extra, name in values


def test_a_setting_that_came_later_says_with_which_value_rows_stay_as_they_were() -> None:
    """Otherwise an upgrade refuses every output that was made before: mark it with `added(as_before=...)`."""
    record = run_record()["settings"]
    for section in ("raster", "routing", "engine", "quality"):
        kind = type(getattr(RunSettings(), section))
        for name, mark, had in fields(kind, record[section]):
            assert had != (isinstance(mark, dict) and "as_before" in mark), name


def test_the_defaults_of_a_section_that_came_later_stay() -> None:
    """The defaults never count for the fingerprint: with another one, rows would change and nobody would notice."""
    assert "deepseek_ocr" not in run_record()["settings"]["engine"]
    assert DeepseekOcrSettings().affecting_rows() == {}
    assert _affecting_rows(DeepseekOcrSettings()) == {
        "model": "deepseek-ai/DeepSeek-OCR",
        "revision": None,
        "lora": None,
        "prompt": "markdown",
        "mode": "gundam",
        "max_tiles": 6,
        "max_output_tokens": 8192,
        "ngram_size": 20,
        "ngram_window": 50,
        "stop_loops": True,
        "repairs": 3,
        "dtype": "auto",
        "max_model_len": 8192,
    }


def known(kind: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a record that are settings still."""
    return {
        name: known(kind.model_fields[name].annotation, value) if isinstance(value, dict) else value  # type: ignore[arg-type]
        for name, value in values.items()
        if name in kind.model_fields
    }


def test_the_settings_of_the_first_release_keep_their_fingerprint() -> None:
    """Settings of its run record, and today's defaults: an output of then is added to without a question."""
    record = run_record()
    read = RunSettings.model_validate(known(RunSettings, record["settings"]))

    assert read.fingerprint() == record["settings_fingerprint"]
    assert RunSettings(engine=EngineSettings(name="cpu")).fingerprint() == record["settings_fingerprint"]


class LaterRasterSettings(RasterSettings):
    """Settings of some later release: one came, one went."""

    removed: ClassVar[Mapping[str, Any]] = {"gone": 5}
    sharpen: int = Field(0, json_schema_extra=added(as_before=0))


class LaterSettings(RunSettings):
    """The settings around them."""

    raster: LaterRasterSettings = LaterRasterSettings()


class EarlierRasterSettings(RasterSettings):
    """The settings before that."""

    gone: int = 5


class EarlierSettings(RunSettings):
    """The settings around them."""

    raster: EarlierRasterSettings = EarlierRasterSettings()


def test_settings_may_come_and_go() -> None:
    """A new one counts once it is set, a removed one as if it had kept the value by which rows are made."""
    later = LaterSettings()

    assert later.fingerprint() == EarlierSettings().fingerprint() != RunSettings().fingerprint()
    assert LaterSettings(raster=LaterRasterSettings(sharpen=1)).fingerprint() != later.fingerprint()
    assert EarlierSettings(raster=EarlierRasterSettings(gone=6)).fingerprint() != later.fingerprint()


def test_a_section_that_came_later_counts_once_it_is_used() -> None:
    """A section all of whose settings are as before is left out, as if it were not there."""

    class Sharpening(Settings):
        strength: int = Field(0, json_schema_extra=added(as_before=0))

    class WithSection(RasterSettings):
        sharpening: Sharpening = Sharpening()

    assert WithSection().affecting_rows() == RasterSettings().affecting_rows()
    assert WithSection(sharpening=Sharpening(strength=1)).affecting_rows()["sharpening"] == {"strength": 1}
