"""Advice on each reason for which a page or a document fails."""

from ocrmill.pipeline.records import Reason

_RETRY = "`ocrmill retry OUT --reason {}` reads these pages again"
_SEEN = "Look at the file: other readers may show the page. " + _RETRY + ", e.g. with another version of ocrmill"

ADVICE: dict[str, str] = {
    Reason.UNREADABLE: "Check permissions, paths and credentials; the next run tries these sources again",
    Reason.CHANGED: "The file changes while it is read: let it come to rest, or read a copy; the next run tries again",
    Reason.EMPTY_FILE: "The file has no bytes: fetch it again",
    Reason.UNSUPPORTED_TYPE: "Neither a PDF nor an image: convert it, or leave it out by input.exclude",
    Reason.DAMAGED: "The file is broken beyond what MuPDF and PDFium mend: fetch it again, or repair it with qpdf",
    Reason.ZERO_PAGES: "The PDF has no pages: fetch it again",
    Reason.PASSWORD_REQUIRED: "Put its password into input.passwords, then `ocrmill retry OUT --reason {}`",
    Reason.ENCRYPTION_UNSUPPORTED: "Save it without encryption in a program that opens it, and put that in its place",
    Reason.ARCHIVE_LIMIT: "Unpack the archive yourself if you trust it, or raise the limit that the message names",
    Reason.OBJECT_LIMIT: "Raise input.max_object_mb, or copy the file to a disk and read it there",
    Reason.PAGE_DAMAGED: "The page's own objects are broken: fetch the file again, or repair it with qpdf",
    Reason.RENDER_ERROR: _SEEN,
    Reason.RENDER_TIMEOUT: "Raise raster.page_wall_s or raster.page_cpu_s, then " + _RETRY,
    Reason.RENDER_CRASH: _SEEN,
    Reason.RENDER_MEMORY: "Raise raster.memory_mb or lower raster.dpi, then " + _RETRY,
    Reason.XFA_FORM: "The form is built by some viewers only: print it to a PDF there, and read that",
    Reason.UNDECODABLE: "A picture cannot be decoded: fetch the file again, or convert it with another reader",
    Reason.UNSUPPORTED_SCRIPT: "The engine cannot write this script: `ocrmill retry OUT --reason {} --engine NAME` "
    "asks another one",
    Reason.EMPTY_OUTPUT: "The engine wrote nothing: look at the pages; " + _RETRY + " with another engine",
    Reason.MALFORMED_OUTPUT: "The answer lacks the form that the profile names: check profile, prompt and model; "
    + _RETRY,
    Reason.REFUSED: "The model or its server's filter does not read these pages: use another one; " + _RETRY,
    Reason.PICTURE_ONLY: "Nothing to do: the page shows only a picture",
    Reason.TRUNCATED: "The engine came to its limit: allow more tokens, or another engine; " + _RETRY,
    Reason.REPETITION: "The engine looped at every attempt: " + _RETRY + " with other settings or another engine",
    Reason.DOUBTFUL: "The first attempt had a flag; look at the page",
    Reason.ENGINE_ERROR: "The engine raised an error, which the message has: mend that, then " + _RETRY,
    Reason.ENGINE_TIMEOUT: "Raise engine.page_timeout_s, or look for an overloaded engine, then " + _RETRY,
    Reason.ENGINE_CRASH: "The engine died on the page: look into its log for memory and drivers, then " + _RETRY,
}
_UNKNOWN = "This version of ocrmill does not know the reason: the message says more"


def advice_on(reason: str) -> str:
    """Return a sentence on what to do."""
    return ADVICE.get(reason, _UNKNOWN).format(reason)
