"""Rules that make PyMuPDF's layout Markdown fit for a corpus. Each takes and gives the text of one block.

The library marks type, not meaning: `# **Title**`, `**V** A **I** nformation`, `_trace_ .`, `<u>`, and pictures as
comments full of `<br>`. What is written here keeps every letter and drops such marks.
"""

import re
from collections.abc import Set as AbstractSet

_LABELS = {
    "page-header": "header",
    "page-footer": "footer",
    "section-header": "heading",
    "list-item": "list",
}
_PICTURE_MARKS = re.compile(r"<!-- (?:Start|End) of picture text -->|==> picture [^\n]* <==")
_TYPE_TAGS = re.compile(r"</?(?:u|mark)>")
_BREAKS_IN_CELL = re.compile(r"[ \t]*(?:<br>[ \t]*)+")
_CELL_EDGE_BREAKS = re.compile(r"(?<=\|)<br>|<br>(?=\|)")
_NOTHING_BOLD = re.compile(r"\*\*([^\w*]*)\*\*|(?<!\w)_([^\w_\n]*)_(?!\w)")
_BOLD_AGAIN = re.compile(r"(?<=[^\s*])\*\* \*\*(?=[^\s*])")
_BEFORE_POINT = re.compile(r"(</su[pb]>|(?<=[\w)])(?:\*\*|_|`)) (?=[.,)\]])")
_AFTER_BRACKET = re.compile(r"([(\[]) (?=(?:\*\*|_|`)\w)")
_SPLIT_WORD = re.compile(r"(?<![\w*])(\*\*|_)(\w+)\1 (\w+)|(?<!\w)(\w+) (\*\*|_)(\w+)\5(?!\w)")
_SPACE_IN_HAN = re.compile(
    r"(?<=[\u3001-\u30ff\u3400-\u9fff\uff01-\uff60]) (?=[\u3001-\u30ff\u3400-\u9fff\uff01-\uff60])"
)
_SPACES = re.compile(r"(?<=\S)[ \t]+")
_CODE_FENCE = "```"
_MARKUP = re.compile(r"<!--.*?-->|</?(?:br|sup|sub|u|mark)>")


def label_of(box_class: str) -> str:
    """Our label for a class of the layout model."""
    return _LABELS.get(box_class, box_class)


def without_markup(markdown: str) -> str:
    """Markdown without tags and comments, for counting its letters."""
    return _MARKUP.sub(" ", markdown)


def trim_block(text: str, label: str, words: AbstractSet[str]) -> str:
    """One block without marks that mean nothing. `words`: those of the page, to mend words cut by a change of type."""
    if label == "table":
        return _trim_table(text)
    text = _TYPE_TAGS.sub("", _PICTURE_MARKS.sub("", text))
    if label in ("picture", "formula"):
        return "\n".join(filter(None, (" ".join(line.split()) for line in text.replace("<br>", "\n").split("\n"))))
    if text.lstrip().startswith(_CODE_FENCE):
        return text.strip("\n").rstrip()
    text = _mend_words(text, words)
    if label in ("title", "heading"):
        return _trim_heading(text)
    lines = [_trim_line(line) for line in text.split("\n")]
    return "\n".join(filter(None, lines)) if label == "list" else re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _trim_line(line: str) -> str:
    """A line of running text; its indentation is kept, because nested lists have it."""
    line = _NOTHING_BOLD.sub(lambda match: match[1] or match[2] or "", line)
    line = _BOLD_AGAIN.sub(" ", line)
    line = _BEFORE_POINT.sub(r"\1", line)
    line = _AFTER_BRACKET.sub(r"\1", line)
    line = _SPACE_IN_HAN.sub("", line)
    return _SPACES.sub(" ", line).rstrip()


def _trim_heading(text: str) -> str:
    """A heading on one line, without bold: it is a heading already. Nothing if no text is left."""
    marks, _, words = text.strip().partition(" ")
    if set(marks) != {"#"}:
        marks, words = "", text
    words = _trim_line(" ".join(words.replace("**", "").split()))
    return f"{marks} {words}".strip() if words else ""


def _trim_table(text: str) -> str:
    """The rows as they are, line breaks within cells never doubled nor at the edge of a cell."""
    text = _BREAKS_IN_CELL.sub("<br>", _TYPE_TAGS.sub("", text))
    return "\n".join(filter(None, (line.rstrip() for line in _CELL_EDGE_BREAKS.sub("", text).split("\n"))))


def _mend_words(text: str, words: AbstractSet[str]) -> str:
    """Join two pieces of a word, one bold or italic, if the page has the whole word and not the second piece."""

    def joined(match: re.Match[str]) -> str:
        first, second = (match[2], match[3]) if match[2] else (match[4], match[6])
        piece = second if match[2] else first
        return first + second if first + second in words and piece not in words else match[0]

    return _SPLIT_WORD.sub(joined, text)
