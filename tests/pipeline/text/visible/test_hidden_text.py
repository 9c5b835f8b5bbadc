"""Text that a reader sees, and text that he does not, drawn in every way that was thought of."""

import random
import sys
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from drawn_words import HIDDEN, SEEN, WORDS, Spot, draw, line
from real_pdfs import CASES, CORPUS, needs_cases, needs_corpus

from ocrmill.configs.settings import RoutingSettings
from ocrmill.pipeline.pages.drawing_log import before_rotation, read_drawing_log
from ocrmill.pipeline.pages.inspection import inspect_page
from ocrmill.pipeline.pages.mupdf import displayed_geometry, render_thumbnail
from ocrmill.pipeline.pages.routing import decide
from ocrmill.pipeline.records import Route
from ocrmill.pipeline.text.layer.page_words import read_layout
from ocrmill.pipeline.text.text_layer import read_text_layer
from ocrmill.pipeline.text.visible.hidden_text import _BLANKS, NOTHING_HIDDEN, HiddenText, Reason, find_hidden_text
from ocrmill.pipeline.text.visible.plainly_seen import is_plainly_seen
from ocrmill.pipeline.text.visible.visible_words import visible_words

DRAWN_EACH = 4
TURNS = [b"", b"/Rotate 90", b"/Rotate 180 /CropBox [20 30 600 780]", b"/Rotate 270 /CropBox [-40 -20 610 790]"]

SAMPLED = [
    "073439.pdf", "195981.pdf", "2305.03393v1-pg9.pdf", "DeepSeek_OCR2_paper.pdf",
    "a1977-backus-p21.pdf", "clockwise_table_1.pdf", "edgar-rotated90.pdf", "form_dd0293.pdf", "issue-336-example.pdf",
    "issue-461-example.pdf", "issue-463-example.pdf", "lots_of_sci_tables.pdf", "multi_column_miss.pdf",
    "multi_page.pdf", "normal_4pages.pdf", "right_to_left_01.pdf", "test_241.pdf", "tracemonkey.pdf",
]  # fmt: skip


def layout_of(page: pymupdf.Page) -> dict[str, Any]:
    """The page's characters as the reader of text layers takes them."""
    flags = pymupdf.TEXTFLAGS_RAWDICT & ~pymupdf.TEXT_PRESERVE_IMAGES & ~pymupdf.TEXT_PRESERVE_LIGATURES
    return dict(page.get_text("rawdict", flags=flags))


def hidden_of(page: pymupdf.Page) -> HiddenText:
    """The letters of a page that no reader sees."""
    return find_hidden_text(page, read_layout(page))


def lines_of(layout: dict[str, Any]) -> list[str]:
    """Its lines that are not empty."""
    lines = [line for block in layout["blocks"] for line in block["lines"]]
    texts = ("".join(character["c"] for span in line["spans"] for character in span["chars"]) for line in lines)
    return [text.strip() for text in texts if text.strip()]


def seen_lines(page: pymupdf.Page) -> list[str]:
    """The rest of a page's lines without hidden text."""
    layout = layout_of(page)
    hidden_of(page).remove_from(layout)
    return lines_of(layout)


def spots(seed: int) -> list[Spot]:
    """Places for words in the middle of the page."""
    drawn = random.Random(seed)
    count = DRAWN_EACH * len(TURNS)
    return [
        Spot(drawn.choice(WORDS), drawn.randint(80, 400), drawn.randint(150, 600), drawn.choice([7, 10, 14, 24]))
        for _ in range(count)
    ]


@pytest.mark.parametrize("kind", SEEN)
def test_what_a_reader_sees_is_kept(kind: str, tmp_path: Path) -> None:
    """Visible text is never hidden, whatever lies under it or over it, however the page is turned and cut.

    No false alarm in 33 kinds, each drawn 16 times.
    """
    for number, spot in enumerate(spots(1)):
        page = draw(tmp_path / "page.pdf", SEEN[kind](spot), TURNS[number % len(TURNS)])
        found = hidden_of(page)

        assert found.reasons == frozenset(), (spot, found)
        assert spot.word in seen_lines(page), spot


