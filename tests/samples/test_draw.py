"""The sample documents show what the demo promises to show."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image

from samples import prose
from samples.draw import ENCRYPTED_PASSWORD, draw_all

REPOSITORY = Path(__file__).parents[2]
SAMPLES = REPOSITORY / "samples"
DRAWN = {
    "blank.pdf",
    "cjk.pdf",
    "copy_of_text.pdf",
    "damaged.pdf",
    "encrypted.pdf",
    "garbled.pdf",
    "messages.pdf",
    "photo.png",
    "reports.zip",
    "rotated.pdf",
    "scan.pdf",
    "table.pdf",
    "text.pdf",
    "two_columns.pdf",
}
TOTAL_BYTES = 600_000


def words(parts: prose.Parts) -> str:
    """The parts as one line."""
    return " ".join(" ".join(text for _, text in parts).split())


def text_of(page: pymupdf.Page) -> str:
    """The text layer of a page as one line."""
    return " ".join(page.get_text().split())


def contents(folder: Path) -> dict[str, bytes]:
    """The files that the script draws, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name in DRAWN}


def test_drawing_again_changes_nothing(tmp_path: Path) -> None:
    """Two processes that draw into one folder leave the same bytes."""
    draw_all(tmp_path)
    first = contents(tmp_path)
    subprocess.run([sys.executable, "-m", "samples.draw", str(tmp_path)], cwd=REPOSITORY, check=True)

    assert contents(tmp_path) == first
    assert {path.name for path in tmp_path.iterdir()} == DRAWN


