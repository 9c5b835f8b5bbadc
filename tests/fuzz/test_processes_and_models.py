"""Replies of rendering processes, texts of any length, configs and names of tensors: what foreign programs say."""

import json
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import astuple
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzing import NESTED, altered, damaged, ending_quickly, fuzz
from hypothesis import example, given
from hypothesis import strategies as st

from ocrmill.configs.settings import QualitySettings, RasterSettings, RoutingSettings
from ocrmill.model_adapter.checkpoint.published_config import ModelSize, published_config
from ocrmill.model_adapter.checkpoint.weight_names import WeightNamesError, check_names, to_ours
from ocrmill.model_adapter.vision.config import EncoderConfig
from ocrmill.pipeline.pages.text_statistics import measure_text
from ocrmill.pipeline.printable import printable, printable_line
from ocrmill.pipeline.quality.agreement.trigrams import text_layer_agreement
from ocrmill.pipeline.quality.flags import judge
from ocrmill.pipeline.quality.repetition.measures import measure_repetition
from ocrmill.pipeline.records import FailedPage, Failure, PageGeometry, PageResult
from ocrmill.pipeline.text.layer.page_words import clean_text
from ocrmill.workers.engines.deepseek_ocr2.markdown import to_markdown
from ocrmill.workers.rendering.process import RenderProcess
from ocrmill.workers.rendering.protocol import ChildSettings, OpenReply

GEOMETRY_REPLY = {"width_pt": 612.0, "height_pt": 792.0, "rotation": 0, "width_px": 4, "height_px": 5, "dpi": 144.0}
PAGE = {
    "page_number": 1,
    "geometry": GEOMETRY_REPLY,
    "decision": {"route": "ocr", "reason": "no_text_layer"},
    "renderer": "mupdf",
    "layer_text": "some text",
    "layer_lines": [{"text": "some text", "x0": 1.0, "y0": 2.0, "x1": 30.0, "y1": 12.0}],
    "render_ms": 1.5,
    "image_bytes": 60,
    "kind": "rendered",
}
READ = PAGE | {
    "kind": "text_layer",
    "decision": {"route": "text_layer", "reason": "good"},
    "text": {
        "markdown": "a b",
        "blocks": [{"label": "text", "x0": 0, "y0": 0, "x1": 9, "y1": 9, "start": 0, "end": 3}],
    },
}
OPENED = {"page_count": 3, "password": None, "title": "A title", "producer": None, "detail": None}
WIDE = [
    GEOMETRY_REPLY | {"width_px": width, "height_px": height}
    for width, height in ((-1, -9), (0, 5), (1 << 40, 1 << 40))
]


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("document") / "a.pdf"
    path.write_bytes(b"%PDF-")
    return path


class Impostor(RenderProcess):
    """A rendering process taken over by a document: it says what the test says."""

    def __init__(self, reply: bytes) -> None:
        super().__init__("mupdf", ChildSettings(RasterSettings(max_side_px=256), RoutingSettings()))
        self._process = subprocess.Popen(["sleep", "60"])  # type: ignore[assignment] # also killed and waited for
        self._connection, self._theirs = Pipe()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._theirs.send_bytes(reply)

    def close(self) -> None:
        super().close()
        self._theirs.close()


@fuzz(150)
@given(altered(PAGE).map(dumped) | altered(READ).map(dumped) | damaged([dumped(PAGE), dumped(READ)]))
@example(dumped(PAGE | {"geometry": None}))
@example(dumped(PAGE | {"geometry": WIDE[0]}))
@example(dumped(PAGE | {"geometry": WIDE[1]}))
@example(dumped(PAGE | {"geometry": WIDE[2]}))
@example(dumped(PAGE | {"page_number": 2}))
@example(dumped(PAGE | {"render_ms": float("nan")}))
@example(NESTED)
def test_no_reply_harms_whoever_asked_for_a_page(document: Path, reply: bytes) -> None:
    """Whatever a rendering process answers, it is the page that was asked for, or an error of that page."""
    with Impostor(reply) as process, ending_quickly():
        page, image = process.read(str(document), None, 1)

        assert 1 == page.page_number
        assert isinstance(page, PageResult)
        if image is not None:
            assert isinstance(image, np.ndarray)  # views are for settings with `max_tiles`
            assert (3, 3, np.dtype(np.uint8)) == (image.ndim, image.shape[2], image.dtype)
        numbers = [page.render_ms, *(() if isinstance(page, FailedPage) else astuple(page.geometry))]
        assert np.isfinite(numbers).all()


