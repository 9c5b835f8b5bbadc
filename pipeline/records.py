"""The records that flow through a run. All are frozen; none refers to an open file or a library's object."""

import os
import socket
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

import numpy as np
import numpy.typing as npt

from ocrmill.configs.settings import RouteMode
from ocrmill.pipeline.measures import LayerFidelity, LayerLine, LineDoubts

RGB = npt.NDArray[np.uint8]
"""A page or view as (height, width, 3) uint8, red first."""

_HOST = socket.gethostname()
PICTURE = "picture"  # the label of a block that is cut out as a figure


class Status(StrEnum):
    """Outcomes of a page."""

    OK = "ok"  # read by the engine; with a reason if none of its attempts is good
    REPAIRED = "repaired"  # read well by the engine at a later attempt
    TEXT_LAYER = "text_layer"  # taken from the PDF's own text
    BLANK = "blank"  # nothing on it, or only a picture
    FAILED = "failed"  # see its reason


class Reason(StrEnum):
    """Reasons why a page or a document failed, or what was bad about the first attempt at a page."""

    # documents
    UNREADABLE = "unreadable"  # the bytes cannot be read: permissions, a missing file, an I/O error
    CHANGED = "changed_while_reading"
    EMPTY_FILE = "empty_file"
    UNSUPPORTED_TYPE = "unsupported_type"  # bytes that are neither a PDF nor an image we read
    DAMAGED = "damaged"
    ZERO_PAGES = "zero_pages"
    PASSWORD_REQUIRED = "password_required"  # noqa: S105 - a reason, not a password
    ENCRYPTION_UNSUPPORTED = "encryption_unsupported"
    ARCHIVE_LIMIT = "archive_limit"  # a member too large, or packed suspiciously tight
    OBJECT_LIMIT = "object_limit"  # too large to be downloaded
    # pages, before the engine
    PAGE_DAMAGED = "page_damaged"  # the page cannot be loaded
    RENDER_ERROR = "render_error"
    RENDER_TIMEOUT = "render_timeout"
    RENDER_CRASH = "render_crash"
    RENDER_MEMORY = "render_memory"
    XFA_FORM = "xfa_form"  # a placeholder page of a form that only some viewers build
    UNDECODABLE = "undecodable"  # rendered blank, with decode warnings
    # pages, in the engine
    UNSUPPORTED_SCRIPT = "unsupported_script"  # the engine cannot write what is on it
    EMPTY_OUTPUT = "empty_output"
    MALFORMED_OUTPUT = "malformed_output"  # the answer is not of the form that the profile names
    REFUSED = "refused"  # the model, or a filter of its server, does not read this page
    PICTURE_ONLY = "picture_only"  # of a blank page: no line of text was detected, and the engine wrote nothing
    TRUNCATED = "truncated"
    REPETITION = "repetition"
    DOUBTFUL = "doubtful"  # a flag that the settings have a further attempt for
    ENGINE_ERROR = "engine_error"
    ENGINE_TIMEOUT = "engine_timeout"
    ENGINE_CRASH = "engine_crash"


ENGINE_FAILURES = frozenset({Reason.ENGINE_ERROR, Reason.ENGINE_TIMEOUT, Reason.ENGINE_CRASH})  # whatever the page
RENDER_FAILURES = frozenset({Reason.RENDER_ERROR, Reason.RENDER_TIMEOUT, Reason.RENDER_CRASH, Reason.RENDER_MEMORY})
NOT_READ = ENGINE_FAILURES | RENDER_FAILURES | {Reason.UNREADABLE, Reason.CHANGED}  # they say nothing about the content


class Route(StrEnum):
    """The ways to read a page."""

    TEXT_LAYER = "text_layer"
    OCR = "ocr"
    BLANK = "blank"


@dataclass(frozen=True, slots=True)
class Source:
    """The place where a document was found.

    `uri` is unique and stable: an absolute path, a URL without credentials, or `archive.zip!member/name.pdf`. `version`
    changes whenever the bytes may have changed (size and mtime in nanoseconds; for a member, its CRC and size; for an
    object, its size and entity tag).
    """

    uri: str
    version: str
    bytes: int
    path: str  # of the file to read, the document or its archive: a local path or a URL
    member: str | None = None  # name inside the archive, as the archive spells it
    reason: Reason | None = None  # set if discovery already knows that it cannot be read
    detail: str | None = None
    is_document: bool | None = None  # by the archive's record of its member; None if the name has to tell
    passwords: tuple[str, ...] = field(default=(), repr=False)  # that came with it; tried before those of the settings


