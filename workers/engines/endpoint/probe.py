"""A page of known text, sent before the first page: a wrong profile gives HTTP 200 and a bad page, without an error.

A server ignores fields that it does not know, a template may lose the image, special tokens may be left out of the
answer: each shows only in what is read. So a page with twelve words is sent, and most of them have to come back.
"""

import re

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocrmill.configs.profiles.profile import ImageFormat, Profile
from ocrmill.pipeline.records import PageGeometry
from ocrmill.workers.engines.endpoint.answer import ModelOutput
from ocrmill.workers.rendering.encoded_page import EncodedPage, encode

WORDS = ("harbour", "lantern", "seven", "copper", "meadow", "whistle", "orchard", "granite", "velvet", "compass")
NUMBERS = ("4711", "2026")
_LINES = (
    "The harbour has a lantern",
    "and seven copper bells.",
    "In the meadow a whistle",
    "was heard by the orchard.",
    "Granite, velvet, compass:",
    "number 4711 of the year 2026.",
)
_LEAST = 0.6  # of the words; models of one's own may have trouble with a numeral
WIDTH_PT, HEIGHT_PT = 595, 842


def known_page(image: ImageFormat) -> tuple[EncodedPage, PageGeometry]:
    """Draw the page in the size that the profile says."""
    longest = image.longest_side or round((image.dpi or 0) * HEIGHT_PT / 72)
    width, height = round(longest * WIDTH_PT / HEIGHT_PT), longest
    page = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=width / 18)
    for number, line in enumerate(_LINES):
        draw.text((width / 10, height / 8 + number * width / 10), line, fill=0, font=font)
    encoded = encode(np.asarray(page.convert("RGB")), image)
    geometry = PageGeometry(WIDTH_PT, HEIGHT_PT, 0, encoded.width_px, encoded.height_px, 72 * width / WIDTH_PT)
    return encoded, geometry


def share_read(markdown: str) -> float:
    """Return the share of the known words that a text has."""
    found = set(re.findall(r"\w+", markdown.lower()))
    known = (*WORDS, *NUMBERS)
    return sum(word in found for word in known) / len(known)


def complaint(profile: Profile, written: ModelOutput, markdown: str, why: str = "") -> str | None:
    """Return what is wrong with a profile that did not read the known page; None if it did."""
    if share_read(markdown) >= _LEAST:
        return None
    shown = " ".join(written.text.split())[:120]
    return (
        f"a page of known text was sent with the profile {profile.name}, and "
        f"{'what came back is ' + repr(shown) if shown else 'nothing came back'}{why}. {_suspicion(profile, written)} "
        "To go on all the same: --set engine.endpoint.check_page=false"
    )


def _suspicion(profile: Profile, written: ModelOutput) -> str:
    """Name the field of the profile, or the flag of the server, that explains what came."""
    text = written.text.strip()
    if not text and written.reasoning:
        return (
            "The model thinks instead of answering: switch that off in the profile, as in "
            "extra.vllm.chat_template_kwargs = { enable_thinking = false }."
        )
    if not text and profile.output.form in {"ref_det", "doctags"}:
        return "Its answers consist of special tokens: extra.vllm.skip_special_tokens = false has to reach the server."
    if not text:
        return (
            "Suspect `order`, `prompt` (a literal image token may be missing) and the server's "
            "--chat-template-content-format."
        )
    if len(set(text)) == 1:
        return (
            "One character again and again comes from a wrong number format or version of the server, not the profile."
        )
    if share_read(written.text) >= _LEAST:
        return f"The words are there, but not in the form {profile.output.form}: suspect `prompt` and `output.form`."
    return (
        "The image may not have reached the model: suspect `order`, `prompt`, the server's chat template, and if the "
        "model that is served is the one that the profile is for."
    )