@pytest.mark.parametrize("kind", HIDDEN)
def test_what_no_reader_sees_is_left_out(kind: str, tmp_path: Path) -> None:
    """Hidden text is found with its reason, and nothing of the line beside it.

    All of 20 kinds, each drawn 16 times.
    """
    reason, draw_hidden = HIDDEN[kind]
    for number, spot in enumerate(spots(2)):
        kept = Spot("visible line", 100, 700, 12).text()
        is_last = kind != "under a white picture as large as the page"
        content = draw_hidden(spot) + "0 Tr " + kept if is_last else draw_hidden(spot)
        page = draw(tmp_path / "page.pdf", content, TURNS[number % len(TURNS)])
        lines = seen_lines(page)

        assert hidden_of(page).reasons == {reason}, spot
        assert [line for line in lines if line in WORDS] == [], spot
        assert ("visible line" in lines) == is_last


@pytest.mark.parametrize("kind", HIDDEN)
def test_the_cheap_look_leaves_hidden_text_to_the_close_one(kind: str, tmp_path: Path) -> None:
    """No page with hidden text passes for one on which all is plainly seen."""
    for number, spot in enumerate(spots(3)[: len(TURNS)]):
        page = draw(tmp_path / "page.pdf", HIDDEN[kind][1](spot), TURNS[number % len(TURNS)])

        assert not passes_for_seen(page), spot


@pytest.mark.parametrize("apart", [0.1, 0.7])
def test_the_cheap_look_leaves_lines_drawn_twice_to_the_close_one(apart: float, tmp_path: Path) -> None:
    """Nor does one with a line drawn twice, or a syllable within a line."""
    assert not passes_for_seen(draw(tmp_path / "page.pdf", line("ferry", 500) + line("ferry", 500 + apart)))
    back = f"BT /F 12 Tf 72 500 Td [(fe) {834 - 1000 * apart / 12} (fe)] TJ ET "
    assert not passes_for_seen(draw(tmp_path / "page.pdf", back))


def test_the_cheap_look_passes_common_pages(tmp_path: Path) -> None:
    """Pages on which nothing is in doubt need no close look, be they turned, ruled, shaded or clipped."""
    common = ("plain", "black on a grey cell", "under a frame", "outlined", "in a group of half opacity")
    for kind in common:
        for number, spot in enumerate(spots(4)[: len(TURNS)]):
            text = SEEN[kind](spot) + line("visible line", 700) + line("and another one, full of llllamas", 686)
            assert passes_for_seen(draw(tmp_path / "page.pdf", text, TURNS[number])), (kind, spot)


def test_the_cheap_look_passes_lines_that_meet_if_no_letter_is_there_twice(tmp_path: Path) -> None:
    """Lines over each other need a close look only if a letter of one lies nearly on the same letter of the other."""
    assert passes_for_seen(draw(tmp_path / "page.pdf", line("ferry", 500) + line("boats", 501)))
    assert not passes_for_seen(draw(tmp_path / "page.pdf", line("ferry", 500) + line("ferry", 501)))


def passes_for_seen(page: pymupdf.Page) -> bool:
    shown = tuple((page.rect * before_rotation(page)).normalize())
    return is_plainly_seen(read_layout(page), read_drawing_log(page), shown)


@needs_cases
@pytest.mark.parametrize(("number", "reason"), [(11, Reason.RENDER_MODE), (13, Reason.OPACITY), (14, Reason.COVERED)])
def test_reported_hidden_lines_are_left_out(number: int, reason: Reason) -> None:
    """The hidden lines of the reported files are found; the visible ones are those of the file without them."""
    (path,) = (CASES / "pages").glob(f"{number}-*.pdf")
    with pymupdf.open(path) as document:
        everything = lines_of(layout_of(document[0]))
        lines = seen_lines(document[0])

        assert hidden_of(document[0]).reasons == {reason}
        assert lines == [line for line in everything if "ZEBRA" not in line]
        assert len(everything) - len(lines) == 2


def test_no_blank_is_forgotten() -> None:
    """The blanks are those of all Unicode; only the part that has some is searched at the start."""
    assert _BLANKS == tuple(code for code in range(sys.maxunicode + 1) if chr(code).isspace())


def test_new_words_over_old_ones_are_told_apart(tmp_path: Path) -> None:
    """Of a word painted over and written again at the same place, the new one is kept and the old one left out."""
    spot = Spot("ferry", 72, 500, 12)
    page = draw(tmp_path / "page.pdf", f"{spot.text()} 1 g {spot.box()} f " + line("coal", 500))

    assert seen_lines(page) == ["coal"]
    assert hidden_of(page).reasons == {Reason.COVERED}