@fuzz(100)
@given(altered(OPENED).map(dumped) | damaged([dumped(OPENED)]))
@example(dumped(OPENED | {"page_count": 1 << 40}))
def test_no_reply_harms_whoever_opened_a_document(document: Path, reply: bytes) -> None:
    """Whatever is answered on opening, it is a number of pages that a column holds, or an error of the document."""
    with Impostor(reply) as process, ending_quickly():
        opened = process.open(str(document), ())

        assert isinstance(opened, OpenReply)
        assert isinstance(opened, Failure) or abs(opened.page_count) < 1 << 31


GEOMETRY = PageGeometry(width_pt=612, height_pt=792, rotation=0, width_px=1224, height_px=1584, dpi=144)
TAGS = ["<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "[[1, 2, 3, 4]]", "[", "[[", "<|", "<｜", "｜>"]
SIGNS = ["9", "```", "\n", " ", "\\", "\\(", "<table>", "<td></td>", "|", "#", "$$", "-", "\t", "\0"]
WORDS = ["a", "ab ", "\u8ad6", "\u0301", "\ufb01"]
any_units = st.sampled_from([*TAGS, *SIGNS, *WORDS]) | st.text(st.characters(exclude_categories=()), max_size=4)
units = st.lists(any_units, min_size=1, max_size=6).map("".join)


@fuzz(40)
@given(st.lists(st.tuples(units, st.integers(1, 4000)), min_size=1, max_size=3))
@example([("<|ref|>", 20_000)])
@example([("<|det|>[[1,", 20_000)])
@example([("```\n", 20_000), ("\\", 20_000)])
def test_long_text_is_read_and_measured_quickly(parts: list[tuple[str, int]]) -> None:
    """Model text or a text layer of a page's length, however it repeats, costs no more than moments."""
    text = "".join(unit * times for unit, times in parts)[:120_000]
    with ending_quickly():
        markdown, blocks = to_markdown(text, GEOMETRY)
        judge(measure_repetition(markdown), text_chars=len(markdown), finish_reason=None, settings=QualitySettings())
        cleaned = clean_text(text)
        measure_text(cleaned)
        text_layer_agreement(markdown, cleaned)
        printable(text).encode()

    assert all(0 <= block.start <= block.end <= len(markdown) for block in blocks)
    assert len(printable_line(text, 80)) <= 80


CONFIG = published_config(ModelSize.TINY)
SAM = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "downsample_channels": [32, 64]}
FLOW = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1}
NATIVE = {
    "vision_config": {"sam_config": SAM, "encoder_config": FLOW | {"intermediate_size": 8}},
    "text_config": {"hidden_size": 64},
}


@fuzz(200)
@given(altered(CONFIG) | altered(NATIVE))
def test_no_config_raises_anything_but_a_value_error(config: Any) -> None:
    """A checkpoint's config.json gives sizes, or a ValueError that says what is wrong with it."""
    with suppress(ValueError), ending_quickly():
        assert EncoderConfig.from_hf(config).embedding_width > 0


pieces = st.sampled_from(["model.", "layers.", "sam_model.", "experts.", "0.", "weight"]) | st.text(max_size=9)


@fuzz(100)
@given(st.lists(pieces, max_size=6).map("".join))
def test_any_name_of_a_tensor_is_known_or_refused(name: str) -> None:
    """Any text is the name of one of our tensors, of one that nothing needs, or a WeightNamesError."""
    with suppress(WeightNamesError):
        assert to_ours(name) != ""
    with suppress(WeightNamesError):
        check_names([name], ["language_model.lm_head.weight"])
