"""Answers in each form, as the models' own documents show it: recorded by hand, none is copied."""

import json
import time

import pytest

from ocrmill.configs.profiles.find import load_profile, shipped_profiles
from ocrmill.configs.profiles.profile import Output
from ocrmill.pipeline.records import Block, PageGeometry
from ocrmill.workers.engines.endpoint.forms.doctags import table_of
from ocrmill.workers.engines.endpoint.forms.parts import MalformedOutputError, Parsed, Part, assemble
from ocrmill.workers.engines.endpoint.forms.read import read_answer

PAGE = PageGeometry(500.0, 1000.0, 0, 1000, 2000, 144.0)  # points, and pixels as sent


def read(name: str, answer: str, *, is_cut_off: bool = False) -> Parsed:
    return read_answer(answer, load_profile(name).output, PAGE, is_cut_off=is_cut_off)


def boxes(parsed: Parsed) -> list[tuple[str, tuple[float, ...], str]]:
    """Label, box and text of each block."""
    return [
        (block.label, (block.x0, block.y0, block.x1, block.y1), parsed.markdown[block.start : block.end])
        for block in parsed.blocks
    ]


DOTS = json.dumps(
    [
        {"bbox": [100, 40, 900, 80], "category": "Page-header", "text": "A journal"},
        {"bbox": [100, 200, 900, 300], "category": "Title", "text": "On mills"},
        {"bbox": [100, 400, 900, 450], "category": "Section-header", "text": "## 1 Wheels"},
        {"bbox": [100, 500, 900, 700], "category": "Text", "text": "A wheel turns."},
        {"bbox": [100, 800, 900, 900], "category": "Formula", "text": "a = b"},
        {"bbox": [100, 1000, 900, 1400], "category": "Picture"},
        {"bbox": [100, 1500, 900, 1600], "category": "Table", "text": "<table><tr><td>1</td></tr></table>"},
    ]
)
DOTS_MARKDOWN = (
    "A journal\n\n# On mills\n\n## 1 Wheels\n\nA wheel turns.\n\n$$\na = b\n$$\n\n<table><tr><td>1</td></tr></table>"
)
DEEPSEEK = (
    "<|ref|>title<|/ref|><|det|>[[100, 100, 900, 150]]<|/det|>\n# On mills\n\n"
    "<|ref|>text<|/ref|><|det|>[[100, 200, 900, 400]]<|/det|>\nA wheel turns.\n"
)
UNLIMITED = (
    "<|det|>title [100, 100, 900, 150]<|/det|># On mills\n\n<|det|>text [100,200,900,400]<|/det|>A wheel turns.\n"
)
DOCTAGS = (
    "<doctag><page_header><loc_50><loc_10><loc_450><loc_20>A journal</page_header>\n"
    "<section_header_level_1><loc_50><loc_50><loc_450><loc_70>On mills</section_header_level_1>\n"
    "<text><loc_50><loc_100><loc_450><loc_150>A wheel turns.</text>\n"
    "<unordered_list><list_item><loc_50><loc_160><loc_450><loc_170>oak</list_item>\n"
    "<list_item><loc_50><loc_170><loc_450><loc_180>elm</list_item>\n</unordered_list>\n"
    "<picture><loc_50><loc_200><loc_450><loc_300>"
    "<caption><loc_50><loc_300><loc_450><loc_310>A mill.</caption></picture>"
    "<otsl><loc_50><loc_320><loc_450><loc_400><ched>Tree<lcel><nl><fcel>oak<ecel><nl></otsl>"
    "<formula><loc_50><loc_410><loc_450><loc_420>a = b</formula>"
)
HTML = (
    '<html><body>\n<h1 data-bbox="100 100 900 150">On mills</h1>\n'
    '<p data-bbox="100 200 900 400">A <b>wheel</b>\n turns &lt;fast&gt;.</p>\n'
    '<ol data-bbox="100 450 900 500"><li>oak</li><li>elm</li></ol>'
    '<table data-bbox="100 550 900 600"><tr><td colspan="2">1 &lt; 2</td></tr></table>'
    '<img data-bbox="100 650 900 800"/></body></html>'
)

