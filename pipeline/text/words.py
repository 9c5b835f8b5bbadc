"""Words of a page with their places and type: what text, tables and formulas are assembled from.

A word is a run of characters without white space between them, as MuPDF finds it. Coordinates are points in the
reading plane: the page turned so that most of its text stands upright, origin at the top left, y down.
"""

import re
from enum import IntEnum
from typing import NamedTuple

from ocrmill.pipeline.text.reading_order import Box

SOFT_HYPHEN = "\u00ad"  # at the end of a word that goes on in the next line
BULLETS = "\u2022\u2023\u2043\u2219\u25a0-\u25ff\u27a2\u00b7"  # signs before items of a list, for a set of `re`
PRIVATE_BULLETS = "\uf0a7\uf0b7"  # of Symbol and Wingdings
HANGUL = re.compile("[\uac00-\ud7a3]")  # a syllable of Korean


class Rise(IntEnum):
    """Place of characters above or below the baseline of their line."""

    SUBSCRIPT = -1
    NONE = 0
    SUPERSCRIPT = 1


class Piece(NamedTuple):
    """Characters of a word that have the same type. A tuple, as a box is, and for the same reason."""

    text: str
    box: Box
    size: float  # of the type, in points
    bold: bool = False
    italic: bool = False
    mono: bool = False
    rise: Rise = Rise.NONE
    note: str = ""  # label of the footnote whose mark it is


class Word(NamedTuple):
    """A word of a page; `line` numbers the line of the layer in which it stands, in the layer's order."""

    pieces: tuple[Piece, ...]  # at least one
    box: Box
    baseline: float  # y
    line: int
    link: str = ""  # URI to which it leads
    goes_on: bool = False  # in the next line, without a hyphen, as Korean words do

    @property
    def text(self) -> str:
        """Its characters, without markup."""
        return self.pieces[0].text if len(self.pieces) == 1 else "".join([piece.text for piece in self.pieces])

    @property
    def size(self) -> float:
        """Return the size of its largest type, in points."""
        return self.pieces[0].size if len(self.pieces) == 1 else max(piece.size for piece in self.pieces)

    @property
    def bold(self) -> bool:
        """Tell if all of it is bold."""
        return self.pieces[0].bold if len(self.pieces) == 1 else all(piece.bold for piece in self.pieces)

    @property
    def italic(self) -> bool:
        """Tell if all of it is slanted."""
        return self.pieces[0].italic if len(self.pieces) == 1 else all(piece.italic for piece in self.pieces)

    @property
    def mono(self) -> bool:
        """Tell if all of it is in type of fixed width."""
        return self.pieces[0].mono if len(self.pieces) == 1 else all(piece.mono for piece in self.pieces)
