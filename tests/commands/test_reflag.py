"""`reflag` judges stored rows as a run of today would have, and no kill and no reader meets it half done."""

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from made_rows import made_id, made_source, made_stamp, rendered_page
from narrowed import present
from s3_server import S3Server
from written_outputs import add_document, page, writing

from ocrmill.commands.reflag.judged_rows import COLUMNS, Thresholds, judge_rows, with_reasons
from ocrmill.commands.reflag.reflag import reflag
from ocrmill.commands.status import read_status
from ocrmill.commands.verify import verify
from ocrmill.commands.verify_report import Severity
from ocrmill.configs.settings import QualitySettings, RunSettings
from ocrmill.pipeline.measures import LayerFidelity, LayerLine, LineDoubts
from ocrmill.pipeline.output.journal import recover
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.runs.records import write_record
from ocrmill.pipeline.output.schema import pages_table
from ocrmill.pipeline.output.shard import fitted
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.open import open_store
from ocrmill.pipeline.output.stores.store import LeaseOwner
from ocrmill.pipeline.pages.inspection import inspect_picture
from ocrmill.pipeline.quality.agreement import doubts as agreement_limits
from ocrmill.pipeline.quality.attempts import settled
from ocrmill.pipeline.quality.flags import IN_ORDER, JUDGED, OF_THE_TEXT, QUALITY_VERSION
from ocrmill.pipeline.quality.page_row import finished_row, recognized_row
from ocrmill.pipeline.quality.signals.doubts import NUMBERS, WORDS
from ocrmill.pipeline.records import Attempt, Block, Document, FailedPage, PageText, Reason, TextLayerPage
from ocrmill.pipeline.rows import PageRow

DEFAULTS = QualitySettings()
STRICT = QualitySettings(
    repetition_ratio=0.05,
    repeated_chars=100,
    tail_chars=90,
    truncated_tail_chars=60,
    compression_ratio=1.5,
    compressible_chars=300,
    longest_run=4,
    content_ratio=1.6,
    compressible_content_chars=200,
    counted_numbers=3,
    loop_score=0.3,
)
LINE = "The quick brown fox jumps over the lazy dog.\n"
DOCUMENT = Document(made_id("a"), made_source("a"), 99)
STAMP = replace(made_stamp(), quality_version=QUALITY_VERSION)


def texts() -> list[str]:
    """Honest ones, and those that strict thresholds or all call repetitive, for each reason."""
    drawn = random.Random(0)
    words = [" ".join("".join(drawn.choices("abcdefgh", k=6)) for _ in range(count)) for count in (30, 200)]
    loops = [
        LINE * 3,
        LINE * 9,
        "." * 9,
        "." * 400,
        "<td></td>" * 60,
        "<td></td>" * 200,
        " ".join(map(str, range(20))),
        "a b c " * 90,
    ]
    return [
        *words,
        *(words[0] + loop for loop in loops),
        *(words[1] + loop + words[0] for loop in loops),
        "",
        "<u> </u>",
    ]


def rows(quality: QualitySettings) -> list[PageRow]:
    """Make the rows of a run with these thresholds: from layers and engines, whose outputs end in each way."""
    made: list[PageRow] = []
    for text in texts():
        for finish, confidence in (("stop", 0.9), ("length", 0.5), ("repetition", None), (None, 0.85)):
            seen = LayerFidelity(0.96, 0.94 if finish else 0.97, 0.95 if confidence else 0.99)
            read = PageText(text, finish_reason=finish, confidence=confidence, notes=("hidden_text",), fidelity=seen)
            if confidence:
                read = replace(read, line_doubts=LineDoubts(1 - confidence, (1 - confidence) / 2))
            rendered = rendered_page(len(made) + 1, layer_text="The layer says other things." if confidence else None)
            attempt = Attempt("cpu", 1.0, finish_reason=finish)
            made.append(settled([recognized_row(DOCUMENT, rendered, read, attempt, quality)]))
            layer = TextLayerPage(len(made) + 1, rendered.geometry, rendered.decision, text=read)
            made.append(finished_row(DOCUMENT, layer, quality))
    failed = FailedPage(len(made) + 1, Reason.RENDER_CRASH, "it died")
    return [*made, finished_row(DOCUMENT, failed, quality), *checked_rows(quality)]