@dataclass(frozen=True, slots=True)
class Document:
    """One PDF or image, as it is after opening."""

    document_id: str  # sha256 of its bytes, lower-case hex
    source: Source
    page_count: int
    password: str | None = field(default=None, repr=False)  # the one that opened it
    title: str | None = None
    producer: str | None = None
    renderer: str = "mupdf"  # or pdfium, for what MuPDF cannot open
    reason: Reason | None = None  # why MuPDF could not open it, if PDFium did
    detail: str | None = None  # the library's messages on opening


@dataclass(frozen=True, slots=True)
class UnreadableDocument:
    """A document without a readable page. `document_id` is null if not even its bytes can be read."""

    document_id: str | None
    source: Source
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class PageRange:
    """Some pages of one document, read by one worker in one go."""

    document: Document
    page_numbers: tuple[int, ...]  # ascending, from 1
    rung: int | None = None  # of `engine.tries.rungs`, by which the pages are rendered again
    half: Literal["top", "bottom"] | None = None  # of each page, if not the whole of it is wanted
    queued: float | None = field(default=None, compare=False)  # Unix time
    route: RouteMode | None = None  # instead of that of the settings


@dataclass(frozen=True, slots=True)
class Block:
    """A region of a page. Box in PDF points of the page as displayed, origin top left, y down."""

    label: str  # text, title, list, table, picture, caption, header, footer ... (an open set)
    x0: float
    y0: float
    x1: float
    y1: float
    start: int  # the span of the Markdown that it covers, in characters
    end: int


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture cut out of a page. Box in PDF points of the page as displayed, origin top left, y down."""

    name: str  # block-N.jpg: the N-th block of the page is its own
    x0: float
    y0: float
    x1: float
    y1: float
    jpeg: bytes
    parsed: str | None = None  # what an engine read in it: Markdown, SMILES, a literal; null if it was not asked
    parsed_as: str | None = None  # table, smiles, geometry or text
    parsed_reason: str | None = None  # what is wrong with it: a `Reason`, or `invalid`


@dataclass(frozen=True, slots=True)
class PageFeatures:
    """Features of a page before it is read; the basis of its route. Shares are 0 to 1."""

    characters: int  # of the text layer, white space left out
    words: int  # those of letters only
    unmapped_share: float  # glyphs without a Unicode value
    control_share: float
    private_use_share: float
    vowelless_share: float  # of Latin words of 4 letters or more
    consonant_run_share: float
    stopword_share: float
    one_letter_share: float
    vowel_share: float
    script: str  # of most letters: latin, cyrillic, greek, arabic, hebrew, han, kana, hangul, ... or none
    script_oddness: float  # how unlike its script's ordinary text, by the rule of that script
    invisible_share: float  # of characters drawn invisibly
    image_cover: float  # share of the page covered by images
    ink_share: float  # share of dark or coloured pixels
    uncovered_ink_share: float  # of the outlines seen on the page, those that no text box covers
    inkless_text_share: float  # of the characters, those where nothing is seen


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """A route, and why in one word of a closed set (routing.py)."""

    route: Route
    reason: str


@dataclass(frozen=True, slots=True)
class PageGeometry:
    """A page's size, and its raster's where one was made."""

    width_pt: float  # as displayed: crop box, rotation applied
    height_pt: float
    rotation: int  # 0, 90, 180, 270: what the PDF asks for, already applied to everything else here
    width_px: int = 0
    height_px: int = 0
    dpi: float = 0.0  # what the page was rendered at, after clamping


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page, from its layer or an engine."""

    markdown: str
    raw: str | None = None
    blocks: tuple[Block, ...] = ()
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    visual_tokens: int | None = None
    tile_columns: int | None = None
    tile_rows: int | None = None
    confidence: float | None = None  # mean of the recognizer's over the lines, 0 to 1, where the engine has one
    line_doubts: LineDoubts | None = None  # of an engine that reads line by line
    notes: tuple[str, ...] = ()  # flags that the reader raises itself, of text that it left out or is unsure of
    fidelity: LayerFidelity | None = None  # to the text layer, where it was read from there
    first_token: float | None = field(default=None, compare=False)  # when an engine that streams had it; Unix time