def test_two_drawings_agree(tmp_path: Path) -> None:
    """Into two folders the script draws the same bytes, but for the salts of the encrypted file."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        draw_all(folder)
    first, second = contents(one), contents(two)

    assert {name for name in DRAWN if first[name] != second[name]} <= {"encrypted.pdf"}


def test_the_samples_are_those_the_script_draws(tmp_path: Path) -> None:
    """The files beside the script are its own, whatever libraries drew them: same names, same pages, same words."""
    draw_all(tmp_path)

    assert contents(SAMPLES).keys() == DRAWN
    assert sum(map(len, contents(SAMPLES).values())) < TOTAL_BYTES
    for name in DRAWN - {"damaged.pdf", "encrypted.pdf", "photo.png", "reports.zip"}:
        with pymupdf.open(SAMPLES / name) as kept, pymupdf.open(tmp_path / name) as drawn:
            assert [page.get_text() for page in kept] == [page.get_text() for page in drawn], name


def test_the_text_sample_is_prose_with_a_link() -> None:
    """Two pages of text hold every word in order, and one link."""
    with pymupdf.open(SAMPLES / "text.pdf") as document:
        assert [text_of(page) for page in document] == [words(parts) for parts in prose.TIDE_MILL]
        assert [link["uri"] for link in document[1].get_links()] == ["https://example.org/tide-mills"]


def test_a_copy_has_the_same_bytes() -> None:
    """One document lies there under two names."""
    assert (SAMPLES / "copy_of_text.pdf").read_bytes() == (SAMPLES / "text.pdf").read_bytes()


def test_columns_do_not_touch() -> None:
    """A white gap runs down the middle of the page below its title, with words on both sides."""
    with pymupdf.open(SAMPLES / "two_columns.pdf") as document:
        boxes = [box for *box, text, _, _ in document[0].get_text("blocks") if "Marlow" not in text][1:]

    assert all(x1 < 306 or x0 > 306 for x0, _, x1, _ in boxes)
    assert any(x1 < 306 for _, _, x1, _ in boxes)
    assert any(x0 > 306 for x0, *_ in boxes)


def test_the_table_is_a_table() -> None:
    """The rules and words make up the rows that were meant."""
    with pymupdf.open(SAMPLES / "table.pdf") as document:
        page = document[0]
        [table] = page.find_tables().tables
        cells = [tuple(page.get_textbox(cell).strip() for cell in row.cells) for row in table.rows]

    assert tuple(cells) == prose.RAINFALL


def test_the_scan_is_a_noisy_image_alone() -> None:
    """The scan has no text layer; its paper is grey and grainy and its ink dark."""
    with pymupdf.open(SAMPLES / "scan.pdf") as document:
        page = document[0]
        assert page.get_text() == ""
        [(xref, *_)] = page.get_images()
        image = np.asarray(Image.open(io.BytesIO(document.extract_image(xref)["image"])))

    assert image.ndim == 2
    assert 3 < image[-200:].std() < 20
    assert image.min() < 80


def test_chinese_and_japanese_are_text() -> None:
    """Both scripts are in the text layer, character by character."""
    with pymupdf.open(SAMPLES / "cjk.pdf") as document:
        found = "".join(document[0].get_text().split())

    assert found == "".join(text for _, text in prose.TEA)


def test_the_rotated_page_is_read_upright() -> None:
    """The page is stored as portrait and shown as landscape, its lines from left to right."""
    with pymupdf.open(SAMPLES / "rotated.pdf") as document:
        page = document[0]
        [title] = page.search_for("Notice to Boat Owners")
        shown = title * page.rotation_matrix

        assert page.rotation == 90
        assert shown.width > 3 * shown.height
        assert shown.y1 < page.rect.height / 3


def test_the_middle_page_is_blank() -> None:
    """A blank page stands between two pages of text."""
    with pymupdf.open(SAMPLES / "blank.pdf") as document:
        assert [len(page.get_bboxlog()) > 0 for page in document] == [True, False, True]


def test_the_encrypted_sample_needs_its_password() -> None:
    """The encrypted sample opens with its password alone, to two pages."""
    with pymupdf.open(SAMPLES / "encrypted.pdf") as document:
        assert document.is_encrypted
        assert document.authenticate(ENCRYPTED_PASSWORD)
        assert [text_of(page) for page in document] == [words(parts) for parts in prose.MINUTES]


def test_the_damaged_sample_has_no_pages() -> None:
    """MuPDF opens it after repair and finds nothing in it."""
    pymupdf.TOOLS.mupdf_display_errors(False)
    with pymupdf.open(SAMPLES / "damaged.pdf") as document:
        assert document.is_repaired
        assert document.page_count == 0


def test_the_garbled_layer_is_shifted_and_the_page_is_not(tmp_path: Path) -> None:
    """Shifted back by one letter the layer is the prose; the page looks as if drawn without the shift."""
    back = str.maketrans(
        "".join(map(chr, [*range(65, 91), *range(97, 123)])),
        "BCDEFGHIJKLMNOPQRSTUVWXYZAbcdefghijklmnopqrstuvwxyza",
    )
    with pymupdf.open(SAMPLES / "garbled.pdf") as document:
        garbled = text_of(document[0])
        shown = document[0].get_pixmap().samples
        for xref, *_ in document[0].get_fonts():
            document.xref_set_key(xref, "ToUnicode", "null")
        with pymupdf.open(stream=document.tobytes()) as honest:
            assert text_of(honest[0]) == words(prose.LIGHTHOUSE)
            assert honest[0].get_pixmap().samples == shown

    assert garbled != words(prose.LIGHTHOUSE)
    assert garbled.translate(back) == words(prose.LIGHTHOUSE)


def test_the_archive_holds_two_documents_of_one_name() -> None:
    """Two folders in the archive hold a report each, and the reports differ."""
    with zipfile.ZipFile(SAMPLES / "reports.zip") as archive:
        texts = {name: pymupdf.open(stream=archive.read(name))[0].get_text() for name in archive.namelist()}

    assert set(texts) == {"north/report.pdf", "south/report.pdf"}
    assert "North Station" in texts["north/report.pdf"]
    assert "South Station" in texts["south/report.pdf"]


@pytest.mark.slow
def test_scan_and_photo_can_be_read() -> None:
    """The embedded OCR finds the words of the scanned letter and of the painted sign."""
    from rapidocr import RapidOCR

    reader = RapidOCR()
    with pymupdf.open(SAMPLES / "scan.pdf") as document:
        letter = document[0].get_pixmap(dpi=144).tobytes("png")
    scanned, sign = reader(letter), reader((SAMPLES / "photo.png").read_bytes())

    assert "drawings of the clock tower" in " ".join(scanned.txts)
    assert [line for line, _ in prose.SIGN] == list(sign.txts)
