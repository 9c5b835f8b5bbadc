"""Stop a page that loops while it is being streamed, by the rule of `model_adapter/decoding/loop_stop.py`.

That rule reads token ids. A server sends text, so it is cut into pieces that are about as long as a model's tokens (a
word of Latin letters has 1.3 of them): up to six letters, one Han character, up to three digits, a sign, a tag. Where
the row of a table ends, in HTML or in Markdown, is one piece, so that equal rows are honest as long as there.
"""

import re

from ocrmill.model_adapter.decoding.loop_stop import ROW_END, LoopDetector

_PIECES = re.compile(
    r"</tr>|\n[ \t]*\|(?=[^\n])|<[^<>\n]{0,40}>|\d{1,3}|[A-Za-z]{1,6}|[^\W\d_A-Za-z]{1,2}|\s+|[^\w\s]|_", re.IGNORECASE
)
_FIRST = ROW_END + 1  # ids of pieces begin here
_UNSURE = 48  # characters at the end that the next ones may belong to: a tag that is not closed yet


class TextLoopDetector:
    """Reads one page's text as it comes."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._values: dict[int, int] = {}
        self._detector = LoopDetector(self._values, ROW_END)
        self._rest = ""

    def push(self, text: str) -> bool:
        """Append text; tell if the output now ends in a loop."""
        self._rest += text
        if len(self._rest) <= 2 * _UNSURE:
            return False
        tokens, end = [], 0
        for piece in _PIECES.finditer(self._rest):
            if piece.end() > len(self._rest) - _UNSURE:
                break
            tokens.append(self._id(piece[0]))
            end = piece.end()
        self._rest = self._rest[end:] if tokens else self._rest[-_UNSURE:]
        return bool(tokens) and self._detector.push(tokens)

    def _id(self, piece: str) -> int:
        if "".join(piece.split()).lower() == "</tr>" or (piece[0] == "\n" and piece.strip() == "|"):
            return ROW_END
        if piece not in self._ids:
            token = self._ids[piece] = _FIRST + len(self._ids)
            if piece.isascii() and piece.isdecimal():
                self._values[token] = int(piece)
        return self._ids[piece]
