"""The overview: what a word or a number in it stands for cannot be taken for another."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from made_rows import made_reading
from viewer import opened, serving
from written_outputs import add_document, add_failed_document, failed_page, page, page_row, writing

from ocrmill.commands.presentation.rates import PUBLISHED
from ocrmill.pipeline.output.stores.local import LocalStore


@pytest.fixture
def viewer_of_one_night(tmp_path: Path) -> Iterator[str]:
    """A viewer of a page in no language that is known, one without any text, and a document that failed."""
    with writing(tmp_path / "out") as sink:
        add_document(sink, "/in/a.pdf", [page("the text"), failed_page()])
        numbers = made_reading("1 2 3 4")
        signs = replace(numbers.signs, text_language="none")
        sink.add_page(replace(page_row("/in/b.pdf", 1, 2, page()), content=replace(numbers, signs=signs)))
        add_failed_document(sink, "/in/locked.pdf")
    with opened(LocalStore(tmp_path / "out")) as data, serving(data) as address:
        yield address


@pytest.mark.parametrize("path", ["/", "/pages"])
def test_a_missing_value_is_no_word(path: str, viewer_of_one_night: str) -> None:
    """Rows without a value are listed as `(none)`, which no column holds; `none` is a language that is not clear."""
    shown = httpx.get(viewer_of_one_night + path).text
    languages = shown[shown.index("Language") : shown.index("Script")]

    assert re.findall(r">(en|none|\(none\))<", languages) == ["en", "none", "(none)"]


def test_documents_that_failed_are_counted(viewer_of_one_night: str) -> None:
    """A document that could not be opened has no page that could fail: its tile says so."""
    shown = httpx.get(viewer_of_one_night + "/").text

    assert re.search(r'Documents</span><span class="number">2</span><span class="share">1 failed<', shown)


def test_names_of_published_rates_stand_apart(viewer_of_one_night: str) -> None:
    """On a scale up to 100 % the lines of 2.88 % and 3.69 % nearly touch: their names begin at different ends."""
    plot = httpx.get(viewer_of_one_night + "/plot/rates").text
    ends = re.findall(r'<text [^>]*text-anchor="(\w+)"[^>]*>\d\.\d\d% DeepSeek', plot)

    assert sorted(ends) == ["end", "start"]
    assert len(PUBLISHED) == 2