def test_highlights_and_other_annotations(tmp_path: Path) -> None:
    """A highlight hides nothing; an annotation's filled rectangle does, as it does for whoever looks at the page."""
    page = draw(tmp_path / "page.pdf", line("ferry", 500) + line("quay", 400))
    page.add_highlight_annot(page.search_for("ferry"))
    assert sorted(seen_lines(page)) == ["ferry", "quay"]

    cover = page.add_rect_annot(page.search_for("quay")[0])
    cover.set_colors(stroke=(0, 0, 0), fill=(0, 0, 0))
    cover.update()
    assert seen_lines(page) == ["ferry"]
    assert hidden_of(page).reasons == {Reason.COVERED}


def test_form_fields_are_read(tmp_path: Path) -> None:
    """The value of a form field stands on the field's own ground, and is kept."""
    page = draw(tmp_path / "page.pdf", line("ferry", 500))
    field = pymupdf.Widget()
    field.field_name, field.field_type, field.field_value = "f", pymupdf.PDF_WIDGET_TYPE_TEXT, "quay"
    field.rect, field.fill_color, field.text_color = pymupdf.Rect(72, 300, 200, 320), (0, 0, 0.3), (1, 1, 1)
    page.add_widget(field)

    assert sorted(seen_lines(page)) == ["ferry", "quay"]


def test_layers_that_are_off_are_not_in_the_text(tmp_path: Path) -> None:
    """MuPDF leaves out text of an optional-content group that is switched off: there is nothing left to hide."""
    document = pymupdf.open()
    page = document.new_page()
    off, on = document.add_ocg("off", on=False), document.add_ocg("on", on=True)
    page.insert_text((72, 100), "ferry", oc=off)
    page.insert_text((72, 200), "quay", oc=on)
    document.save(tmp_path / "page.pdf")
    page = pymupdf.open(tmp_path / "page.pdf")[0]

    assert lines_of(layout_of(page)) == seen_lines(page) == ["quay"]
    assert hidden_of(page).reasons == frozenset()


def test_text_outside_the_crop_box_is_not_read(tmp_path: Path) -> None:
    """Text beyond the crop box is hidden wherever MuPDF has it, and a letter on its edge is not."""
    page = draw(tmp_path / "page.pdf", line("ferry quay", 500), b"/CropBox [40 300 103 700]")
    found = hidden_of(page)

    assert found.reasons == {Reason.OUTSIDE}
    assert seen_lines(page)[0].startswith("ferry")
    assert not any("ay" in seen for seen in seen_lines(page))


@pytest.mark.parametrize("apart", [0, 0.1, 0.3, 0.7, 1.2])
@pytest.mark.parametrize("drawings", [2, 3])
def test_lines_drawn_twice_are_read_once(apart: float, drawings: int, tmp_path: Path) -> None:
    """Fat type made of shifted copies is read once; MuPDF itself drops only letters that follow their first drawing."""
    text = "will fill iii ... 1,111.11"
    copies = "".join(f"BT /F 12 Tf {72 + number * apart} 500 Td ({text}) Tj ET " for number in range(drawings))
    page = draw(tmp_path / "page.pdf", copies)

    assert lines_of(layout_of(page)) == [text] * drawings
    assert seen_lines(page) == [text]
    assert hidden_of(page).reasons == frozenset()


def test_neighbours_that_are_alike_are_kept(tmp_path: Path) -> None:
    """Two letters of the same kind side by side, however close they are set, are two."""
    page = draw(tmp_path / "page.pdf", "-.9 Tc " + line("ill .... |||| 1111 ssss", 500, 14))

    assert seen_lines(page) == lines_of(layout_of(page))