RECORDED: dict[str, tuple[str, str, list[str]]] = {  # by profile: an answer, its Markdown, the labels of its blocks
    "lightonocr-2-1b": ("# On mills\n\nIt costs \\$5.\n", "# On mills\n\nIt costs $5.", []),
    "olmocr-2-7b": (
        "---\nprimary_language: en\nis_rotation_valid: True\nrotation_correction: 0\nis_table: False\n"
        "is_diagram: False\n---\n# On mills\n\nThen \\(a = b\\) holds:\n\n\\[c = d\\]\n\n"
        "![A mill by a river](page_100_200_400_600.png)\n\nThe end.",
        "# On mills\n\nThen $a = b$ holds:\n\n$$c = d$$\n\nThe end.",
        ["picture"],
    ),
    "dots-mocr": (DOTS, DOTS_MARKDOWN, ["header", "title", "heading", "text", "formula", "picture", "table"]),
    "unlimited-ocr": (UNLIMITED, "# On mills\n\nA wheel turns.", ["title", "text"]),
    "deepseek-ocr": (DEEPSEEK, "# On mills\n\nA wheel turns.", ["title", "text"]),
    "deepseek-ocr-2": (DEEPSEEK, "# On mills\n\nA wheel turns.", ["title", "text"]),
    "qwen3-vl": ("```markdown\n# On mills\n\nA wheel turns.\n```", "# On mills\n\nA wheel turns.", []),
    "qwen3-vl-html": (
        f"```html\n{HTML}\n```",
        "# On mills\n\nA **wheel** turns <fast>.\n\n1. oak\n2. elm\n\n"
        '<table><tr><td colspan="2">1 &lt; 2</td></tr></table>',
        ["title", "text", "list", "table", "picture"],
    ),
    "ovisocr2": (
        '# On mills\n\n<img src="images/bbox_200_300_800_900.jpg" />\n\nA wheel turns.',
        "# On mills\n\nA wheel turns.",
        ["picture"],
    ),
    "granite-docling": (
        DOCTAGS,
        "A journal\n\n## On mills\n\nA wheel turns.\n\n- oak\n- elm\n\nA mill.\n\n"
        '<table><tr><th colspan="2">Tree</th></tr><tr><td>oak</td><td></td></tr></table>\n\n$$\na = b\n$$',
        ["header", "heading", "text", "list", "list", "picture", "caption", "table", "formula"],
    ),
}


@pytest.mark.parametrize("name", shipped_profiles())
def test_each_profile_reads_its_models_form(name: str) -> None:
    """Every profile turns an answer of its model's documented form into Markdown and blocks of one vocabulary."""
    answer, markdown, labels = RECORDED[name]
    parsed = read(name, answer)

    assert parsed.markdown == markdown
    assert [block.label for block in parsed.blocks] == labels


PLACES = {  # of one block: the share of the page, 500 x 1000 points, that the answers above put it at
    "dots-mocr": ("title", (50.0, 100.0, 450.0, 150.0), "# On mills"),
    "olmocr-2-7b": ("picture", (50.0, 100.0, 250.0, 400.0), ""),
    "ovisocr2": ("picture", (100.0, 300.0, 400.0, 900.0), ""),
    "qwen3-vl-html": ("text", (50.0, 200.0, 450.0, 400.0), "A **wheel** turns <fast>."),
    "granite-docling": ("text", (50.0, 200.0, 450.0, 300.0), "A wheel turns."),
}


@pytest.mark.parametrize("name", PLACES)
def test_boxes_are_in_points_of_the_page(name: str) -> None:
    """Pixels as sent, and grids of 500 and 1000: all become points, with the span of the text that is theirs."""
    found = boxes(read(name, RECORDED[name][0]))

    assert PLACES[name] in [(label, tuple(round(side, 6) for side in box), text) for label, box, text in found]


def test_deepseek_and_unlimited_put_a_part_at_the_same_place() -> None:
    """Label and box in one tag give the same block as in two."""
    assert read("deepseek-ocr", DEEPSEEK) == read("unlimited-ocr", UNLIMITED)
    (title, _) = read("deepseek-ocr", DEEPSEEK).blocks
    assert (title.label, round(title.x0, 3), round(title.y1, 3)) == ("title", 50.05, 150.15)


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("dots-mocr", "The page shows a mill.", "no list of parts"),
        ("dots-mocr", '[{"bbox": [1, 2, 3, 4], "category": "Text", "text": "a"', "at character 1"),
        ("dots-mocr", '[{"text": "a"}', "the list of parts has no end"),
        ("dots-mocr", "[1, 2]", "is no object"),
        ("dots-mocr", "[" * 100_000, "at character"),
        ("olmocr-2-7b", "# On mills", "no front matter"),
        ("olmocr-2-7b", "---\ntitle: x\n---\ntext", "has none of its fields"),
        ("granite-docling", "On mills", "no DocTags"),
        ("granite-docling", "<text><loc_1><loc_2><loc_3><loc_4>On mills", "<text> is not closed"),
        ("qwen3-vl-html", "On mills", "no HTML"),
    ],
)
def test_an_answer_of_another_form_is_malformed(name: str, answer: str, said: str) -> None:
    """An answer of another form is refused with the place where it leaves the profile's, never taken for text."""
    with pytest.raises(MalformedOutputError, match=r"^[^\n]{1,300}\Z") as caught:
        read(name, answer)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "whole"),
    [("dots-mocr", DOTS), ("granite-docling", DOCTAGS), ("qwen3-vl-html", HTML), ("deepseek-ocr", DEEPSEEK)],
)
def test_an_answer_that_is_cut_off_anywhere_is_read_up_to_there(name: str, whole: str) -> None:
    """At each place where an answer may end, its whole parts are kept; nothing raises but where there is none yet."""
    longest = read(name, whole).markdown
    for end in range(len(whole)):
        try:
            parsed = read(name, whole[:end], is_cut_off=True)
        except MalformedOutputError:
            assert end < len(whole) // 4
            continue
        assert len(parsed.markdown) <= len(longest) + 20
        for block in parsed.blocks:
            assert 0 <= block.start <= block.end <= len(parsed.markdown)


