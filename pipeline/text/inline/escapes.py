"""Escapes: text that CommonMark would take for markup gets a backslash, and nothing else does."""

import re

_SPECIAL = re.compile(r"[&<\[*_`~\\]")  # all that is escaped begins with one of them
_ENTITY = re.compile(r"&(?=#?\w+;)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_LINK = re.compile(r"\[(?=[^\[\]]*\]\()|\[(?=\^)")
_EMPHASIS = re.compile(r"(?<!\s)\*|\*(?!\s)|(?<![^\W_])_|_(?![^\W_])|`|~(?=~)|\\(?=[!-/:-@\[-`{-~])")
_LINE_START = re.compile(r"(?=#{1,6}(?:\s|$)|>|[-+*](?:\s|$)|(?:[-_=]\s*)+$|(?:\*\s*){3,}$|~~~|\[[^\]]+\]:)")
_NUMBER_START = re.compile(r"(\d{1,9})(?=[.)](?:\s|$))")


def escape(text: str) -> str:
    """Put a backslash before what CommonMark would read as markup within a line."""
    if not _SPECIAL.search(text):
        return text
    text = _EMPHASIS.sub(lambda match: f"\\{match[0]}", text)
    return _LINK.sub(r"\\[", _TAG.sub(r"\\<", _ENTITY.sub(r"\\&", text)))


def escape_start(text: str) -> str:
    """Put a backslash before what CommonMark would read as a heading, quotation, item or rule at a line's start."""
    if _LINE_START.match(text) and not text.startswith(("**", "***")):
        return f"\\{text}"
    return _NUMBER_START.sub(r"\1\\", text, count=1) if _NUMBER_START.match(text) else text
