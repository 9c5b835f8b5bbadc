"""Functions for one page: bytes in, record out, and the same as in a run."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pdfs import encrypted_pdf, mixed_pdf, scan_pdf, text_pdf

import ocrmill


def test_a_page_goes_through_the_functions(tmp_path: Path) -> None:
    """Bytes of a document give a picture in the asked size, features, a route and text; Reason names what is wrong."""
    text = text_pdf(tmp_path / "text.pdf", pages=2).read_bytes()
    scan = scan_pdf(tmp_path / "scan.pdf").read_bytes()
    image = ocrmill.render_page(text, 2, dpi=72)
    inspected = ocrmill.inspect_page(text, 2)

    assert ocrmill.count_pages(text) == 2
    assert image.pixels.shape == (image.geometry.height_px, image.geometry.width_px, 3)
    assert image.pixels.dtype == np.uint8
    assert abs(image.geometry.width_px - image.geometry.width_pt) <= 1
    assert max(ocrmill.render_page(text, dpi=600, max_side_px=300).pixels.shape) <= 301
    assert (inspected.page_number, inspected.page_count) == (2, 2)
    assert inspected.features.script == "latin"
    assert ocrmill.route_page(inspected) == ocrmill.RouteDecision(ocrmill.Route.TEXT_LAYER, "good_text")
    assert ocrmill.route_page(ocrmill.inspect_page(scan)).route is ocrmill.Route.OCR
    assert inspected.layer_text.split()[0] in ocrmill.read_text_layer(text, 2).markdown


def test_page_functions_say_what_is_wrong(tmp_path: Path) -> None:
    """A page that cannot be read is a PageError with its Reason, a wrong argument a UsageError."""
    text = text_pdf(tmp_path / "text.pdf", pages=2).read_bytes()
    secret = encrypted_pdf(tmp_path / "secret.pdf", "open sesame").read_bytes()

    for document, reason in ((b"", "empty_file"), (b"hello", "unsupported_type"), (secret, "password_required")):
        with pytest.raises(ocrmill.PageError) as error:
            ocrmill.render_page(document)
        assert error.value.reason == ocrmill.Reason(reason)
    assert ocrmill.count_pages(secret, password="open sesame") == 2
    wrong_arguments: list[dict[str, Any]] = [
        {"page_number": 3},
        {"page_number": 0},
        {"dpi": 0},
        {"dpi": 601},
        {"max_side_px": 10},
    ]
    for wrong in wrong_arguments:
        with pytest.raises(ocrmill.UsageError, match=r"out of range|there is no page"):
            ocrmill.render_page(text, **wrong)


def test_page_functions_and_a_run_agree(tmp_path: Path) -> None:
    """Routes and Markdown from the functions are those in the rows of a run over the same document."""
    path = mixed_pdf(tmp_path / "mixed.pdf")
    data = path.read_bytes()
    ocrmill.run(path, tmp_path / "out", use_ray=False)
    rows = ocrmill.open_output(tmp_path / "out").pages.to_arrow().to_pylist()

    for row in rows:
        decision = ocrmill.route_page(ocrmill.inspect_page(data, row["page_number"]))
        assert (decision.route, decision.reason) == (row["route"], row["route_reason"])
        if row["status"] == "text_layer":
            assert ocrmill.read_text_layer(data, row["page_number"]).markdown == row["markdown"]
            assert ocrmill.measure_repetition(row["markdown"]).longest_run == row["longest_run"]
            assert list(ocrmill.flag_text(row["markdown"])) == row["flags"]
    assert {"text_layer", "ocr"} <= {row["route"] for row in rows}


def test_page_functions_leave_pymupdf_as_it_was(tmp_path: Path) -> None:
    """A program may import PyMuPDF's layout library afterwards, and its messages are shown or not as before."""
    path = text_pdf(tmp_path / "text.pdf")
    program = f"""
import ocrmill
data = open({str(path)!r}, "rb").read()
ocrmill.inspect_page(data)
import pymupdf
pymupdf.TOOLS.mupdf_display_errors(True); pymupdf.TOOLS.mupdf_display_warnings(True)
ocrmill.inspect_page(data)
assert pymupdf.TOOLS.mupdf_display_errors() and pymupdf.TOOLS.mupdf_display_warnings()
import pymupdf4llm
assert len(pymupdf4llm.to_markdown({str(path)!r})) > 100
print("read")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)

    assert done.stdout.endswith("read\n"), done.stderr


def test_page_functions_may_be_called_from_many_threads(tmp_path: Path) -> None:
    """A lock keeps MuPDF to one thread: sixteen calls at once give what one gives."""
    from concurrent.futures import ThreadPoolExecutor

    data = mixed_pdf(tmp_path / "mixed.pdf").read_bytes()
    expected = ocrmill.inspect_page(data)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: ocrmill.inspect_page(data), range(16)))

    assert found == [expected] * 16


def test_model_output_becomes_markdown_with_boxes() -> None:
    """Boxes on the model's grid of 999 come out in points of the page; text flags are those of rows."""
    raw = "<|ref|>sub_title<|/ref|><|det|>[[0, 0, 999, 111]]<|/det|>\n## Method\n"
    parsed = ocrmill.parse_markdown(raw, width_pt=600, height_pt=900)

    assert (parsed.markdown, parsed.raw) == ("## Method", raw)
    assert parsed.blocks == (ocrmill.Block("heading", 0, 0, 600, 100, 0, 9),)
    looped = "the same sentence comes again and again. " * 400
    assert ocrmill.flag_text("An honest sentence.") == ()
    assert "repetition" in ocrmill.flag_text(looped)
    assert "truncated" in ocrmill.flag_text("An honest sent", finish_reason="length")
    assert ocrmill.measure_repetition(looped).repetition_period == 41