def test_ligatures_go_as_a_whole(tmp_path: Path) -> None:
    """Both letters of a hidden ligature are hidden: MuPDF puts the second one where the glyph ends."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_font("serif", fontbuffer=pymupdf.Font("tiro").buffer)
    page.insert_text((72, 100), "of\ufb01ce", fontname="serif", color=(1, 1, 1))
    page.insert_text((72, 200), "\ufb01rst", fontname="serif")
    document.save(tmp_path / "page.pdf")
    page = pymupdf.open(tmp_path / "page.pdf")[0]

    assert lines_of(layout_of(page)) == ["office", "first"]
    assert seen_lines(page) == ["first"]


def test_blanks_go_with_their_words(tmp_path: Path) -> None:
    """White space of hidden words is hidden with them, that between visible words is kept."""
    hidden = "BT 3 Tr /F 12 Tf 72 400 Td (no one sees) Tj ET"
    page = draw(tmp_path / "page.pdf", line("ferry and quay", 500) + hidden)
    layout = layout_of(page)

    assert hidden_of(page).remove_from(layout)
    assert [seen for block in layout["blocks"] for row in block["lines"] for seen in row["spans"] if seen["chars"]]
    assert lines_of(layout) == ["ferry and quay"]
    assert (
        sum(len(span["chars"]) for block in layout["blocks"] for row in block["lines"] for span in row["spans"]) == 14
    )


def test_pages_of_100_000_paths_are_bounded(tmp_path: Path) -> None:
    """Later paths than the first 20,000 are not looked at: text under one is in doubt, and kept."""
    paths = "".join(f"{n % 600} {n // 600} 1 1 re f " for n in range(100_000))
    spot = Spot("quay", 72, 700, 12)
    early = draw(tmp_path / "early.pdf", f"0 g {spot.text()}{spot.box()} f " + line("ferry", 720) + ".5 g " + paths)
    late = draw(tmp_path / "late.pdf", spot.text() + ".5 g " + paths + f"0 g {spot.box()} f ")
    log = read_drawing_log(late)

    assert seen_lines(early) == ["ferry"]
    assert seen_lines(late) == ["quay"]
    assert not log.whole
    assert len(log.areas) <= 20_000


@pytest.mark.parametrize("kind", ["render mode 3", "opacity 0", "white on white", "under a white bar"])
@pytest.mark.parametrize("turn", TURNS)
def test_hidden_text_is_left_out_of_the_markdown_and_flagged(kind: str, turn: bytes, tmp_path: Path) -> None:
    """The Markdown is that of the page without the hidden words, and so are the words that it is measured against."""
    spot = Spot("ferry", 100, 400, 12)
    rest = line("The coal for the harbour office came", 500) + line("late and the bell was never heard.", 486)
    page = draw(tmp_path / "page.pdf", HIDDEN[kind][1](spot) + rest, turn)
    clean = draw(tmp_path / "clean.pdf", rest, turn)
    text = read_text_layer(page.parent, 0, right_to_left=False)
    expected = read_text_layer(clean.parent, 0, right_to_left=False)

    assert text.notes == ("hidden_text",)
    assert expected.notes == ()
    assert text.markdown == expected.markdown
    assert [block for block in text.blocks if block.start < block.end] == list(expected.blocks)
    assert visible_words(page, hidden_of(page)) == visible_words(clean, NOTHING_HIDDEN)


@needs_cases
@pytest.mark.parametrize("number", [11, 13, 14])
def test_reported_pages_are_flagged(number: int) -> None:
    """The reported pages are flagged, and nothing of their hidden lines is in the Markdown."""
    (path,) = (CASES / "pages").glob(f"{number}-*.pdf")
    with pymupdf.open(path) as document:
        text = read_text_layer(document, 0, right_to_left=False)

    assert text.notes == ("hidden_text",)
    assert "ZEBRA" not in text.markdown


@needs_corpus
@pytest.mark.parametrize("name", SAMPLED)
def test_nothing_seen_on_real_pages_is_hidden(name: str) -> None:
    """On real pages that are read from their layer no letter is hidden in whose box an edge is seen.

    Of 155 such pages, up to 25 of each document of the corpus, none had a letter hidden at all.
    """
    with pymupdf.open(CORPUS / name) as document:
        for index in random.Random(name).sample(range(len(document)), min(2, len(document))):
            page = document[index]
            geometry = displayed_geometry(page)
            features = inspect_page(page, render_thumbnail(page, geometry))
            if decide(features, RoutingSettings(), geometry).route is Route.TEXT_LAYER:
                hidden = hidden_of(page)
                letters = [
                    character
                    for row in (row for block in layout_of(page)["blocks"] for row in block["lines"])
                    for character in (character for span in row["spans"] for character in span["chars"])
                    if hidden.hides(character["origin"][0], character["origin"][1], character["c"])
                    and not character["c"].isspace()
                ]
                assert [letter["c"] for letter in letters if shows_ink(page, letter["bbox"])] == []


def shows_ink(page: pymupdf.Page, box: tuple[float, float, float, float]) -> bool:
    """Tell if the middle of a box is not of one colour."""
    shown = pymupdf.Rect(box) * page.rotation_matrix
    margin_x, margin_y = 0.2 * shown.width, 0.2 * shown.height
    middle = shown + (margin_x, margin_y, -margin_x, -margin_y)
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(4, 4), clip=middle, colorspace=pymupdf.csGRAY).samples
    return bool(max(pixels) - min(pixels) > 16)
