"""Levels of Markdown headings in order: none is more than one deeper than the one that it stands under.

The level of a heading comes from its page alone: from its type, or from a model that has seen no other page. So a
document can go from `#` to `###`. What is deeper than what stays; only the gaps go: `# ### ###` becomes `# ## ##`.
"""

import re

_HEADING = re.compile(r"^( {0,3})(#{1,6})(?=[ \t]|$)", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(?:`{3}|~{3})", re.MULTILINE)


class Outline:
    """The headings that are open, from the start of a document on. Not covered: headings that are underlined."""

    def __init__(self) -> None:
        """Begin a document, under no heading."""
        self._open: list[tuple[int, int]] = []  # level as the page has it, and as it is written

    def in_order(self, markdown: str) -> str:
        """Return the next part of a document with its headings in order; one with fenced code stays as it is."""
        return markdown if _FENCE.search(markdown) else _HEADING.sub(self._written, markdown)

    def _written(self, heading: re.Match[str]) -> str:
        level = len(heading[2])
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        shown = self._open[-1][1] + 1 if self._open else level
        self._open.append((level, shown))
        return f"{heading[1]}{'#' * shown}"
