"""Characters of a page become words with their type and their place above or below the line."""

import pymupdf

from ocrmill.pipeline.quality.faithful_text import read_faithfully
from ocrmill.pipeline.text.layer.page_words import planes_of, read_layout, read_planes
from ocrmill.pipeline.text.words import Rise


def test_a_raised_number_is_a_superscript_in_type_that_is_hardly_smaller() -> None:
    """A mark at 0.9 of the type, as WeasyPrint sets it, is no digit of the number before it; old-style digits are."""
    document = pymupdf.open()
    page = document.new_page()
    for baseline, rise in ((100, 4.5), (140, 0.4)):
        page.insert_text((72, baseline), "North 12", fontsize=10)
        page.insert_text((72 + pymupdf.get_text_length("North 12", fontsize=10), baseline - rise), "3", fontsize=9)

    (plane,) = read_planes(pymupdf.open(stream=document.tobytes())[0])

    assert [[piece.rise for piece in word.pieces] for word in plane.words] == [
        [Rise.NONE],
        [Rise.NONE, Rise.SUPERSCRIPT],
        [Rise.NONE],
        [Rise.NONE, Rise.NONE],
    ]


def test_an_accent_below_a_wide_letter_parts_no_word() -> None:
    """TeX draws a cedilla under its letter and goes on after the letter; the layer has a blank there, and dotless i."""
    document = pymupdf.open()
    page = document.new_page()
    font = pymupdf.Font("helv")
    writer, left = pymupdf.TextWriter(page.rect), 72.0
    for sign in "LICENC\u00b8A aqu\u0131\u00b4 pˆe":
        shift = 4.0 if sign == "\u00b8" else 0.0
        on_last = {"\u00b8": 13.0, "\u00b4": 5.5}.get(sign, 0.0)
        writer.append((left - on_last + shift, 100), sign, font, 18)
        left += 0.0 if on_last else font.text_length(sign, 18)
    writer.write_text(page)

    read = pymupdf.open(stream=document.tobytes())
    text = read_faithfully(read, 0, right_to_left=False, fast=True)

    assert "C\u00b8 A" in read[0].get_text()
    assert text.markdown == "LICEN\u00c7A aqu\u00ed p\u02c6e"
    assert text.fidelity is not None
    assert (text.fidelity.recall, text.fidelity.precision) == (1.0, 1.0)


def test_the_tick_of_a_check_box_is_no_digit() -> None:
    """A form's box is ticked with the code of a digit in ZapfDingbats; the sign is written, and no number is lost."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((95, 111), "Motor vessel")
    box = pymupdf.Widget()
    box.field_type, box.field_name = pymupdf.PDF_WIDGET_TYPE_CHECKBOX, "motor"
    box.field_value, box.rect = True, pymupdf.Rect(72, 100, 86, 114)
    page.add_widget(box)

    text = read_faithfully(pymupdf.open(stream=document.tobytes()), 0, right_to_left=False, fast=True)

    assert "\u2713" in text.markdown
    assert "3" not in text.markdown
    assert text.fidelity is not None
    assert (text.fidelity.recall, text.fidelity.changed_numbers) == (1.0, 0)


def test_upright_numbers_of_a_vertical_column_stay_whole() -> None:
    """Digits side by side in a column of ideographs are one number, in their place and no sub- or superscript."""
    document = pymupdf.open()
    page = document.new_page()
    font, writer = pymupdf.Font("japan"), pymupdf.TextWriter(page.rect)
    columns = (
        "漁 業 の 記 録 を 見 る",
        "港 の 船 は 12 隻 で す",
        "平 成 30 年 4 月 施 行",
        "海 の 水 は 青 い で す",
    )
    for n, column in enumerate(map(str.split, columns)):
        for row, sign in enumerate(column):
            size = 12 if len(sign) == 1 else 9
            left = 480 - 24 * n + (12 - font.text_length(sign, size)) / 2
            writer.append((left, 100 + 14 * row), sign, font=font, fontsize=size)
    writer.write_text(page)

    (plane,) = read_planes(pymupdf.open(stream=document.tobytes())[0])

    assert [word.text for word in plane.words] == [column.replace(" ", "") for column in columns]
    assert {piece.rise for word in plane.words for piece in word.pieces} == {Rise.NONE}


def test_what_slants_comes_between_no_other_words() -> None:
    """A stamp across the page is read after its text, whose lines stay whole."""
    document = pymupdf.open()
    page = document.new_page()
    for n in range(20):
        page.insert_text((72, 300 + 14 * n), f"row {n} of the book", fontsize=10)
    middle = pymupdf.Point(200, 430)
    page.insert_text(middle, "SECRET", fontsize=60, morph=(middle, pymupdf.Matrix(40)))

    text, stamp = read_planes(pymupdf.open(stream=document.tobytes())[0])

    assert "".join(word.text for word in stamp.words) == "SECRET"
    assert [word.text for word in text.words if word.text.isdecimal()] == [str(n) for n in range(20)]


def test_a_soft_hyphen_within_a_line_is_a_hyphen_if_it_is_drawn() -> None:
    """Many fonts name their only hyphen U+00AD; at the end of a line it may be a typesetter's, and stays what it is."""
    page = pymupdf.open().new_page()
    page.insert_text((72, 100), "the pseudo-Avicenna in the Wert-papier-index, the state-of-the-art har-")
    layout = read_layout(page)
    for character in layout["blocks"][0]["lines"][0]["spans"][0]["chars"]:
        character["c"] = character["c"].replace("-", "\u00ad")

    (plane,) = planes_of(layout, page.rect.width, page.rect.height)

    written = "the pseudo-Avicenna in the Wertpapierindex, the state-of-the-art har\u00ad"
    assert " ".join(word.text for word in plane.words) == written