LAYER = (
    "The harbour was rebuilt in the years after the great storm of 1898, when most of the quays had been lost. "
    "Ships of every size came in with timber, salt and coal, and the town grew along both sides of the river. "
    "In 1911 the council bought the old mill and turned it into a school for the children of the sailors."
)
GERMAN = "Der Hafen wurde nach dem Sturm wieder aufgebaut, und die Stadt wuchs auf beiden Seiten des Flusses. " * 2
ENGINE_TEXTS = {  # by the flag AT_END that they are to raise
    "words_missing": LAYER[:200],
    "words_invented": f"{LAYER} Nobody knows why seven bishops danced upon elephants.",
    "words_misread": " ".join(word[:-1] + "x" if len(word) > 4 else word for word in LAYER.split()),
    "numbers_changed": LAYER.replace("1911", "1971"),
    "order_differs": " ".join(reversed(LAYER.split())),
    "script_differs": "\u0413\u0430\u0432\u0430\u043d\u044c \u0431\u044b\u043b\u0430 " * 20,
    "language_differs": GERMAN,
    "ragged_table": f"{LAYER}\n\n<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
    "broken_formula": f"{LAYER} $\\frac{{1}}{{2$",
    "garbage": "\N{REPLACEMENT CHARACTER}" * 30,
    "dense_text": LAYER * 30,
}


def checked_rows(quality: QualitySettings = DEFAULTS) -> list[PageRow]:
    """Make the rows of a page whose own text an engine's is compared with, one for each of ENGINE_TEXTS."""
    picture = np.full((600, 464), 255, np.uint8)
    picture[100:104, 100:300] = 0
    words = LAYER.split()
    lines = tuple(
        LayerLine(" ".join(words[at : at + 9]), 100, 150 + 2 * at, 500, 162 + 2 * at) for at in range(0, len(words), 9)
    )
    page = rendered_page(
        layer_text=LAYER, layer_lines=lines, features=replace(inspect_picture(picture), uncovered_ink_share=0)
    )
    return [
        settled(
            [
                recognized_row(
                    DOCUMENT,
                    replace(page, page_number=number),
                    PageText(text, finish_reason="stop", notes=("hidden_text",)),
                    Attempt("cpu", 1.0, finish_reason="stop"),
                    quality,
                )
            ]
        )
        for number, text in enumerate(ENGINE_TEXTS.values(), 500)
    ]


def judged(table: pa.Table, quality: QualitySettings, fingerprints: dict[str, str] | None = None) -> pa.Table:
    """Judge the rows of a table by `judge_rows`."""
    chars = [len(text or "") for text in table["markdown"].to_pylist()]
    wanted = fitted(table, "pages/a.parquet", COLUMNS)
    new = judge_rows(wanted, Thresholds(quality, fingerprints or {}), lambda rows: rows * pa.array(chars).to_numpy())
    attempts = with_reasons(table["attempts"].combine_chunks(), new.is_single, new.columns["reason"])
    for name, values in {**new.columns, "attempts": attempts}.items():
        field = table.schema.field(name)
        table = table.set_column(table.column_names.index(name), field, values.cast(field.type))
    return table


@pytest.mark.parametrize(("then", "now"), [(DEFAULTS, DEFAULTS), (DEFAULTS, STRICT), (STRICT, DEFAULTS)])
def test_rows_are_judged_as_a_run_of_today_judges_them(then: QualitySettings, now: QualitySettings) -> None:
    """Every column is as a run with the new thresholds writes it: flags and their order, reason, status, attempts."""
    before, expected = pages_table(rows(then), STAMP), pages_table(rows(now), STAMP)

    assert judged(before, now).to_pylist() == expected.to_pylist()
    if then != now:
        assert before["flags"] != expected["flags"]
        raised = {flag for flags in (*before["flags"].to_pylist(), *expected["flags"].to_pylist()) for flag in flags}
        assert raised >= JUDGED, "a flag is never tried here"