def test_parts_that_come_again_are_left_out() -> None:
    """A model that loops over the same part writes it once."""
    part = {"bbox": [1, 2, 3, 4], "category": "Text", "text": "again"}

    assert read("dots-mocr", json.dumps([part] * 50)).markdown == "again"


def test_a_list_may_be_wrapped() -> None:
    """An object around the list, and a fence around both, are taken off."""
    wrapped = f'```json\n{{"layout": {DOTS}}}\n```'

    assert read("dots-mocr", wrapped).markdown == DOTS_MARKDOWN


def test_a_page_on_its_side_says_so() -> None:
    """The front matter's rotation is given, if it says that the page does not lie right."""
    front = "---\nis_rotation_valid: {}\nrotation_correction: {}\n---\ntext"

    assert read("olmocr-2-7b", front.format("False", 90)).turn == 90
    assert read("olmocr-2-7b", front.format("True", 90)).turn == 0
    assert read("olmocr-2-7b", front.format("False", 45)).turn == 0


def test_cells_that_span_become_one_cell() -> None:
    """Cells to the left, above and both are continued: colspan and rowspan, each cell once."""
    otsl = "<ched>a<lcel><ched>b<nl><rhed>c<fcel>1<fcel>2<nl><ucel><fcel>3<ecel><nl>"

    assert table_of(otsl) == (
        '<table><tr><th colspan="2">a</th><th>b</th></tr><tr><th rowspan="2">c</th><td>1</td><td>2</td></tr>'
        "<tr><td>3</td><td></td></tr></table>"
    )
    assert table_of("<fcel>a<lcel><nl><ucel><xcel><nl>") == (
        '<table><tr><td colspan="2" rowspan="2">a</td></tr><tr></tr></table>'
    )


def test_labels_can_be_left_out() -> None:
    """The text of labels that a profile drops is not in the Markdown; their blocks stay."""
    output = Output(form="json_layout", drop_labels=("header", "title"))
    parsed = read_answer(DOTS, output, PAGE)

    assert parsed.markdown.startswith("## 1 Wheels")
    assert [block.label for block in parsed.blocks[:2]] == ["header", "title"]
    assert (parsed.blocks[0].start, parsed.blocks[0].end) == (0, 0)


HOSTILE = [
    "<",
    "[",
    "{",
    "\\(",
    "<|det|>text [",
    "![",
    "<img src=",
    "---\n",
    "<fcel>",
    "<div>",
    "```\n",
    '{"a":',
    "$$",
    "<text>",
]


@pytest.mark.parametrize("form", ["markdown", "front_matter", "html", "ref_det", "json_layout", "doctags"])
def test_no_answer_is_slow(form: str) -> None:
    """40,000 characters of any sign that opens something take seconds at most, whatever the form."""
    output = Output.model_validate({"form": form, "clean": ["fence", "escaped_dollars", "latex_delimiters"]})
    for text in HOSTILE:
        started = time.process_time()
        try:
            read_answer(text * (40_000 // len(text)), output, PAGE)
        except MalformedOutputError:
            pass
        assert time.process_time() - started < 60.0, (form, text)


def test_a_box_that_is_none_gives_no_block() -> None:
    """Three numbers, words and numbers beyond all bounds: the text stays, without a block or within the page."""
    parts = [{"bbox": box, "category": "Text", "text": "t"} for box in ([1, 2, 3], "x", None, ["a"] * 4)]
    assert read("dots-mocr", json.dumps(parts)).blocks == ()
    (block,) = read("dots-mocr", json.dumps([{"bbox": [900, -5, 5000, 30], "category": "Text"}])).blocks
    assert block == Block("text", 450.0, 0.0, 500.0, 15.0, 0, 0)


def test_a_table_that_is_cut_off_is_closed() -> None:
    """Whatever the form, the Markdown has valid HTML tables, and blocks that span them."""
    parsed = assemble([Part("table", "<table><tr><td>1<td>2", (0.0, 0.0, 1.0, 1.0))], PAGE)

    assert parsed.markdown == "<table><tr><td>1</td><td>2</td></tr></table>"
    assert [(block.start, block.end) for block in parsed.blocks] == [(0, len(parsed.markdown))]
