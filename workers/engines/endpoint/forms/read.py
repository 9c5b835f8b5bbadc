"""Read an answer by the form that its profile names."""

import re

from ocrmill.configs.profiles.profile import Output
from ocrmill.pipeline.records import PageGeometry
from ocrmill.workers.engines.deepseek_ocr2.markdown import to_markdown
from ocrmill.workers.engines.endpoint.forms.doctags import read_doctags
from ocrmill.workers.engines.endpoint.forms.html_layout import read_html
from ocrmill.workers.engines.endpoint.forms.json_layout import read_json_layout
from ocrmill.workers.engines.endpoint.forms.marked_text import (
    read_front_matter,
    read_markdown,
    with_dollars,
    without_fence,
)
from ocrmill.workers.engines.endpoint.forms.parts import Parsed

# Unlimited-OCR writes label and box in one tag, DeepSeek-OCR in two.
_LABEL_IN_DET = re.compile(
    r"<\|det\|>\s*([A-Za-z][A-Za-z_-]{0,31})\s*(\[\s*\d{1,4}(?:\s*,\s*\d{1,4}){3}\s*\])\s*<\|/det\|>"
)
_TO_DOLLAR = re.compile(r"\\\$")


def read_answer(text: str, output: Output, geometry: PageGeometry, *, is_cut_off: bool = False) -> Parsed:
    """Return the Markdown and the blocks of an answer.

    Args:
        text: The answer as it came.
        output: Its form, by the profile.
        geometry: The page, and the size of its image as it was sent.
        is_cut_off: The model did not end it: it reached its limit, or was stopped in a loop.

    Raises:
        MalformedOutputError: it is not of that form.
    """
    if "fence" in output.clean:
        text = without_fence(text)
    if "escaped_dollars" in output.clean:
        text = _TO_DOLLAR.sub("$", text)
    if "latex_delimiters" in output.clean:
        text = with_dollars(text)
    grid, dropped = output.grid, output.drop_labels
    match output.form:
        case "markdown":
            return read_markdown(text, geometry, grid, dropped)
        case "front_matter":
            return read_front_matter(text, geometry, grid, is_cut_off=is_cut_off)
        case "html":
            return read_html(text, geometry, grid, dropped)
        case "json_layout":
            return read_json_layout(text, geometry, grid, dropped, is_cut_off=is_cut_off)
        case "doctags":
            return read_doctags(text, geometry, grid, dropped, is_cut_off=is_cut_off)
        case "ref_det":
            paired = _LABEL_IN_DET.sub(r"<|ref|>\1<|/ref|><|det|>[\2]<|/det|>", text)
            return Parsed(*to_markdown(paired, geometry))