def test_a_limit_of_agreement_that_moved_changes_just_its_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a new limit a flag comes or goes where its column says so, and no other; moved back, all is as before."""
    table = pages_table(checked_rows(), STAMP)
    before = [set(flags) for flags in table["flags"].to_pylist()]
    lost = dict(zip(ENGINE_TEXTS, table["agreement_missing"].to_pylist(), strict=True))
    monkeypatch.setattr(agreement_limits, "MOST_MISSING", limit := lost["words_missing"])
    moved = judged(table, DEFAULTS)
    expected = [
        flags - {"words_missing"} if share <= limit else flags
        for flags, share in zip(before, lost.values(), strict=True)
    ]
    assert list(map(set, moved["flags"].to_pylist())) == expected != before

    monkeypatch.undo()
    assert judged(moved, DEFAULTS).to_pylist() == table.to_pylist()


def test_rows_from_before_agreement_and_signals_keep_those_flags() -> None:
    """A row whose shard lacks the columns keeps the flags that its run raised."""
    table = pages_table(checked_rows(), STAMP)
    absent = (*agreement_limits.MEASURES[:6], *NUMBERS, *WORDS)
    older = table
    for name in absent:
        older = older.set_column(
            older.column_names.index(name), name, pa.nulls(len(older), older.schema.field(name).type)
        )

    assert judged(older, DEFAULTS)["flags"].to_pylist() == table["flags"].to_pylist()


def test_flags_of_the_reading_stay_in_their_order() -> None:
    """Flags that no column tells stay: unknown ones, markup without text, attempts that looped before."""
    row = next(row for row in rows(DEFAULTS) if row.flags)
    kept = ("repetition", "looped_before", "truncated", "empty_markup", "unmapped_text", "unsupported_script")
    reading = present(row.reading)
    text = replace(
        reading.text, markdown="text", finish_reason="length", confidence=None, fidelity=None, line_doubts=None
    )
    twice = (Attempt("cpu", 1.0, reason=Reason.REPETITION), Attempt("cpu", 1.0, finish_reason="length"))
    content = replace(reading, text=text, repetition_flag=True, text_layer_agreement=None)
    flags = (*kept, "of_tomorrow", "hidden_text")
    row = replace(row, flags=flags, content=content, attempts=twice, defect=Reason.REPETITION)
    table = pages_table([row], STAMP)

    assert judged(table, DEFAULTS).to_pylist() == table.to_pylist()
    assert {*kept} - JUDGED - OF_THE_TEXT == {"looped_before", "unsupported_script"}
    assert [flag for flag in IN_ORDER if flag in kept] == list(kept)


def test_a_page_of_several_attempts_is_repaired_if_its_text_is_good_now() -> None:
    """The text of the first attempt is gone, so its reason stays; the status follows the text that stands."""
    looping = next(
        row for row in rows(STRICT) if row.reason is Reason.REPETITION and row.attempts[0].finish_reason is None
    )
    attempts = (Attempt("cpu", 1.0, reason=Reason.TRUNCATED), *looping.attempts)
    table = pages_table([replace(looping, defect=Reason.TRUNCATED, attempts=attempts)], STAMP)

    (now,) = judged(table, DEFAULTS).to_pylist()
    assert (now["status"], now["reason"], now["repetition_flag"]) == ("repaired", "truncated", False)
    assert [each["reason"] for each in now["attempts"]] == ["truncated", "repetition"]
    assert judged(judged(table, DEFAULTS), STRICT).to_pylist() == table.to_pylist()


def make_output(root: Path, nights: int = 3) -> None:
    """Nights with the default thresholds; each writes a shard of each table."""
    settings = RunSettings()
    for run, name in enumerate("abc"[:nights], 1):
        stamp = replace(made_stamp(run, settings.fingerprint()), quality_version=QUALITY_VERSION)
        with writing(root, run=run, stamp=stamp) as sink:
            add_document(sink, f"/in/{name}.pdf", [page("text"), page("more")])
        record = {"settings": settings.model_dump(mode="json"), "settings_fingerprint": settings.fingerprint()}
        write_record(LocalStore(root), stamp.run_id, record)


def key_rows(root: Path) -> list[tuple[Any, ...]]:
    query = "select document_id, page_number, markdown, flags, settings_fingerprint, quality_version, reason"
    rows: list[tuple[Any, ...]] = duckdb.sql(f"{query} from '{root}/pages/*.parquet' order by all").fetchall()
    return rows


LIMITS = QualitySettings(longest_run=4)  # as made rows have it


def test_an_output_is_judged_with_its_documents(tmp_path: Path) -> None:
    """Pages, the counts of documents and the settings agree afterwards: `verify` is content, the next run goes on."""
    make_output(tmp_path)
    store = LocalStore(tmp_path)
    told = reflag(store, LIMITS, dry_run=True).to_text()
    assert "judged 6 pages by version 7; 6 rows would change\n" in told
    assert "threshold quality.longest_run was 350 and is 4 now\n" in told
    assert "long_run                       0           6\n" in told
    assert reflag(store, DEFAULTS).changed_pages == 0, "a trial changes nothing"
    assert len(store.list("runs", ".json")) == 3

    report = reflag(store, LIMITS)

    assert (report.changed_pages, report.changed_shards, report.changed_documents) == (6, 3, 3)
    assert {tuple(row[3]) for row in key_rows(tmp_path)} == {("repetition", "long_run")}
    counts = duckdb.sql(f"select pages_flagged, repetition_rate from '{tmp_path}/documents/*.parquet'").fetchall()
    assert counts == [(2, 1.0)] * 3
    assert verify(store, repair=False).findings == ()
    assert set(read_ledger(store).fingerprints()) == {RunSettings(quality=LIMITS).fingerprint()}
    assert len(read_status(store).runs) == 3, "a reflag is no night"
    assert "threshold quality.longest_run was 4 and is 350 now" in reflag(store, DEFAULTS).to_text()
    assert set(read_ledger(store).fingerprints()) == {RunSettings().fingerprint()}


def test_rows_of_several_judgements_are_told(tmp_path: Path) -> None:
    """Rows that an earlier version measured otherwise stay readable, are named, and judged once they are measured."""
    make_output(tmp_path)
    with writing(tmp_path, run=9) as sink:  # quality version 1
        add_document(sink, "/in/old.pdf", [page("One line, and that again.\n" * 30)])
    store = LocalStore(tmp_path)

    assert "judged      1 pages by version 1, 6 pages by version 7; `ocrmill reflag OUT --remeasure` judges all" in (
        read_status(store).to_text()
    )
    (found,) = verify(store, repair=False).findings
    assert found.severity is Severity.NOTE
    assert f"versions that judged the pages (1, {QUALITY_VERSION})" in found.text
    assert "1 pages stay as they are" in reflag(store, DEFAULTS).to_text()
    report = reflag(store, DEFAULTS, remeasure=True)

    assert (report.pages, report.older_pages, report.after["loop"]) == (7, 0, 1)
    assert "judged " not in read_status(store).to_text()
    assert verify(store, repair=False).findings == ()
    measured = "select max(loop_turns), max(repeated_tail_chars), max(repetition_period)"
    columns = duckdb.sql(f"{measured} from read_parquet('{tmp_path}/pages/*.parquet')").fetchall()
    assert columns == [(30, 779, 26)]
    assert reflag(store, DEFAULTS, remeasure=True).changed_pages == 0


def test_boxes_without_text_are_measured_again(tmp_path: Path) -> None:
    """With --remeasure the flags that need the text follow it: empty boxes, and letters that are lost."""
    boxes = tuple(Block("text", 0, 0, 9, 9, 0, 0) for _ in range(12))
    read = PageText("Lost: \N{REPLACEMENT CHARACTER}", blocks=boxes, finish_reason="stop")
    row = settled([recognized_row(DOCUMENT, rendered_page(), read, Attempt("cpu", 1.0), DEFAULTS)])
    assert set(row.flags) - {"garbage"} == OF_THE_TEXT  # which the run alone raises
    stamp = replace(STAMP, settings_fingerprint=RunSettings().fingerprint())
    with writing(tmp_path, stamp=stamp) as sink:
        sink.add_page(replace(row, flags=("hidden_text",), defect=None))
    store = LocalStore(tmp_path)

    assert reflag(store, DEFAULTS).after == {"hidden_text": 1, "garbage": 1}
    report = reflag(store, DEFAULTS, remeasure=True)
    assert report.after == {"empty_markup": 1, "unmapped_text": 1, "hidden_text": 1, "garbage": 1}
    assert [row[6] for row in key_rows(tmp_path)] == ["empty_output"]


# Judges copies of an output, and dies by SIGKILL before the n-th change to the n-th copy.
_KILLED_AT = """
import os, shutil, signal, sys
from pathlib import Path
from ocrmill.commands.reflag.reflag import reflag
from ocrmill.configs.settings import QualitySettings
from ocrmill.pipeline.output.stores.local import LocalStore
class Killed(LocalStore):
    left = 0
    def write(self, name, data):
        self.step()
        super().write(name, data)
    def delete(self, name):
        self.step()
        super().delete(name)
    def step(self):
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
for step in range(50):
    root = Path(sys.argv[1]) / str(step)
    shutil.copytree(Path(sys.argv[1]) / "made", root)
    child = os.fork()
    if not child:
        store = Killed(root)
        store.left = step
        reflag(store, QualitySettings(longest_run=4), workers=1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(code)
    if code != -signal.SIGKILL:
        sys.exit(code)
"""


@pytest.mark.fault
def test_a_kill_at_any_step_leaves_each_row_whole(tmp_path: Path) -> None:
    """SIGKILL of `reflag` before each of its steps: readers see each page once, the next one finishes the work."""
    make_output(tmp_path / "made", nights=2)
    done = subprocess.run([sys.executable, "-c", _KILLED_AT, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    steps = len(done.stdout.split())
    assert steps > 7
    made, finished = key_rows(tmp_path / "made"), key_rows(tmp_path / str(steps - 1))
    for step in range(steps):
        root = tmp_path / str(step)
        seen = key_rows(root)
        assert [row[:3] for row in seen] == [row[:3] for row in finished]
        assert all(row in finished or row in made for row in seen)
        store = LocalStore(root)
        assert verify(store, repair=False).sound, f"step {step}"  # also while the counts of documents are due
        with store.lease(LeaseOwner.current("next")):
            recover(store)
        assert verify(store, repair=False).findings == (), f"step {step}"
        reflag(store, LIMITS, workers=1)
        assert key_rows(root) == finished, f"step {step}"


def test_an_output_in_a_bucket_is_judged(s3: S3Server, tmp_path: Path) -> None:
    """Rows, counts and records in a bucket change as they do in a folder."""
    make_output(tmp_path)
    bucket = s3.bucket()
    for path in (*tmp_path.rglob("*.parquet"), *tmp_path.rglob("*.json")):
        s3.put(bucket, f"out/{path.relative_to(tmp_path)}", path.read_bytes())
    store = open_store(f"s3://{bucket}/out", s3.settings)

    assert reflag(store, LIMITS).changed_documents == 3
    assert verify(store, repair=False).findings == ()
    assert read_status(store).repetitive_pages == 6
