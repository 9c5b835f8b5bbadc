"""The normal form of olmOCR-bench: one line, without bold and italics, with plain quotes and hyphens."""

import re
import unicodedata

_MARKUP = (
    (re.compile(r"<br/?>"), " "),
    (re.compile(r"\s+"), " "),
    (re.compile(r"\*\*(.*?)\*\*"), r"\1"),
    (re.compile(r"__(.*?)__"), r"\1"),
    (re.compile(r"</?[bi]>"), ""),
    (re.compile(r"\*(.*?)\*"), r"\1"),
    (re.compile(r"_(.*?)_"), r"\1"),
)
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a", "'"),
        **dict.fromkeys("\u201c\u201d\u201e", '"'),
        **dict.fromkeys("\u2013\u2014\u2011\u2012\u2212", "-"),
        "\uff3f": "_",
        "\u00b5": "\u03bc",  # micro sign, mu
    }
)


def normal(text: str) -> str:
    """Return a text in normal form."""
    for pattern, instead in _MARKUP:
        text = pattern.sub(instead, text)
    return unicodedata.normalize("NFC", text).translate(_SIGNS)
