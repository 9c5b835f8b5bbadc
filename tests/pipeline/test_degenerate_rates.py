"""The rates at which pages degenerate: the same from rows and from shards, with intervals as published."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from made_rows import made_page, made_stamp, rendered_page
from written_outputs import add_document, add_pages, page, writing

from ocrmill.commands.compact import compact
from ocrmill.commands.status import read_status
from ocrmill.pipeline.degenerate_rates import Counts, DegenerateRates, grouped, interval
from ocrmill.pipeline.output.schema import pages_table
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import Attempt, PageFeatures, PageText, Reason, Status, TextLayerPage
from ocrmill.pipeline.rows import PageRow

FEATURES = PageFeatures(90, 20, 0, 0, 0, 0, 0, 0, 0, 0, "latin", 0, 0, 0.25, 0.1, 0, 0)


@pytest.mark.parametrize(
    ("count", "pages", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(count: int, pages: int, low: float, high: float) -> None:
    """The four examples that Newcombe (Stat. Med. 17 (1998), 857-872, table I, method 3) has."""
    assert interval(count, pages) == pytest.approx((low, high), abs=5e-5)
    assert interval(pages - count, pages) == pytest.approx((1 - high, 1 - low), abs=5e-5)


def rows() -> list[PageRow]:
    """Pages of every kind: engine, layer that stood after it, layer alone; each outcome, way to end, and type."""
    flags = [(), ("repetition", "loop"), ("truncated",), ("low_confidence",)]
    reasons = [None, Reason.REPETITION, Reason.TRUNCATED, Reason.EMPTY_OUTPUT, Reason.ENGINE_CRASH]
    ends = ["stop", "length", "repetition", None]
    kinds = [
        rendered_page(features=replace(FEATURES, image_cover=0.75)),
        rendered_page(features=FEATURES),
        rendered_page(features=replace(FEATURES, characters=0)),
        rendered_page(renderer="pillow"),
        rendered_page(),
    ]
    found = []
    for number, (flag, reason, end, engine) in enumerate(product(flags, reasons, ends, ["cpu", "deepseek-ocr2", None])):
        asked = Attempt(engine or "deepseek-ocr2", 1.0, finish_reason=end)
        attempts = (asked, Attempt("cpu", 1.0, finish_reason="length")) if number % 2 or not engine else ()
        made = kinds[number % len(kinds)]
        others: dict[str, Any] = {"page": made, "defect": reason, "flags": flag, "attempts": attempts}
        shown = made_page(f"{number // 7}", 1 + number % 7, 7, standing=asked if engine else None, **others)
        found.append(shown if engine else replace(shown, status=Status.TEXT_LAYER))
        layer = TextLayerPage(1, made.geometry, made.decision, text=PageText("text"))
        found.append(replace(shown, page=layer, status=Status.TEXT_LAYER, standing=None, attempts=(), defect=None))
    return found


def test_rows_and_shards_are_counted_alike() -> None:
    """A run counts its rows as `status` counts them in Parquet: each group, in all three definitions."""
    in_memory = DegenerateRates()
    for row in rows():
        in_memory.add(row)
    table = pages_table(rows(), made_stamp())
    stored = DegenerateRates.from_groups([grouped(table.slice(0, 100)), grouped(table.slice(100))])

    assert {group._replace(night="") for group in stored.counts} == set(in_memory.counts)
    for kind in ("route", "engine", "type"):
        assert stored.by(kind) == in_memory.by(kind)
    assert (stored.total, stored.layers) == (in_memory.total, in_memory.layers)
    assert 0 < stored.total.no_end < stored.total.at_first < stored.total.pages
    assert set(stored.by("type")) == {"scan", "born-digital", "image file", "other"}


def test_the_first_attempt_counts_where_the_layer_stood() -> None:
    """An engine that loops is counted, though the page keeps the text of its layer, which no model wrote."""
    rates = DegenerateRates()
    looped = Attempt("deepseek-ocr2", 1.0, finish_reason="repetition", reason=Reason.REPETITION)
    rates.add(made_page("a", 1, 1, Status.TEXT_LAYER, attempts=(looped,), defect=Reason.REPETITION))

    assert (rates.total, rates.layers) == (Counts(1, 0, 1, 1), Counts())


def test_only_current_rows_are_counted_before_and_after_compaction(tmp_path: Path) -> None:
    """Superseded rows count no more, those of a resumed document once; `compact` changes nothing."""
    with writing(tmp_path, run=1) as sink:
        add_document(sink, "/in/a.pdf", [page("a", flags=("repetition", "loop")), page("a")])
        add_pages(sink, "/in/b.pdf", [page("b", flags=("truncated",))], count=2)
    with writing(tmp_path, run=2) as sink:
        add_document(sink, "/in/a.pdf", [page("new")], content="a2", version="2")
        add_document(sink, "/in/b.pdf", [page("b", flags=("truncated",)), page("b")], added=1)
    store = LocalStore(tmp_path)
    before = read_status(store)

    assert before.pages.total() == 5
    assert before.rates.total == Counts(pages=3, kept=1, at_first=1)
    assert list(before.rates.by("night").items()) == [
        (made_stamp(2).run_id, Counts(pages=2)),
        (made_stamp(1).run_id, Counts(pages=1, kept=1, at_first=1)),
    ]
    assert f"by night    {made_stamp(2).run_id}: 0 of 2 pages (0.00%, 0.00 to 65.76), no end 0" in before.to_text()
    assert "2.88%" in before.to_text()
    compact(store)
    assert read_status(store).rates == before.rates
