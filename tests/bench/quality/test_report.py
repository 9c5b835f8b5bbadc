"""Tables give means with their intervals, and only the figures of a page are written again."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.quality.readers import READERS, Reader, Reading
from bench.quality.report import (
    BEGIN,
    END,
    Result,
    differences_table,
    interval,
    kinds_table,
    readers_table,
    with_tables,
    worst,
)
from bench.quality.scores import score
from bench.quality.sources.markdown_source import Truth
from bench.quality.typesetters import Page

PAGE = Path(__file__).parents[3] / "docs" / "quality.md"


def result(name: str, *, is_markdown: bool) -> Result:
    """Two documents, one of them without its number."""
    truth = Truth("# Mill\n\nOne 1,234.\n", header="", footer="")
    pages = [Page(Path(f"{number}.pdf"), "article", "typst", truth, 1) for number in range(2)]
    texts = {"0": truth.markdown, "1": "# Mill\n\nOne"}
    scores = {page: score(texts[page.path.stem], truth, pages=1, is_markdown=is_markdown) for page in pages}
    return Result(name, is_markdown, Reading(texts, {}, 0.5, "1.0"), scores, 4.0)


def test_an_interval_holds_the_mean() -> None:
    """The bootstrap interval is around the mean, and a point where all documents are equal."""
    mean, low, high = interval([[0.0], [1.0], [0.5], [0.5]])

    assert low < mean == 0.5 < high
    assert interval([[1.0], [1.0]]) == (1, 1, 1)


def test_readers_stand_side_by_side() -> None:
    """Each has its means and its speed; plain text has no score that needs markup."""
    table = readers_table([result("ocrmill", is_markdown=True), result("pdfium", is_markdown=False)])
    titles, _, ours, other = ([cell.strip() for cell in line.split("|")] for line in table.splitlines())
    headings, recall = titles.index("headings"), titles.index("recall")

    assert (ours[1], ours[recall], ours[headings]) == (
        "ocrmill 1.0",
        "0.833 (0.667 to 1.000)",
        "1.000 (1.000 to 1.000)",
    )
    assert (other[recall], other[headings]) == (ours[recall], "")
    assert ours[-4:-1] == ["1 of 2", "0", "4.0"]
    assert "TEDS ruled" not in titles


def test_differences_are_document_by_document() -> None:
    """A reader that is worse on every document is behind for sure, and says so; an equal one is not."""
    ours, worse = result("ocrmill", is_markdown=True), result("other", is_markdown=True)
    lost = {page: score("", page.truth, pages=1) for page in ours.scores}
    worse = Result("other", is_markdown=True, reading=worse.reading, scores=lost, speed=1)
    titles, _, row = (
        line.split("|")
        for line in differences_table(
            worse, [replace(ours, scores=dict(zip(lost, ours.scores.values(), strict=True)))]
        ).splitlines()
    )
    recall = titles.index(" recall ")

    assert row[recall].strip() == "**-0.833 (-1.000 to -0.667)**"
    assert "**" not in differences_table(ours, [replace(ours)])


def test_worst_pages_say_what_is_wrong() -> None:
    """The worst document comes first, with the words that it lacks."""
    said = worst(result("ocrmill", is_markdown=True), 1)

    assert said.startswith("1: recall 0.667")
    assert "lacks: 1,234" in said


def test_a_kind_has_its_lowest_recall() -> None:
    """The table by kind shows the least recall of a document."""
    assert "| article | 2 |" in kinds_table(result("ocrmill", is_markdown=True), "kind")
    assert "| 0.667 | 1 of 2 |" in kinds_table(result("ocrmill", is_markdown=True), "kind")


def test_only_the_figures_are_written() -> None:
    """Text that people wrote around the tables stays."""
    page = f"before\n{BEGIN}old\n{END}\nafter\n"
    written = with_tables(page, ["| a |"], "Measured today.")

    assert written.startswith(f"before\n{BEGIN}Measured today.")
    assert written.endswith(f"| a |\n{END}\nafter\n")
    assert "old" not in written


def test_the_page_explains_every_column() -> None:
    """docs/quality.md has the marks between which the command writes, and a line for each score and reader."""
    text = PAGE.read_text(encoding="utf-8")
    before = text.partition(BEGIN)[0]

    assert text.count(BEGIN) == text.count(END) == 1
    for word in ("characters", "recall", "precision", "whole", "order", "TEDS", "headings", "listings", "formulas"):
        assert f"`{word}" in before
    for reader in READERS:
        assert reader.name in before


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_readers_have_a_version(reader: Reader) -> None:
    """A reader is a distribution or the one program."""
    assert reader.distribution or reader.name == "pdftotext-layout"