@dataclass(frozen=True, slots=True)
class RetryParams:
    """The decoding settings of a further attempt at a page whose output is bad; they replace those of the run."""

    handles: frozenset[Reason]  # defects of the output
    ngram_size: int  # as in `DeepseekOcr2Settings`
    ngram_window: int
    prompt: str | None = None  # instead of the usual one
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineDescription:
    """Description of an engine, for the rows and for the scheduler."""

    name: str
    slots: int  # pages it wants in flight at once
    model: str | None = None
    model_revision: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    gpus: int = 0  # that one engine takes
    takes_all_cores: bool = False  # so that a machine without GPUs runs one
    keeps_deadlines: bool = False  # it bounds the time of a page itself; none is given up from outside
    writes_markup: bool = False  # formulas as LaTeX, tables with their cells, text in pictures
    scripts: frozenset[str] | None = None  # it can write, in the words of scripts.py; None: any
    retry_policy: tuple[RetryParams, ...] = ()  # for pages whose output is bad, in this order
    usual: RetryParams | None = None  # the first attempt in their words; None if no page can have its own prompt


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work in some process: Unix times by the clock of its machine."""

    host: str
    pid: int
    began: float
    ended: float
    first_token: float | None = None  # of an engine that streams: what comes before is its queue, encoder and prefill

    @classmethod
    def since(cls, began: float, first_token: float | None = None) -> "Work":
        """Describe work of this process that ends now."""
        return cls(_HOST, os.getpid(), began, time.time(), first_token)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at reading one page."""

    engine: str
    seconds: float
    prompt: str | None = None
    temperature: float | None = None
    finish_reason: str | None = None
    output_tokens: int | None = None
    reason: Reason | None = None
    tried: str | None = None  # in which way the page was rendered again, or what read it instead
    work: Work | None = field(default=None, compare=False)  # of the engine, until it answers; no part of a row
    sent: float | None = field(default=None, compare=False)  # when an engine had a slot for it: `RenderedPage.sent`


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why a page or document cannot be read, as a value; `detail` is for its row."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class EngineDown:
    """The death of an engine with the pages that it had; they are tried again once one is up."""

    detail: str
    out_of_memory: bool = False
    is_final: bool = False  # starting it again would not help: the run ends, and what is read is kept


@dataclass(frozen=True, slots=True)
class RoutedPage:
    """A page that was inspected, with its route; the base of the records below."""

    page_number: int
    geometry: PageGeometry
    decision: RouteDecision
    features: PageFeatures | None = None  # the basis of the decision
    renderer: str = "mupdf"  # or pdfium, or pillow (image files)
    detail: str | None = None  # the library's messages, capped
    render_ms: float = 0.0
    work: Work | None = field(default=None, compare=False)  # of the rasterizer, which ends with the image


@dataclass(frozen=True, slots=True)
class BlankPage(RoutedPage):
    """A page with nothing on it."""

    kind: Literal["blank"] = "blank"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLayerPage(RoutedPage):
    """A page that was read from its text layer; its raster has a size if pictures are cut from it."""

    text: PageText
    kind: Literal["text_layer"] = "text_layer"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPage(RoutedPage):
    """A page that awaits OCR. Small: its image travels beside it (workers/rendering/rasterizer.py)."""

    layer_text: str | None = None  # the page's own text where OCR can be checked against it
    layer_lines: tuple[LayerLine, ...] = ()  # the same in lines, without what no reader sees; no part of a row
    unwritable_share: float = 0.0  # of the layer's letters, those of scripts that the engine cannot write
    image_bytes: int = 0  # of the image that travels beside it, or of its views
    rung: int | None = None  # of `engine.tries.rungs`, by which it was rendered again
    kept: PageText | None = None  # from a good layer: stands if the engine does worse
    kept_figures: tuple[Figure, ...] | None = None  # its pictures; None if none are cut out
    flags: tuple[str, ...] = ()  # of the page, whoever reads it
    prompt: str | None = None  # that somebody wants for this page, in place of the usual one
    sent: float | None = field(default=None, compare=False)  # Unix time when an engine had a slot for it
    kind: Literal["rendered"] = "rendered"


@dataclass(frozen=True, slots=True)
class FailedPage:
    """A page that could not be read from its document, nor rendered."""

    page_number: int
    reason: Reason
    detail: str | None  # the library's messages, capped
    renderer: str | None = None  # that failed; None if none had it
    render_ms: float = 0.0
    work: Work | None = field(default=None, compare=False)
    kind: Literal["failed"] = "failed"


PageResult = BlankPage | TextLayerPage | RenderedPage | FailedPage
"""A page after the rasterizer."""
